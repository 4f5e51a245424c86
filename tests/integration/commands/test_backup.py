"""Backup, loss of the data folder and restore, as an operator does it."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from app.embedded.servers import running_servers
from app.record import migrate
from config.settings import PROJECT


@pytest.fixture
def folder() -> Generator[Path]:
    """Name a folder that other accounts may pass through, as the database needs."""
    folder = Path(tempfile.mkdtemp(prefix="planexe ax "))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def command(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_was_backed_up_comes_back_into_an_empty_folder(folder: Path) -> None:
    data, file = folder / "data", folder / "all.backup"
    with running_servers(data) as urls:
        environ = {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url}
        assert command("prepare", "--data-dir", data, **environ).returncode == 0
        key = (data / "user_key").read_text()
        made = command("backup", "--data-dir", data, file)
        assert "0 executions, 0 events" in made.stdout, made.stderr
        refused = command("restore", "--data-dir", data, file)
        assert refused.returncode == 2
        assert "in use by process" in refused.stderr
    # The folder is recreated below, so its database must not be found by its old name.
    shutil.rmtree((data / "postgres").resolve())
    shutil.rmtree(data)

    restored = command("restore", "--data-dir", data, file)

    assert restored.returncode == 0, restored.stderr
    assert "Redis and the record tell the same." in restored.stdout
    assert "all hold" in restored.stdout
    # The key itself is in no backup: a new one opens what the old one did, which still does.
    assert (data / "user_key").read_text() not in ("", key)
    assert "key of" not in command("recover", "--data-dir", data, "--json").stdout
    assert command("recover", "--data-dir", data, "--json", "--dry-run").stdout == "[]\n"


def test_a_restore_is_refused_while_a_process_uses_the_database(
    empty_database_url: str, redis_url: str, folder: Path
) -> None:
    migrate.upgrade(empty_database_url)
    environ = {"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url}
    file = folder / "all.backup"
    assert command("backup", file, **environ).returncode == 0
    with psycopg.connect(empty_database_url, application_name="planexe-ax"):
        refused = command("restore", file, **environ)
    assert refused.returncode == 2
    assert "Stop all processes first" in refused.stderr
    assert command("restore", "--data-dir", folder, file, **environ).returncode == 0


def test_what_cannot_be_restored_is_told_in_a_sentence(
    empty_database_url: str, redis_url: str, folder: Path
) -> None:
    migrate.upgrade(empty_database_url)
    environ = {"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url}
    refused = command("restore", folder / "nowhere", **environ)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "Nothing was restored" in refused.stderr
