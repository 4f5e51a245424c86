"""A run of everything that the Procfile names, as seen and used from outside."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import redis

from config.settings import PROJECT

T = TypeVar("T")

UP = [sys.executable, "-m", "app.cli", "up", "--port", "0"]


@contextmanager
def folder() -> Generator[Path]:
    """Make a folder that the database's account may pass through."""
    path = Path(tempfile.mkdtemp(prefix="planexe ax "))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Serving:
    """One run. Its output goes to a file, so that nobody has to read it for the run to go on."""

    def __init__(self, folder: Path, *options: str, name: str = "data", **environ: str) -> None:
        self.data_dir = folder / name
        self._said = folder / f"{name}.said"
        self._ready_file = folder / f"{name}.ready"
        self._ready_file.unlink(missing_ok=True)
        places = ["--data-dir", str(self.data_dir), "--ready-file", str(self._ready_file)]
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                [*UP, *places, *options],
                env={**os.environ, **environ},
                cwd=PROJECT,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        """Give all it has said."""
        return self._said.read_text()

    def await_ready(self) -> "Serving":
        """Wait until it serves."""
        self.until("it serves", lambda: self._ready_file.exists() and self.ready)
        return self

    def until(self, what: str, holds: Callable[[], T], seconds: float = 60) -> T:
        """Wait until a described condition holds; fails with what was said when the run ends."""

        def look() -> T:
            ended = self.process.poll() is not None
            found = holds()
            assert found or not ended, f"it ended before: {what}\n{self.said()}"
            return found

        return until(what, look, seconds)

    @property
    def ready(self) -> dict[str, Any]:
        """What the ready file tells."""
        found: dict[str, Any] = json.loads(self._ready_file.read_text())
        return found

    @property
    def is_told_ready(self) -> bool:
        """Whether the ready file is there."""
        return self._ready_file.exists()

    @property
    def url(self) -> str:
        """Where it serves."""
        return str(self.ready["url"])

    @property
    def addresses(self) -> dict[str, str]:
        """Where its servers answer."""
        found: dict[str, str] = json.loads((self.data_dir / "servers.json").read_text())
        return found

    def api(self, key: str | None = None) -> httpx.Client:
        """Make a client with the owner's key, or another."""
        headers = {"Authorization": f"Bearer {key or self.ready['user_key']}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=70, trust_env=False)

    def executions(self) -> list[dict[str, Any]]:
        """List the executions."""
        with self.api() as api:
            found: list[dict[str, Any]] = api.get("/api/executions").json()["items"]
        return found

    def execute(self, plan: Path) -> subprocess.CompletedProcess[str]:
        """Carry a plan out with the simulated agent."""
        words = ["execute", "--url", self.url, "--agent-id", "simulated", "--auto-approve"]
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *words, "--plan", plan],
            env={**os.environ, "PLANEXE_DATA_DIR": str(self.data_dir)},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

    def live_keys(self, execution_id: str) -> list[Any]:
        """List the keys in Redis that name an execution, and the timers that do."""
        with redis.Redis.from_url(self.addresses["redis_url"]) as client:
            keys: list[Any] = list(client.scan_iter(f"*{execution_id}*", count=1000))
            timers: Any = client.zrange("ax:{default}:timers", 0, -1)
        return keys + [one for one in timers if execution_id in one.decode()]

    def agent_pid(self) -> int:
        """Find the process of the simulated agent."""
        runner = self.process.pid
        children = Path(f"/proc/{runner}/task/{runner}/children").read_text().split()
        found = [
            pid
            for pid in children
            if b"planexe_agent.simulated" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        return int(found[0])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; give the exit code.

        That this takes at most 5 seconds is shown by itself, where nothing else runs.
        """
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def serving(folder: Path, *options: str, name: str = "data", **environ: str) -> Iterator[Serving]:
    """Run while the context lasts."""
    run = Serving(folder, *options, name=name, **environ)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.end()


def until(what: str, holds: Callable[[], T], seconds: float = 10) -> T:
    """Wait until a described condition holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not in {seconds} seconds: {what}"
        time.sleep(0.05)
    return found
