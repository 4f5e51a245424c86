"""Finding the servers for a command."""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from app.commands.reach import reach
from app.embedded.errors import StartError
from app.embedded.servers import running_servers
from config.settings import Settings


@pytest.fixture
def data_dir() -> Generator[Path]:
    """Name a data folder that other accounts may pass through, as the database needs."""
    parent = Path(tempfile.mkdtemp(prefix="planexe ax "))
    parent.chmod(0o711)
    yield parent / "data"
    shutil.rmtree(parent)


def test_addresses_that_are_set_are_taken_as_they_are(data_dir: Path) -> None:
    settings = Settings(database_url="postgresql://h/d", redis_url="redis://h/0", data_dir=data_dir)
    with reach(settings) as reached:
        assert reached is settings
    assert not data_dir.exists()


def test_no_folder_is_made_where_there_is_no_installation(data_dir: Path) -> None:
    with pytest.raises(StartError, match="no installation"), reach(Settings(data_dir=data_dir)):
        pass
    assert not data_dir.exists()


def test_servers_are_started_for_a_command_and_shared_with_a_run(data_dir: Path) -> None:
    # The lock is held: that is what a run looks like to a command.
    with running_servers(data_dir) as first, reach(Settings(data_dir=data_dir)) as reached:
        assert reached.database_url == first.database_url
        assert reached.redis_url == first.redis_url
    with reach(Settings(data_dir=data_dir)) as reached:
        assert reached.database_url
        with psycopg.connect(reached.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not (data_dir / "servers.json").exists()


def test_a_run_that_does_not_serve_yet_is_told_apart(data_dir: Path) -> None:
    with running_servers(data_dir):
        (data_dir / "servers.json").unlink()
        with (
            pytest.raises(StartError, match="does not serve yet"),
            reach(Settings(data_dir=data_dir)),
        ):
            pass
