"""The task as the action sees it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final

from planexe_agent import threads
from planexe_agent.errors import Conflict, ServerRefused, StaleLease, Stopped, Unavailable
from planexe_agent.wire import as_told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.reports import Reports
    from planexe_agent.steps import Alarm, Steps
    from planexe_agent.wire import Answer

_log = logging.getLogger(__name__)

PAUSED: Final = "paused"
STOPPING: Final = "stopping"
CANCELLED: Final = "cancelled"
LOST: Final = "lost"
_RANK: Final = {None: 0, PAUSED: 1, STOPPING: 2, CANCELLED: 3, LOST: 4}
_FINAL: Final = frozenset({CANCELLED, LOST})


class StopSignal:
    """Why a running action should stop; a graver reason replaces a lighter one.

    Args:
        alarm: Set while there is a reason.
    """

    def __init__(self, alarm: Alarm) -> None:
        self.reason: str | None = None
        self.alarm = alarm
        self._lock = threading.Lock()

    def set(self, reason: str) -> None:
        """Tell the action to stop."""
        with self._lock:
            if _RANK[reason] > _RANK[self.reason]:
                self.reason = reason
            self.alarm.set()

    def clear_pause(self) -> None:
        """Let a paused action go on; the other reasons stay."""
        with self._lock:
            if self.reason == PAUSED:
                self.reason = None
                self.alarm.clear()


class Lease:
    """One leased subtask: what to do, and the events that tell how it goes.

    Attributes:
        params: The action's params as the plan gives them.
        context: Goal, success criteria, results of prerequisites, the last error and more.
        kind: ``run``, or ``check`` when an external wait is due to be looked at again.
        attempt: 1 for the first.
        redelivered: Whether this lease was handed out before, to a process that ended.
        signal: Set by the agent; an action reads ``should_stop`` and ``stop_reason``.
        lease_seconds: How long the lease holds without a sign of life.
        progress_percent: What was reported last.
        performed: Whether its result is on its way.
        given_back: Whether another may have the lease by now: its result counts no more.
    """

    def __init__(
        self,
        work: Mapping[str, Any],
        ids: Mapping[str, Any],
        reports: Reports,
        lease_seconds: float,
        alarm: Alarm,
    ) -> None:
        self.task_id: str = work["task_id"]
        self.execution_id: str = ids["execution_id"]
        self.plan_id: str | None = ids.get("plan_id")
        self.parent_task_id: str | None = work.get("parent_task_id")
        self.title: str = work.get("title") or ""
        self.action: str = work.get("action") or ""
        self.params: dict[str, Any] = work.get("params") or {}
        self.context: dict[str, Any] = work.get("context") or {}
        self.kind: str = work.get("kind") or "run"
        self.attempt: int = work.get("attempt") or 1
        self.redelivered: bool = bool(work.get("redelivered"))
        self.timeout_hours: float | None = work.get("timeout_hours")
        self.lease_token: str | None = work.get("lease_token")
        self.max_attempts: int | None = (work.get("retry_policy") or {}).get("max_attempts")
        self.performed = False
        self.given_back = False
        self.lease_seconds = lease_seconds
        self.progress_percent: float | None = None
        self.signal = StopSignal(alarm)
        self._reports = reports
        self._usage: dict[str, Any] = {}

    @property
    def should_stop(self) -> bool:
        """Tell whether the action should come to an end; ``stop_reason`` says why."""
        return self.signal.reason is not None

    @property
    def stop_reason(self) -> str | None:
        """Name the reason: ``paused``, ``stopping`` (the agent ends), ``cancelled`` or ``lost``."""
        return self.signal.reason

    def is_same_lease(self, other: Lease) -> bool:
        """Tell whether two tasks are one lease, delivered twice."""
        return (self.lease_token, self.task_id, self.execution_id) == (
            other.lease_token,
            other.task_id,
            other.execution_id,
        )

    @property
    def is_last_attempt(self) -> bool:
        """Tell whether no attempt is left after this one, as far as is known."""
        return self.max_attempts is not None and self.attempt >= self.max_attempts

    @property
    def idempotency_key(self) -> str:
        """A name for the effects of this task on the world, for services that take such keys.

        The same for every attempt and look at this task with these params, in every process, so a
        service that has seen it knows the effect is there already.
        """
        parts = [self.execution_id, self.task_id, self.action, self.params]
        text = json.dumps(parts, sort_keys=True)
        return f"planexe-{hashlib.sha256(text.encode()).hexdigest()[:40]}"

    def usage(
        self,
        model: str,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cost_usd: float = 0.0,
    ) -> None:
        """Add to what the action has used of a language model; sent with its result."""
        total = self._usage
        total["model"] = model
        total["input_tokens"] = total.get("input_tokens", 0) + input_tokens
        total["output_tokens"] = total.get("output_tokens", 0) + output_tokens
        total["cost_usd"] = total.get("cost_usd", 0.0) + cost_usd

    def event(self, event_type: str, **fields: object) -> dict[str, Any]:
        """Make an event of this lease; its ``event_id`` makes re-sending harmless."""
        event: dict[str, Any] = {
            "event_type": event_type,
            "event_id": f"evt_{uuid.uuid4().hex}",
            "task_id": self.task_id,
            "lease_token": self.lease_token,
            "agent_timestamp": _timestamp(),
            **fields,
        }
        return {name: value for name, value in event.items() if value is not None}

    def closing_event(self, event_type: str, **fields: object) -> dict[str, Any]:
        """Make the event that ends this lease, with the usage so far."""
        return self.event(event_type, usage=self._usage or None, **fields)

    def refused(self, refusal: ServerRefused) -> None:
        """Remember that the server takes no more events for this lease."""
        self.signal.set(LOST if isinstance(refusal, StaleLease) else CANCELLED)

    def telling_progress(self, percent: float, message: str | None) -> Steps[None]:
        """Send how far it is; see ``Task.progress``."""
        if not 0 <= percent <= 100:  # noqa: PLR2004 - the bounds of a percentage
            raise ValueError(f"progress is 0 to 100 percent, not {percent}")
        # A number as JSON has it: heartbeats carry it on.
        self.progress_percent = float(percent)
        yield from self._telling(
            "task_progress",
            progress_percent=self.progress_percent,
            message=None if message is None else as_told(message),
        )

    def telling_note(self, message: str) -> Steps[None]:
        """Send a line for the log; see ``Task.note``."""
        yield from self._telling("note", message=as_told(message))

    def _telling(self, event_type: str, **fields: object) -> Steps[None]:
        event = self.event(event_type, **fields)
        try:
            yield from self._reports.send(self.execution_id, event, patient=False)
        except Unavailable as error:
            _log.info("not sent: task=%s event=%s error=%s", self.task_id, event_type, error)
        except Conflict as refusal:
            self.refused(refusal)
        if self.stop_reason in _FINAL:
            raise Stopped(f"task {self.task_id}: {self.stop_reason}")


class Task(Lease):
    """The task as a plain function gets it."""

    def __init__(
        self,
        work: Mapping[str, Any],
        ids: Mapping[str, Any],
        reports: Reports,
        lease_seconds: float,
    ) -> None:
        self._alarm = threading.Event()
        super().__init__(work, ids, reports, lease_seconds, self._alarm)

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than the action may go on; tell whether it should stop."""
        return self._alarm.wait(seconds)

    def progress(self, percent: float, message: str | None = None) -> None:
        """Show progress on the dashboard and extend the lease.

        Sent once: where the server is away, the next heartbeat brings the percentage.

        Args:
            percent: 0 to 100.
            message: What is being done.

        Raises:
            Stopped: The result can no longer count; let it pass.
        """
        threads.carry_out(self.telling_progress(percent, message))

    def note(self, message: str) -> None:
        """Write a line to the execution's log; lost where the server is away.

        Raises:
            Stopped: The result can no longer count; let it pass.
        """
        threads.carry_out(self.telling_note(message))


def lease_seconds(work: Mapping[str, Any], answer: Answer, default: float) -> float:
    """Tell how long a lease holds from now, by the server's clock alone.

    Args:
        work: Carries ``lease_expires_at``.
        answer: The answer it came in; its date is the server's now.
        default: Where either is missing.
    """
    expires_at = work.get("lease_expires_at")
    if answer.server_at is None or not isinstance(expires_at, str):
        return default
    try:
        # Python before 3.11 reads no "Z".
        end = dt.datetime.fromisoformat(expires_at.replace("Z", "+00:00"))
    except ValueError:
        return default
    return max(1.0, (end - answer.server_at).total_seconds())


def _timestamp() -> str:
    now = dt.datetime.now(dt.timezone.utc)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
