"""One task at a time: poll, perform, report, and with the report take the next."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from planexe_agent.actions import ANY, Action
from planexe_agent.errors import Conflict, Invalid, NotFound
from planexe_agent.steps import Perform, Sleep
from planexe_agent.task import lease_seconds
from planexe_agent.wire import Request, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.backoff import Backoff
    from planexe_agent.registration import Registration
    from planexe_agent.reports import Reports
    from planexe_agent.running import Running
    from planexe_agent.steps import Alarm, Line, Steps
    from planexe_agent.task import Lease
    from planexe_agent.wire import Answer

_log = logging.getLogger(__name__)
_ANSWER_SECONDS = 15.0
_EMPTY_TOO_SOON_SECONDS = 1.0


@dataclass(frozen=True)
class Shared:
    """What the slots of one agent have in common.

    ``polls`` and ``reports`` are lines of their own, so that a stop can end the waiting polls and
    leave the results on their way alone. ``make_task`` makes the task as the actions take it.
    """

    registration: Registration
    actions: Mapping[str, Action]
    instance: str
    polls: Line
    reports: Reports
    running: Running
    poll_seconds: float
    backoff: Backoff
    stopping: Alarm
    make_task: Callable[..., Lease]

    def query(self, slot: int) -> dict[str, str]:
        """Give what a slot's polls and claims say of it; a stable instance resumes its leases."""
        query = {"instance": self.instance, "poll_id": f"{self.instance}/{slot}"}
        if ANY not in self.actions:
            query["supported_actions"] = ",".join(sorted(self.actions))
        return query


class Slot:
    """Performs one task after the other until the agent stops.

    Args:
        number: Which one it is, from 0.
        shared: What it shares with the others.

    Attributes:
        busy: Whether it holds a task.
    """

    def __init__(self, number: int, shared: Shared) -> None:
        self.busy = False
        self._shared = shared
        self._query = shared.query(number)
        self._pauses = shared.backoff.delays()

    def work(self) -> Steps[None]:
        """Work until the agent stops."""
        task: Lease | None = None
        while True:
            # Before the look at the stop: who stops the agent then knows whom to wait for.
            self.busy = task is not None
            if self._shared.stopping.is_set():
                return
            task = (
                (yield from self._finish(task)) if task is not None else (yield from self._poll())
            )

    def _poll(self) -> Steps[Lease | None]:
        asked = time.monotonic()
        seconds = self._shared.poll_seconds
        request = Request(
            "GET",
            f"/api/agents/{self._shared.registration.agent_id}/work",
            params={**self._query, "wait": f"{seconds:g}"},
            read_seconds=seconds + _ANSWER_SECONDS,
        )
        answer = yield from send(self._shared.polls, request, self._shared.backoff)
        task = self._taken(answer, None)
        if task is not None or time.monotonic() - asked >= _EMPTY_TOO_SOON_SECONDS:
            self._pauses = self._shared.backoff.delays()
        else:
            # A paused lease, or a server that does not hold polls: do not ask it in circles.
            yield Sleep(self._shared.stopping, next(self._pauses))
        return task

    def _finish(self, task: Lease) -> Steps[Lease | None]:
        self._shared.running.add(task)
        try:
            event: dict[str, Any] | None = yield Perform(self._shared.actions, task)
            return (yield from self._report(task, event)) if event is not None else None
        finally:
            self._shared.running.remove(task)

    def _report(self, task: Lease, event: Mapping[str, Any]) -> Steps[Lease | None]:
        try:
            answer = yield from self._send(task, event)
        except (Conflict, NotFound) as refusal:
            _log.warning("result dropped by the server: task=%s error=%s", task.task_id, refusal)
            return None
        except Invalid as refusal:
            _log.error("result refused by the server: task=%s error=%s", task.task_id, refusal)
            # The plan's owner must see why; where even this is refused, the agent ends.
            message = f"the server refused the result: {refusal}"
            told = {"error_type": "validation_error", "error_message": message}
            answer = yield from self._send(task, task.event("task_error", **told))
        _log.debug("reported: task=%s action=%s", task.task_id, task.action)
        return self._taken(answer, task.execution_id)

    def _send(self, task: Lease, event: Mapping[str, Any]) -> Steps[Answer]:
        claim = None if self._shared.stopping.is_set() else self._query
        return (yield from self._shared.reports.send(task.execution_id, event, claim=claim))

    def _taken(self, answer: Answer, reported: str | None) -> Lease | None:
        """Read the work in an answer; None where there is none that may start.

        Work that may not start stays leased: the next poll of this slot brings it again.

        Args:
            answer: To a poll, or to an event that claimed.
            reported: The event's execution: its flags say nothing of another one's.
        """
        envelope = answer.body
        work = envelope.get("next_task")
        if work and "next_task" in work:
            envelope, reported = work, None
            work = envelope["next_task"]
        if not work:
            return None
        ids = work if "execution_id" in work else envelope
        held = envelope.get("force_pause") or envelope.get("force_cancel")
        if held and reported in {None, ids["execution_id"]}:
            return None
        shared = self._shared
        seconds = lease_seconds(work, answer, shared.registration.lease_seconds)
        return shared.make_task(work, ids, shared.reports, seconds)
