"""The main job, with all processes of the Procfile: a plan goes in and ends COMPLETED."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from config.settings import PROJECT

PLANS = PROJECT.parent / "shared" / "plans"
REAL_PLANS = [
    *sorted(PLANS.glob("20*")),
    *sorted((PLANS / "zips").glob("*.zip")),
    *PLANS.glob("testdata/solarfarm"),
]
UP = [sys.executable, "-m", "app.cli", "up", "--port", "0", "--auto-approve"]


class Serving:
    """A run that serves, as its ready file and its data folder tell."""

    def __init__(self, folder: Path) -> None:
        self._data_dir = folder / "data"
        self.url: str = json.loads((folder / "ready").read_text())["url"]
        self._addresses = json.loads((self._data_dir / "servers.json").read_text())

    def execute(self, plan: Path) -> subprocess.CompletedProcess[str]:
        """Carry a plan out with the simulated agent."""
        words = ["execute", "--url", self.url, "--agent-id", "simulated", "--auto-approve"]
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *words, "--plan", plan],
            env={**os.environ, "PLANEXE_DATA_DIR": str(self._data_dir)},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

    def recorded(self, execution_id: str) -> tuple[Any, ...] | None:
        """Read from PostgreSQL: status, version, number of events, first and last seq."""
        with psycopg.connect(self._addresses["database_url"]) as connection:
            return connection.execute(
                "SELECT x.status, x.seq, count(e.seq), min(e.seq), max(e.seq) FROM executions x "
                "JOIN execution_events e USING (execution_id) WHERE execution_id = %s "
                "GROUP BY x.status, x.seq",
                [execution_id],
            ).fetchone()

    def live_keys(self, execution_id: str) -> list[Any]:
        """List the keys in Redis that name an execution."""
        with redis.Redis.from_url(self._addresses["redis_url"]) as client:
            return list(client.scan_iter(f"*{execution_id}*", count=1000))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Make a folder that the database's account may pass through."""
    path = Path(tempfile.mkdtemp(prefix="planexe ax "))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def serving(folder: Path) -> Generator[Serving]:
    """Run everything once for all tests of this module; the demo plan goes first."""
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [
                *UP,
                "--speed",
                "1000",
                "--data-dir",
                folder / "data",
                "--ready-file",
                folder / "ready",
            ],
            env={**os.environ, "PLANEXE_FINISHED_GRACE_SECONDS": "1"},
            cwd=PROJECT,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        until("it serves", 60, lambda: (folder / "ready").exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "said").read_text()
        yield Serving(folder)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    assert not (folder / "ready").exists()


@pytest.mark.skipif(not REAL_PLANS, reason="the real plans are not beside the project")
@pytest.mark.parametrize("plan", REAL_PLANS, ids=lambda plan: plan.name)
def test_real_plan_is_carried_out_recorded_without_gap_and_leaves_redis(
    serving: Serving, plan: Path
) -> None:
    ended = serving.execute(plan)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "COMPLETED" in ended.stdout
    execution_id, events = told(ended.stdout)
    until("all is recorded", 10, lambda: serving.recorded(execution_id) is not None)
    complete = ("COMPLETED", events, events, 1, events)
    until("the record is complete", 10, lambda: serving.recorded(execution_id) == complete)
    until("it has left Redis", 30, lambda: not serving.live_keys(execution_id))


@pytest.mark.parametrize(
    ("name", "content"),
    [("plan.zip", b"no zip"), ("plan.json", b"[]"), ("plan.json", b'{"title": "x", "phases": []}')],
)
def test_bad_plan_ends_with_the_reason(
    serving: Serving, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)

    ended = serving.execute(tmp_path / name)

    assert ended.returncode == 1
    assert re.search(r"The plan was not carried out: \S", ended.stdout)


def test_run_once_ends_with_a_summary_although_its_agent_is_killed(folder: Path) -> None:
    options = ["--once", "--speed", "10", "--data-dir", str(folder / "other")]
    with subprocess.Popen(
        [*UP, *options], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "RUNNING: 2 of 6 tasks" in line:
                os.kill(agent_of(process.pid), signal.SIGKILL)
        code = process.wait(timeout=10)

    everything = "".join(said)
    assert code == 0, everything
    assert "agent ended by SIGKILL" in everything
    assert "COMPLETED: Open a community tool library" in everything
    assert "tasks     6 of 6" in everything
    assert "subtasks  16 of 16" in everything


def told(summary: str) -> tuple[str, int]:
    """Read the execution's id and number of events from what a client printed."""
    started = re.search(r"Started (\S+):", summary)
    events = re.search(r"events +(\d+)", summary)
    assert started
    assert events
    return started[1], int(events[1])


def agent_of(runner: int) -> int:
    """Find the process of the simulated agent that a runner started."""
    children = Path(f"/proc/{runner}/task/{runner}/children").read_text().split()
    found = [
        pid
        for pid in children
        if b"planexe_agent.simulated" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return int(found[0])


def until(what: str, seconds: float, holds: Callable[[], bool]) -> None:
    """Wait until a described condition holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds} seconds: {what}"
        time.sleep(0.05)
