"""Signs of life for long actions."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from planexe_agent.errors import AgentError, Conflict, refusal
from planexe_agent.task import lease_seconds

if TYPE_CHECKING:
    from planexe_agent.reports import Reports
    from planexe_agent.running import Running
    from planexe_agent.task import Task

_log = logging.getLogger(__name__)
_CONFLICT = 409


class Heartbeats(threading.Thread):
    """Extends leases at a quarter of their time, and notices those that were lost.

    A heartbeat that does not arrive is left to the next one; ends when ``running`` is closed.
    """

    def __init__(self, running: Running, reports: Reports) -> None:
        super().__init__(name="planexe-heartbeats", daemon=True)
        self._running = running
        self._reports = reports

    def run(self) -> None:
        """Send what is due, until there is nothing more to come."""
        while due := self._running.wait_for_due():
            for execution_id, tasks in due.items():
                self._try_to_beat(execution_id, tasks)

    def _try_to_beat(self, execution_id: str, tasks: list[Task]) -> None:
        try:
            self._beat(execution_id, tasks)
        except Conflict as conflict:
            for task in tasks:
                task.refused(conflict)
        except AgentError as error:
            _log.warning("execution %s: heartbeat failed: %s", execution_id, error)
        # The edge of the thread: without it all leases would be lost for one bad answer.
        except Exception:  # noqa: BLE001 - logged with its traceback
            _log.exception("execution %s: heartbeat failed", execution_id)

    def _beat(self, execution_id: str, tasks: list[Task]) -> None:
        answer = self._reports.heartbeat(execution_id, tasks)
        for task, result in zip(tasks, answer.body["results"]):
            if result.get("status") == _CONFLICT:
                _log.warning("task %s: no longer ours: %s", task.task_id, result.get("detail"))
                task.refused(refusal(_CONFLICT, result, "heartbeat"))
            else:
                task.lease_seconds = lease_seconds(result, answer, task.lease_seconds)
