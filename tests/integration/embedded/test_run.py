"""A whole run: start, restart of a process, end by signal, end by force, second run."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from tests.integration.embedded.runs import Run, is_locked

PYTHON = f"'{sys.executable}'"
WAITING = f"web: {PYTHON} -c 'import signal; print(\"up\", flush=True); signal.pause()'\n"
STUBBORN = (
    f"web: {PYTHON} -c 'import signal, subprocess; signal.signal(15, signal.SIG_IGN); "
    'subprocess.Popen(["sleep", "600"], close_fds=False); print("up", flush=True); '
    "[signal.pause() for _ in iter(int, 1)]'\n"
)


@pytest.mark.alone
def test_sigterm_ends_everything_within_five_seconds(start: Callable[[str], Run]) -> None:
    run = start(WAITING)
    run.wait_for("web        | up")
    assert len(run.processes()) >= 3

    began = time.monotonic()
    run.end(signal.SIGTERM)

    assert run.process.returncode == 0
    assert time.monotonic() - began < 5
    assert not is_locked(run.data_dir)
    assert not (run.data_dir / "servers.json").exists()


@pytest.mark.alone
def test_ctrl_c_ends_processes_that_ignore_signals(start: Callable[[str], Run]) -> None:
    run = start(STUBBORN)
    run.wait_for("web        | up")

    began = time.monotonic()
    said = run.end(signal.SIGINT)

    assert "web does not end; it is killed" in said
    assert time.monotonic() - began < 5
    assert not is_locked(run.data_dir)


def test_what_was_written_survives_a_killed_runner(start: Callable[[str], Run]) -> None:
    run = start(WAITING)
    run.wait_for("web        | up")
    with psycopg.connect(run.addresses["database_url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
    with redis.Redis.from_url(run.addresses["redis_url"]) as client:
        client.set("kept", "1")

    run.end(signal.SIGKILL)
    run = start(WAITING)
    run.wait_for("web        | up")

    with psycopg.connect(run.addresses["database_url"]) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (1,)
    with redis.Redis.from_url(run.addresses["redis_url"]) as client:
        assert client.get("kept") == b"1"


def test_what_outlives_a_killed_runner_is_ended_by_the_next(start: Callable[[str], Run]) -> None:
    first = start(STUBBORN)
    first.wait_for("web        | up")
    left = first.processes()
    first.end(signal.SIGKILL)

    second = start(WAITING)
    second.wait_for("web        | up")

    assert not set(left) & set(second.processes())
    assert is_locked(second.data_dir)


def test_second_run_on_a_folder_is_refused_with_the_pid_of_the_first(
    start: Callable[[str], Run],
) -> None:
    first = start(WAITING)
    first.wait_for("ready")

    second = start(WAITING)
    said = second.process.communicate()[0]

    assert second.process.returncode == 2
    assert f"in use by process {first.process.pid}" in said
    assert first.process.poll() is None


def test_process_that_dies_is_started_again_and_it_is_said(start: Callable[[str], Run]) -> None:
    run = start(f"web: {PYTHON} -c 'import os; print(\"here\", os.getpid()); os._exit(3)'\n")

    seen = run.wait_for("web starts again in 1 s")

    assert "planexe-ax | web ended with exit code 3" in seen
    assert "planexe-ax | web starts again in 0.5 s" in seen


def test_server_that_dies_serves_again_at_the_same_address(start: Callable[[str], Run]) -> None:
    run = start(WAITING)
    run.wait_for("web        | up")
    url = run.addresses["redis_url"]
    with redis.Redis.from_url(url) as client:
        client.set("kept", "1")
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)

    run.wait_for("valkey starts again")

    deadline = time.monotonic() + 10
    while not (kept := _read(url)) and time.monotonic() < deadline:
        assert run.process.poll() is None
    assert kept == b"1"


def test_folder_of_another_version_ends_the_run_with_a_sentence(
    start: Callable[[str], Run], data_dir: Path
) -> None:
    data_dir.mkdir()
    (data_dir / "version").write_text("99\n")

    run = start(WAITING)

    assert "has layout '99'" in run.process.communicate()[0]
    assert run.process.returncode == 2


def _read(url: str) -> object:
    try:
        with redis.Redis.from_url(url) as client:
            return client.get("kept")
    except redis.ConnectionError:
        return None
