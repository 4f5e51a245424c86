"""A runner in a process of its own, and what can be seen of it from outside."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

RUNNER = Path(__file__).with_name("runner.py")
PROJECT = Path(__file__).resolve().parents[3]


class Run:
    """A runner in a process of its own."""

    def __init__(self, data_dir: Path, procfile: str) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        file = data_dir.with_name("Procfile")
        file.write_text(procfile)
        self.process = subprocess.Popen(
            [sys.executable, RUNNER, data_dir, file],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )

    def wait_for(self, words: str) -> list[str]:
        """Read what the run says until a line holds the words; fails when the run ends before."""
        seen: list[str] = []
        assert self.process.stdout
        for line in self.process.stdout:
            seen.append(line.rstrip())
            if words in line:
                return seen
        raise AssertionError(f"{words!r} was never said:\n" + "\n".join(seen))

    def end(self, number: signal.Signals) -> str:
        """Send a signal, wait for the end, and return what was said until then."""
        self.process.send_signal(number)
        return self.process.communicate()[0]

    @property
    def addresses(self) -> dict[str, Any]:
        """Where its servers answer."""
        found: dict[str, Any] = json.loads((self.data_dir / "servers.json").read_text())
        return found

    def processes(self) -> list[int]:
        """List the pids of the run's processes, without the runner's own."""
        return [pid for pid in lock_holders(self.data_dir) if pid != self.process.pid]


def lock_holders(data_dir: Path) -> list[int]:
    """List the pids of all processes of a run, by what they have open."""
    target = (data_dir / "lock").stat()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.path.samestat(entry.stat(), target):
                found.append(int(entry.parts[2]))
        except OSError:
            continue
    return sorted(set(found))


def is_locked(data_dir: Path) -> bool:
    """Tell whether any process still holds the folder."""
    with (data_dir / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
