"""One task at a time: poll, perform, report, and with the report take the next."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from planexe_agent.actions import ANY, Action
from planexe_agent.steps import Perform, Sleep
from planexe_agent.task import lease_seconds
from planexe_agent.wire import Request, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.backoff import Backoff
    from planexe_agent.registration import Registration
    from planexe_agent.reports import Reports
    from planexe_agent.results import Results
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
    results: Results
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
                if task is not None:  # It came with the answer to the last report.
                    yield from self._shared.reports.give_back([task])
                return
            if task is not None:
                task = yield from self._finish(task)
            else:
                task = (yield from self._resend()) or (yield from self._poll())

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
        is_new = task is not None and not task.redelivered
        if is_new or time.monotonic() - asked >= _EMPTY_TOO_SOON_SECONDS:
            self._pauses = self._shared.backoff.delays()
        elif task is None:
            # A paused lease, or a server that does not hold polls: do not ask it in circles.
            yield Sleep(self._shared.stopping, next(self._pauses))
        return task

    def _finish(self, task: Lease) -> Steps[Lease | None]:
        shared = self._shared
        if not shared.running.add(task):
            # A server that takes this agent for one of a single task gives it to every slot.
            _log.info("performed by another slot: task=%s", task.task_id)
            yield Sleep(shared.stopping, next(self._pauses))
            return None
        try:
            kept = yield from shared.results.known(task)
            if kept is None:
                event: dict[str, Any] | None = yield Perform(shared.actions, task)
                if event is None or task.given_back:
                    return None
                kept = yield from shared.results.keep(task, event)
            task.performed = True
            answer = yield from shared.results.deliver(kept, self._claim())
        finally:
            shared.running.remove(task)
        return self._taken(answer, task.execution_id) if answer is not None else None

    def _resend(self) -> Steps[Lease | None]:
        """Send one result of an earlier run, where there is one; give what came with the answer."""
        kept = self._shared.results.next_unsent()
        if kept is None:
            return None
        answer = yield from self._shared.results.deliver_late(kept, self._claim())
        return self._taken(answer, kept.execution_id) if answer is not None else None

    def _claim(self) -> dict[str, str] | None:
        return None if self._shared.stopping.is_set() else self._query

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
