"""Events to the server, and what its answers tell running actions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from planexe_agent.errors import ServerRefused, Unavailable
from planexe_agent.wire import Request, send

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planexe_agent.backoff import Backoff
    from planexe_agent.running import Running
    from planexe_agent.steps import Line, Steps
    from planexe_agent.task import Lease
    from planexe_agent.wire import Answer

_log = logging.getLogger(__name__)
_END_SECONDS = 5.0
_STOPPED = {
    "error_type": "agent_stopped",
    "error_message": "the agent was stopped before the action ended",
}


class Reports:
    """Sends events; every answer's pause and cancel flags reach the actions they concern."""

    def __init__(self, line: Line, running: Running, backoff: Backoff) -> None:
        self._line = line
        self._running = running
        self._backoff = backoff

    def send(
        self,
        execution_id: str,
        event: Mapping[str, Any],
        *,
        claim: Mapping[str, str] | None = None,
        patient: bool = True,
    ) -> Steps[Answer]:
        """Send one event.

        Args:
            execution_id: What it belongs to.
            event: Carries its ``event_id``, so that a lost answer is harmless.
            claim: The poll to answer along with it, where more work is wanted.
            patient: Whether to re-send until it is answered.

        Raises:
            ServerRefused: The event was not accepted.
            Unavailable: The only attempt failed, where ``patient`` is false.
        """
        params = {"claim": "1", **claim} if claim is not None else None
        request = Request("POST", _path(execution_id), params=params, body=event)
        answer = yield from send(self._line, request, self._backoff, patient=patient)
        self._running.heed(execution_id, answer.body)
        return answer

    def heartbeat(self, execution_id: str, tasks: Iterable[Lease]) -> Steps[Answer]:
        """Send one heartbeat per task in one request, once; ``results`` come in their order."""
        beats = [task.event("heartbeat", progress_percent=task.progress_percent) for task in tasks]
        request = Request("POST", _path(execution_id), body={"events": beats})
        answer = yield from send(self._line, request, self._backoff, patient=False)
        for result in answer.body["results"]:
            self._running.heed(execution_id, result)
        return answer

    def give_back(self, tasks: Iterable[Lease]) -> Steps[None]:
        """Give leases back, so that another may take them at once; tried once each.

        A last attempt is kept: given back it would be a person's, while a restarted agent may
        still be given its lease again.
        """
        for task in tasks:
            if task.is_last_attempt:
                _log.warning("left unfinished, its last attempt: task=%s", task.task_id)
                continue
            task.given_back = True
            event = task.closing_event("task_error", retry_after_seconds=0, **_STOPPED)
            request = Request(
                "POST", _path(task.execution_id), body=event, read_seconds=_END_SECONDS
            )
            try:
                yield from send(self._line, request, self._backoff, patient=False)
                _log.warning("left unfinished, given back: task=%s", task.task_id)
            except ServerRefused as refusal:
                _log.warning("not given back: task=%s error=%s", task.task_id, refusal)
            except Unavailable as error:
                # The others would fare no better, and the agent is to end.
                _log.warning("not given back: task=%s error=%s", task.task_id, error)
                return


def _path(execution_id: str) -> str:
    return f"/api/executions/{execution_id}/events"
