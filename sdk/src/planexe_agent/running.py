"""The leases this process holds."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from planexe_agent.task import CANCELLED, PAUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.steps import Alarm
    from planexe_agent.task import Lease

_BEATS_PER_LEASE = 4


class Running:
    """The tasks whose leases this process holds, and when each needs its next heartbeat.

    Args:
        changed: Set when a heartbeat is due earlier than was known, and by ``close``.
        heartbeat_seconds: How long at most between two heartbeats of a task; leases that are
            short ask for them sooner.

    Attributes:
        closed: Whether there is nothing more to come.
    """

    def __init__(self, changed: Alarm | None = None, heartbeat_seconds: float = math.inf) -> None:
        self.changed: Alarm = changed or threading.Event()
        self.closed = False
        self._heartbeat_seconds = heartbeat_seconds
        self._due: dict[Lease, float] = {}
        self._lock = threading.Lock()
        self._wakes_at = math.inf
        self._stop_reason: str | None = None

    def add(self, task: Lease) -> bool:
        """Take up a task; tell whether nobody of this process holds its lease already."""
        due = self._next_beat(task, time.monotonic())
        with self._lock:
            if any(task.is_same_lease(each) for each in self._due):
                return False
            self._due[task] = due
            if self._stop_reason is not None:
                task.signal.set(self._stop_reason)
            # Only an earlier end is worth waking the heartbeats for: most tasks end before it.
            if due < self._wakes_at:
                self.changed.set()
            return True

    def remove(self, task: Lease) -> None:
        """Drop a task whose lease has ended."""
        with self._lock:
            self._due.pop(task, None)

    def tasks(self) -> list[Lease]:
        """List the tasks."""
        with self._lock:
            return list(self._due)

    def stop(self, reason: str) -> None:
        """Tell every running action to stop, and those that still begin."""
        with self._lock:
            self._stop_reason = reason
            for task in self._due:
                task.signal.set(reason)

    def heed(self, execution_id: str, answer: Mapping[str, Any]) -> None:
        """Pass an answer's pause and cancel flags on to the execution's running actions."""
        if "force_pause" not in answer and "force_cancel" not in answer:
            return
        for task in self.tasks():
            if task.execution_id != execution_id:
                continue
            if answer.get("force_cancel"):
                task.signal.set(CANCELLED)
            elif answer.get("force_pause"):
                task.signal.set(PAUSED)
            else:
                task.signal.clear_pause()

    def take_due(self) -> dict[str, list[Lease]]:
        """Give the tasks whose heartbeat is due, by execution, and set their next one."""
        taken: dict[str, list[Lease]] = defaultdict(list)
        with self._lock:
            now = time.monotonic()
            for task, due in self._due.items():
                if due <= now:
                    # Due whether or not this one arrives: a lease has four chances at least.
                    self._due[task] = self._next_beat(task, now)
                    taken[task.execution_id].append(task)
        return taken

    def seconds_to_next(self) -> float | None:
        """Tell how long nothing is due; None where nothing runs."""
        with self._lock:
            self._wakes_at = min(self._due.values(), default=math.inf)
            return None if self._wakes_at == math.inf else self._wakes_at - time.monotonic()

    def close(self) -> None:
        """Tell that there is nothing more to come."""
        self.closed = True
        self.changed.set()

    def _next_beat(self, task: Lease, now: float) -> float:
        return now + min(self._heartbeat_seconds, task.lease_seconds / _BEATS_PER_LEASE)
