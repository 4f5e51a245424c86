"""Processes by their pid: who belongs to whom, freezing and killing. Linux, by ``/proc``."""

import contextlib
import os
import signal
from collections.abc import Generator, Iterable
from pathlib import Path


def children(pid: int) -> list[int]:
    """List the processes that this one started and that are still there."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(one) for one in task.read_text().split()]
    return found


def tree(pid: int) -> list[int]:
    """List a process and all that descend from it, itself first."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


def words(pid: int) -> list[str]:
    """Give the command line of a process; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def environment(pid: int) -> dict[str, str]:
    """Give the environment that a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def frozen(pids: Iterable[int]) -> Generator[None]:
    """Keep processes from running while the context lasts."""
    chosen = list(pids)
    send(signal.SIGSTOP, chosen)
    try:
        yield
    finally:
        send(signal.SIGCONT, chosen)
