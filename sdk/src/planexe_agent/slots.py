"""One task at a time: poll, perform, report, and with the report take the next."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from planexe_agent.actions import ANY, Action, perform
from planexe_agent.errors import Conflict, Interrupted, Invalid, NotFound
from planexe_agent.task import Task, lease_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.backoff import Backoff
    from planexe_agent.client import Answer, Client
    from planexe_agent.registration import Registration
    from planexe_agent.reports import Reports
    from planexe_agent.running import Running

_log = logging.getLogger(__name__)
_ANSWER_SECONDS = 15.0
_EMPTY_TOO_SOON_SECONDS = 1.0


@dataclass(frozen=True)
class Shared:
    """What the slots of one agent have in common.

    ``polls`` and ``reports`` have connections of their own, so that a stop can end the waiting
    polls and leave the results on their way alone.
    """

    registration: Registration
    actions: Mapping[str, Action]
    instance: str
    polls: Client
    reports: Reports
    running: Running
    poll_seconds: float
    backoff: Backoff
    stopping: threading.Event = field(default_factory=threading.Event)

    def query(self, slot: int) -> dict[str, str]:
        """Give what a slot's polls and claims say of it; a stable instance resumes its leases."""
        query = {"instance": self.instance, "poll_id": f"{self.instance}/{slot}"}
        if ANY not in self.actions:
            query["supported_actions"] = ",".join(sorted(self.actions))
        return query


class Slot(threading.Thread):
    """A thread that performs one task after the other until the agent stops.

    Args:
        number: Which one it is, from 0.
        shared: What it shares with the others.
        failed: Called with the error that ends it, where nobody asked it to end.

    Attributes:
        busy: Whether it holds a task.
    """

    def __init__(
        self, number: int, shared: Shared, failed: Callable[[BaseException], None]
    ) -> None:
        super().__init__(name=f"planexe-slot-{number}", daemon=True)
        self.busy = False
        self._shared = shared
        self._failed = failed
        self._query = shared.query(number)
        self._pauses = shared.backoff.delays()

    def run(self) -> None:
        """Work until the agent stops."""
        try:
            self._work_until_stop()
        except Interrupted:
            _log.debug("%s: interrupted", self.name)
        # The edge of the thread: without this an error would end the slot unseen.
        except Exception as error:  # noqa: BLE001
            self._failed(error)

    def _work_until_stop(self) -> None:
        task: Task | None = None
        while True:
            # Before the look at the stop: who stops the agent then knows whom to wait for.
            self.busy = task is not None
            if self._shared.stopping.is_set():
                return
            task = self._finish(task) if task is not None else self._poll()

    def _poll(self) -> Task | None:
        asked = time.monotonic()
        seconds = self._shared.poll_seconds
        answer = self._shared.polls.send(
            "GET",
            f"/api/agents/{self._shared.registration.agent_id}/work",
            params={**self._query, "wait": f"{seconds:g}"},
            read_seconds=seconds + _ANSWER_SECONDS,
        )
        task = self._taken(answer, None)
        if task is not None or time.monotonic() - asked >= _EMPTY_TOO_SOON_SECONDS:
            self._pauses = self._shared.backoff.delays()
        else:
            # A paused lease, or a server that does not hold polls: do not ask it in circles.
            self._shared.stopping.wait(next(self._pauses))
        return task

    def _finish(self, task: Task) -> Task | None:
        self._shared.running.add(task)
        try:
            event = perform(self._shared.actions, task)
            return self._report(task, event) if event is not None else None
        finally:
            self._shared.running.remove(task)

    def _report(self, task: Task, event: Mapping[str, Any]) -> Task | None:
        try:
            answer = self._send(task, event)
        except (Conflict, NotFound) as refusal:
            _log.warning("task %s: the server drops its result: %s", task.task_id, refusal)
            return None
        except Invalid as refusal:
            _log.error("task %s: the server refuses its result: %s", task.task_id, refusal)
            # The plan's owner must see why; where even this is refused, the agent ends.
            message = f"the server refused the result: {refusal}"
            told = {"error_type": "validation_error", "error_message": message}
            answer = self._send(task, task.event("task_error", **told))
        _log.debug("task %s (%s): %s", task.task_id, task.action, event["event_type"])
        return self._taken(answer, task.execution_id)

    def _send(self, task: Task, event: Mapping[str, Any]) -> Answer:
        claim = None if self._shared.stopping.is_set() else self._query
        return self._shared.reports.send(task.execution_id, event, claim=claim)

    def _taken(self, answer: Answer, reported: str | None) -> Task | None:
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
        default = self._shared.registration.lease_seconds
        return Task(work, ids, self._shared.reports, lease_seconds(work, answer, default))
