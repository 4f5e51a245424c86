"""The system under test: ``planexe-ax up`` with everything embedded, and its processes by name."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import httpx

from app.embedded.lock import FolderLock
from app.embedded.ports import free_port
from app.embedded.program import Program
from config.settings import PROJECT
from tests.chaos.processes import children, environment, frozen, send, tree, words

LEASE_SECONDS: Final = 3
_SETTINGS: Final = {
    "PLANEXE_LEASE_SECONDS": str(LEASE_SECONDS),
    "PLANEXE_HEARTBEAT_INTERVAL_SECONDS": "1",
    "PLANEXE_BACKOFF_SECONDS": "0",
    "PLANEXE_MAX_BACKOFF_SECONDS": "1",
    "PLANEXE_WAIT_FIRST_CHECK_SECONDS": "1",
    "PLANEXE_WAIT_LONGEST_CHECK_SECONDS": "2",
    "PLANEXE_FINISHED_GRACE_SECONDS": "2",
    "PLANEXE_AGENT_OFFLINE_MINUTES": "0.5",
    "PLANEXE_LOG_LEVEL": "warning",
}
_MARKS: Final = {
    "web": "gunicorn",
    "worker": "worker",
    "clock": "workers.clock",
    "desk": "workers.desk",
    "redis": "valkey-server",
    "postgres": "postgres",
}
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 0.02


class DidNotHappen(Exception):
    """Something that had to happen did not, in its time."""


def until(what: str, holds: Callable[[], object], seconds: float = _START_SECONDS) -> None:
    """Wait until something holds.

    Raises:
        DidNotHappen: Not within the time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise DidNotHappen(f"not in {seconds:g} s: {what}")
        time.sleep(_LOOK_AGAIN_SECONDS)


class Site:
    """One installation on one data folder. Start and end it from the main thread only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self._ready_file = folder / "ready.json"
        self._port = free_port()
        self._runs = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._extra: list[subprocess.Popen[bytes]] = []
        self.urls = [f"http://127.0.0.1:{self._port}"]
        self.user_key = ""

    def start(self) -> None:
        """Start the supervisor and wait until the site serves; one that gives up is started again.

        As a service manager does: what a killed run left behind may still be about to end.
        """
        self._spawn()
        until("the site serves", self._serves)
        self.user_key = json.loads(self._ready_file.read_text())["user_key"]

    def end(self) -> None:
        """End everything; whatever hangs is killed."""
        self.end_extra()
        process = self._process
        if process and process.poll() is None:
            send(signal.SIGCONT, tree(process.pid))
            _end(process)
        self._end_what_is_left()

    @property
    def addresses(self) -> dict[str, str]:
        """Where the servers answer, with their passwords."""
        found: dict[str, str] = json.loads((self.data_dir / "servers.json").read_text())
        return found

    def is_ready(self) -> bool:
        """Tell whether every process runs, and the servers answer."""
        running = children(self.supervisor)
        if not all(any(_is(pid, name) for pid in running) for name in _MARKS):
            return False
        try:
            answer = httpx.get(f"{self.urls[0]}/readyz", timeout=1, trust_env=False)
        except httpx.RequestError:
            return False
        return answer.is_success

    def pid(self, name: str) -> int:
        """Find a process of the site, by its name in the Procfile; wait for it where it is away."""
        found: list[int] = []

        def look() -> bool:
            found.extend(one for one in children(self.supervisor) if _is(one, name))
            return bool(found)

        until(f"there is a process {name}", look)
        return found[0]

    @property
    def supervisor(self) -> int:
        """Pid of the supervisor."""
        assert self._process
        return self._process.pid

    def kill(self, *names: str) -> None:
        """Kill processes with everything below them, all at once."""
        send(signal.SIGKILL, [pid for name in names for pid in tree(self.pid(name))])

    def kill_supervisor(self, *, everything: bool = False) -> None:
        """Kill the supervisor, or with it all that runs, and start anew."""
        chosen = tree(self.supervisor) if everything else [self.supervisor]
        # Frozen first: it shall not see the others end.
        send(signal.SIGSTOP, chosen[:1])
        send(signal.SIGKILL, chosen)
        assert self._process
        self._process.wait()
        self.start()

    @contextlib.contextmanager
    def unsupervised(self) -> Generator[None]:
        """Keep the supervisor from restarting anything, and read its programs' output for it."""
        pipes = [
            link
            for link in Path(f"/proc/{self.supervisor}/fd").iterdir()
            if str(link.readlink()).startswith("pipe:")
        ]
        over = threading.Event()
        reader = threading.Thread(target=_drain, args=(pipes, over))
        with frozen([self.supervisor]):
            reader.start()
            try:
                yield
            finally:
                over.set()
                reader.join()

    def start_extra(self, name: str, shift_seconds: float = 0, **environ: str) -> int:
        """Start one more process of a kind, with a clock of its own; gives its pid."""
        command = [sys.executable, "-m", "tests.chaos.shifted", f"{shift_seconds:g}", name]
        given = {**environment(self.pid(name)), **environ}
        log = self.folder / f"extra-{name}-{len(self._extra)}.log"
        process = Program(name, command, given, PROJECT, log=log).spawn()
        self._extra.append(process)
        return process.pid

    def end_extra(self) -> None:
        """End the processes started beside the supervisor's."""
        for process in self._extra:
            _end(process)
        del self.urls[1:]

    def _end_what_is_left(self) -> None:
        """See everything off that a killed supervisor left: all of it holds the folder's lock."""
        if not (self.data_dir / "lock").exists():
            return
        lock = FolderLock(self.data_dir / "lock")
        try:
            until("everything has ended", lambda: not lock.holders(), _STOP_SECONDS)
        except DidNotHappen:
            lock.end_holders()
        finally:
            lock.release()

    def _spawn(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        self._runs += 1
        command = [sys.executable, "-m", "app.cli", "up", "--agent", "none"]
        command += ["--port", str(self._port), "--data-dir", str(self.data_dir)]
        command += ["--ready-file", str(self._ready_file)]
        environ = {**os.environ, **_SETTINGS}
        log = self.folder / f"run-{self._runs}.log"
        self._process = Program("up", command, environ, PROJECT, log=log).spawn()

    def _serves(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            self._spawn()
        return self._ready_file.exists()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    everything = tree(process.pid)
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        send(signal.SIGKILL, everything)
        process.wait()


def _is(pid: int, name: str) -> bool:
    return any(Path(word).name.split(" ")[0] == _MARKS[name] for word in words(pid))


def _drain(pipes: list[Path], over: threading.Event) -> None:
    ends: list[int] = []
    for pipe in pipes:
        with contextlib.suppress(OSError):
            ends.append(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
    while not over.wait(_LOOK_AGAIN_SECONDS):
        for end in ends:
            with contextlib.suppress(BlockingIOError):
                os.read(end, 65536)
    for end in ends:
        os.close(end)
