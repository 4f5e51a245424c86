"""Signs of life for long actions, and what the server says to them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from planexe_agent.errors import AgentError, Conflict, refusal
from planexe_agent.steps import Sleep
from planexe_agent.task import lease_seconds

if TYPE_CHECKING:
    from planexe_agent.reports import Reports
    from planexe_agent.running import Running
    from planexe_agent.steps import Steps
    from planexe_agent.task import Lease

_log = logging.getLogger(__name__)
_CONFLICT = 409


def beat(running: Running, reports: Reports) -> Steps[None]:
    """Send the heartbeats that are due, until ``running`` is closed.

    They extend leases, and notice those that were lost. One that does not arrive is left to the
    next.
    """
    while not running.closed:
        # Cleared before the look: whoever changes something later ends the sleep.
        running.changed.clear()
        for execution_id, tasks in running.take_due().items():
            yield from _try_to_beat(reports, execution_id, tasks)
        seconds = running.seconds_to_next()
        if seconds is None or seconds > 0:
            yield Sleep(running.changed, seconds)


def _try_to_beat(reports: Reports, execution_id: str, tasks: list[Lease]) -> Steps[None]:
    try:
        yield from _beat(reports, execution_id, tasks)
    except Conflict as conflict:
        for task in tasks:
            task.refused(conflict)
    except AgentError as error:
        _log.warning("heartbeat failed: execution=%s error=%s", execution_id, error)
    # The edge of the loop: without it all leases would be lost for one bad answer.
    except Exception:  # noqa: BLE001 - logged with its traceback
        _log.exception("heartbeat failed: execution=%s", execution_id)


def _beat(reports: Reports, execution_id: str, tasks: list[Lease]) -> Steps[None]:
    answer = yield from reports.heartbeat(execution_id, tasks)
    for task, result in zip(tasks, answer.body["results"]):
        if result.get("status") == _CONFLICT:
            _log.warning("lease lost: task=%s detail=%s", task.task_id, result.get("detail"))
            task.refused(refusal(_CONFLICT, result, "heartbeat"))
        else:
            task.lease_seconds = lease_seconds(result, answer, task.lease_seconds)
