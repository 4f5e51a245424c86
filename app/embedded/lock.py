"""The lock of a data folder: inherited by every process of a run, so free when the last is gone."""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from app.embedded.errors import FolderInUse

_DYING_SECONDS: Final = 3.0
_LOOK_AGAIN_SECONDS: Final = 0.05


class FolderLock:
    """An exclusive lock on a file that holds the pid of the run.

    Processes started with ``descriptor`` passed on hold it too. So after a ``kill -9`` of the run
    the lock tells whether something of it is left, and what.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> None:
        """Take the lock, ending what a killed run left behind.

        Raises:
            FolderInUse: The run that holds it is alive; stop it first.
        """
        deadline = time.monotonic() + _DYING_SECONDS
        while not self._try():
            owner = self._owner()
            if is_alive(owner) and owner in (self.holders() or [owner]):
                raise FolderInUse(str(self.path.parent), owner)
            if time.monotonic() > deadline:
                self.end_holders()
            if time.monotonic() > deadline + _DYING_SECONDS:
                raise FolderInUse(str(self.path.parent), owner)
            time.sleep(_LOOK_AGAIN_SECONDS)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the lock up, as far as this process holds it."""
        os.close(self.descriptor)

    def holders(self) -> list[int]:
        """List the pids of the other processes that hold the lock."""
        if not Path("/proc/self/fdinfo").exists():
            return _openers(self.path)
        target = os.fstat(self.descriptor)
        pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if pid != os.getpid() and _holds(pid, target)]

    def end_holders(self) -> None:
        """Kill every other process that holds the lock."""
        for pid in self.holders():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _try(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _owner(self) -> int:
        written = os.pread(self.descriptor, 20, 0)
        # Between taking the lock and writing its pid, a run is not yet known.
        return int(written) if written.isdigit() else 0


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process, be it one that has ended and was not waited for."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return pid > 0


def _holds(pid: int, target: os.stat_result) -> bool:
    """Tell whether a process has the locked file open, and with the lock: on Linux."""
    try:
        return any(
            "FLOCK" in Path(f"/proc/{pid}/fdinfo/{link.name}").read_text()
            for link in Path(f"/proc/{pid}/fd").iterdir()
            if _is_file(link, target)
        )
    except OSError:
        return False  # It ended meanwhile, or belongs to another account.


def _is_file(link: Path, target: os.stat_result) -> bool:
    try:
        return os.path.samestat(link.stat(), target)
    except OSError:
        return False


def _openers(path: Path) -> list[int]:
    """List who has the file open, where there is no /proc: macOS."""
    try:
        found = subprocess.run(
            ["lsof", "-t", path],  # noqa: S607 where it lies differs
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return []
    return [int(pid) for pid in found.stdout.split() if int(pid) != os.getpid()]
