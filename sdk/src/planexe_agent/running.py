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

    from planexe_agent.task import Task

_BEATS_PER_LEASE = 4


class Running:
    """The tasks whose leases this process holds, and when each needs its next heartbeat."""

    def __init__(self) -> None:
        self._due: dict[Task, float] = {}
        self._changed = threading.Condition()
        self._wakes_at = math.inf
        self._closed = False
        self._stop_reason: str | None = None

    def add(self, task: Task) -> None:
        """Take up a task."""
        due = time.monotonic() + task.lease_seconds / _BEATS_PER_LEASE
        with self._changed:
            self._due[task] = due
            if self._stop_reason is not None:
                task.signal.set(self._stop_reason)
            # Only an earlier end is worth waking the heartbeats for: most tasks end before it.
            if due < self._wakes_at:
                self._changed.notify_all()

    def remove(self, task: Task) -> None:
        """Drop a task whose lease has ended."""
        with self._changed:
            self._due.pop(task, None)

    def tasks(self) -> list[Task]:
        """List the tasks."""
        with self._changed:
            return list(self._due)

    def stop(self, reason: str) -> None:
        """Tell every running action to stop, and those that still begin."""
        with self._changed:
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

    def wait_for_due(self) -> dict[str, list[Task]]:
        """Wait until a heartbeat is due; give the tasks by execution, nothing after ``close``."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                self._wakes_at = min(self._due.values(), default=math.inf)
                if self._wakes_at <= now:
                    return self._take_due(now)
                left = self._wakes_at - now
                self._changed.wait(None if left == math.inf else left)
            return {}

    def close(self) -> None:
        """End ``wait_for_due``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take_due(self, now: float) -> dict[str, list[Task]]:
        taken: dict[str, list[Task]] = defaultdict(list)
        for task, due in self._due.items():
            if due <= now:
                # The next one is due whether or not this one arrives: a lease has four chances.
                self._due[task] = now + task.lease_seconds / _BEATS_PER_LEASE
                taken[task.execution_id].append(task)
        return taken
