"""What follows from a command: ``decide(state, command, now) -> events``, and nothing else.

Reads no clock, no random source, no network. A refusal is a ``DomainError``; the state given is
never changed.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import msgspec

from app.domain import commands as c
from app.domain.errors import Conflict, IllegalMove, NotFound, StaleLease, Terminal, UnknownTask
from app.domain.events import Event, EventType
from app.domain.execution import Execution, Lease, SubtaskState, evolve
from app.domain.states import EXECUTION_MOVES, ExecutionStatus, SubtaskStatus

SYSTEM: Final = "system"
"""The actor of what follows by itself: timeouts, completions, readiness."""

DEFAULT_WAIT: Final = dt.timedelta(hours=48)
FIRST_CHECK: Final = dt.timedelta(minutes=5)
LONGEST_CHECK: Final = dt.timedelta(hours=6)


class Decision(msgspec.Struct, frozen=True):
    """New events in order, and the state after them."""

    events: list[Event]
    after: Execution


class _Draft:
    """A copy of the state on which events are applied as they are decided."""

    def __init__(self, state: Execution, now: dt.datetime) -> None:
        self.state = state.copy()
        self.now = now
        self.events: list[Event] = []

    def emit(self, event_type: EventType, *, actor: str, status: str, **fields: Any) -> None:
        header = self.state.header
        seq = header.seq + 1
        fields.setdefault("event_id", f"evt_{header.execution_id.removeprefix('exec_')}.{seq}")
        event = Event(
            seq=seq,
            event_type=event_type,
            execution_id=header.execution_id,
            recorded_at=self.now,
            actor=actor,
            status=status,
            **fields,
        )
        evolve(self.state, event)
        self.events.append(event)


def decide(state: Execution, command: c.Command, now: dt.datetime) -> Decision:
    """Decide what a command leads to.

    Raises:
        Terminal: The execution has ended.
        IllegalMove: The table has no such move.
        StaleLease: The attempt reported on is not the current one; the caller may keep the
            report with ``as_note``.
        UnknownTask: No such subtask.
        Conflict: The subtask is not in a state for this command.
    """
    draft = _Draft(state, now)
    _DECIDE[type(command)](draft, command)
    _settle(draft)
    if isinstance(command, c.Report) and command.claimant is not None:
        _claim_next(draft, state, command.claimant)
    return Decision(draft.events, draft.state)


def as_note(report: c.Report, refusal: Exception) -> c.Report:
    """Turn a refused report into a note, so that a late result is kept though it cannot count."""
    return msgspec.structs.replace(
        report,
        event_type=EventType.NOTE,
        message=f"{refusal} Reported: {report.event_type}. {report.message or ''}".strip(),
        claimant=None,
    )


def _create(draft: _Draft, command: c.CreateExecution) -> None:
    if draft.state.header.seq:
        raise Conflict(f"{draft.state.header.execution_id} exists already.")
    header = {
        "plan_id": command.plan_id,
        "plan_version": command.plan_version,
        "graph_id": command.graph_id,
        "ordering": command.ordering,
        "agent_id": command.agent_id,
        "title": draft.state.graph.title,
    }
    draft.emit(
        EventType.EXECUTION_CREATED,
        actor=command.actor,
        status=ExecutionStatus.CREATED,
        agent_id=command.agent_id,
        data={"header": header, "approvals": command.approvals},
    )


def _start(draft: _Draft, command: c.StartExecution) -> None:
    _check_move(draft.state, ExecutionStatus.QUEUED, only_from=ExecutionStatus.CREATED)
    draft.emit(EventType.EXECUTION_QUEUED, actor=command.actor, status=ExecutionStatus.QUEUED)


def _pause(draft: _Draft, command: c.PauseExecution) -> None:
    _check_move(draft.state, ExecutionStatus.PAUSED)
    draft.emit(
        EventType.EXECUTION_PAUSED,
        actor=command.actor,
        status=ExecutionStatus.PAUSED,
        message=command.reason or None,
    )


def _resume(draft: _Draft, command: c.ResumeExecution) -> None:
    header = draft.state.header
    if header.status is not ExecutionStatus.PAUSED:
        raise IllegalMove(header.status, "RUNNING", legal_moves(header.status))
    running = ExecutionStatus.RUNNING if header.started_at else ExecutionStatus.QUEUED
    draft.emit(
        EventType.EXECUTION_RESUMED,
        actor=command.actor,
        status=running,
        message=command.reason or None,
    )


def _cancel(draft: _Draft, command: c.CancelExecution) -> None:
    _check_move(draft.state, ExecutionStatus.CANCELLED)
    draft.emit(
        EventType.EXECUTION_CANCELLED,
        actor=command.actor,
        status=ExecutionStatus.CANCELLED,
        message=command.reason or None,
    )


def _claim(draft: _Draft, command: c.ClaimSubtask) -> None:
    state = draft.state
    subtask = _subtask(state, command.subtask_id)
    if state.header.status in (ExecutionStatus.CREATED, ExecutionStatus.PAUSED):
        raise Conflict(f"The execution is {state.header.status}: nothing is dispatched.")
    _refuse_ended(state)
    if state.agent_of(command.subtask_id) != command.claimant.agent_id:
        raise NotFound(f"{command.subtask_id} is not work of {command.claimant.agent_id}.")
    if subtask.status is not SubtaskStatus.READY:
        raise Conflict(f"{command.subtask_id} is {subtask.status}, not READY.")
    _dispatch(draft, command.subtask_id, command.claimant)


def _dispatch(draft: _Draft, subtask_id: str, claimant: c.Claimant) -> None:
    if draft.state.header.started_at is None:
        draft.emit(EventType.EXECUTION_STARTED, actor=SYSTEM, status=ExecutionStatus.RUNNING)
    subtask = draft.state.subtasks[subtask_id]
    lease = Lease(
        token=str(draft.state.header.seq + 1),
        agent_id=claimant.agent_id,
        instance=claimant.instance,
        poll_id=claimant.poll_id,
        kind=subtask.next_kind,
    )
    draft.emit(
        EventType.TASK_DISPATCHED,
        actor=SYSTEM,
        status=SubtaskStatus.RUNNING,
        task_id=subtask_id,
        agent_id=claimant.agent_id,
        attempt=subtask.attempt if lease.kind == "check" else subtask.attempt + 1,
        data={"lease": msgspec.to_builtins(lease)},
    )


def _claim_next(draft: _Draft, before: Execution, claimant: c.Claimant) -> None:
    """Lease what the report has just unlocked, where this agent may take it."""
    state = draft.state
    if state.header.status is not ExecutionStatus.RUNNING:
        return
    for subtask_id in sorted(
        state.changed_subtasks, key=lambda one: state.graph.subtasks[one].position
    ):
        if (
            state.subtasks[subtask_id].status is SubtaskStatus.READY
            and before.subtasks[subtask_id].status is not SubtaskStatus.READY
            and state.agent_of(subtask_id) == claimant.agent_id
            and claimant.performs(state.graph.subtasks[subtask_id].action)
        ):
            _dispatch(draft, subtask_id, claimant)
            return


def _report(draft: _Draft, report: c.Report) -> None:
    if not draft.state.involves(report.agent_id):
        raise NotFound(f"There is no execution {draft.state.header.execution_id!r}.")
    _refuse_ended(draft.state)
    if report.event_type is EventType.NOTE:
        _note(draft, report)
        return
    if report.event_type is EventType.HEARTBEAT and report.task_id is None:
        return  # It means every lease of the agent and says nothing of any subtask.
    subtask_id = report.task_id or ""
    subtask = _leased(draft.state, subtask_id, report.agent_id, report.lease_token)
    _REPORT[report.event_type](draft, report, subtask)


def _note(draft: _Draft, report: c.Report) -> None:
    state = draft.state
    if report.task_id is not None and report.task_id not in state.graph.tasks:
        _subtask(state, report.task_id)
    _emit_report(draft, report, state.header.status)


def _emit_report(draft: _Draft, report: c.Report, status: str, **fields: Any) -> None:
    attempt = None
    if report.task_id in draft.state.subtasks:
        attempt = draft.state.subtasks[report.task_id].attempt or None
    draft.emit(
        report.event_type,
        actor=f"agent:{report.agent_id}",
        status=status,
        event_id=report.event_id,
        task_id=report.task_id,
        agent_id=report.agent_id,
        attempt=attempt,
        message=report.message,
        output_data=report.output_data,
        progress_percent=report.progress_percent,
        error_type=report.error_type,
        error_message=report.error_message,
        suggestions=report.suggestions,
        usage=report.usage,
        agent_timestamp=report.agent_timestamp,
        **fields,
    )


def _report_progress(draft: _Draft, report: c.Report, subtask: SubtaskState) -> None:
    unchanged = report.progress_percent in (None, subtask.progress_percent)
    if report.event_type is EventType.HEARTBEAT and unchanged:
        return
    _emit_report(draft, report, SubtaskStatus.RUNNING)


def _report_complete(draft: _Draft, report: c.Report, _: SubtaskState) -> None:
    _emit_report(draft, report, SubtaskStatus.COMPLETED)


def _report_error(draft: _Draft, report: c.Report, _: SubtaskState) -> None:
    _emit_report(draft, report, SubtaskStatus.FAILED)
    permanent = report.human_review_required or report.error_type in _PERMANENT
    if not permanent:
        _retry(draft, report.task_id or "", report.jitter, report.retry_after_seconds)


def _report_wait(draft: _Draft, report: c.Report, subtask: SubtaskState) -> None:
    longest = dt.timedelta(seconds=report.max_wait_seconds or DEFAULT_WAIT.total_seconds())
    until = subtask.wait_until or draft.now + longest
    first = dt.timedelta(seconds=report.retry_after_seconds or FIRST_CHECK.total_seconds())
    delay = min(first * 2 ** min(subtask.waits, 16), LONGEST_CHECK)
    _emit_report(
        draft,
        report,
        SubtaskStatus.BLOCKED,
        due_at=min(draft.now + delay, max(until, draft.now)),
        data={"wait_until": until},
    )


def _expire(draft: _Draft, command: c.ExpireLease) -> None:
    _refuse_ended(draft.state)
    subtask = _subtask(draft.state, command.subtask_id)
    if subtask.lease is None or subtask.lease.token != command.lease_token:
        raise StaleLease("The lease has ended already.")
    draft.emit(
        EventType.LEASE_EXPIRED,
        actor=SYSTEM,
        status=SubtaskStatus.FAILED,
        task_id=command.subtask_id,
        agent_id=subtask.lease.agent_id,
        attempt=subtask.attempt,
        message=f"{subtask.lease.agent_id} was not heard of before its lease ended.",
    )
    _retry(draft, command.subtask_id, command.jitter, None)


def _retry(draft: _Draft, subtask_id: str, jitter: float, after_seconds: float | None) -> None:
    """Schedule the next attempt where the policy leaves one."""
    subtask = draft.state.subtasks[subtask_id]
    policy = draft.state.graph.subtasks[subtask_id].retry_policy
    if subtask.attempt >= policy.max_attempts:
        return
    ceiling = policy.backoff_seconds
    if policy.backoff == "exponential":
        ceiling *= 2 ** min(subtask.attempt - 1, 16)
    delay = after_seconds or min(ceiling, policy.max_backoff_seconds) * jitter
    draft.emit(
        EventType.RETRY_SCHEDULED,
        actor=SYSTEM,
        status=SubtaskStatus.RETRYING,
        task_id=subtask_id,
        attempt=subtask.attempt,
        due_at=draft.now + dt.timedelta(seconds=delay),
    )


def _end_delay(draft: _Draft, command: c.EndDelay) -> None:
    _refuse_ended(draft.state)
    subtask = _subtask(draft.state, command.subtask_id)
    if subtask.due_at is None or subtask.due_at > draft.now:
        raise Conflict(f"{command.subtask_id} is not due.")
    kind = "check" if subtask.status is SubtaskStatus.BLOCKED else "run"
    draft.emit(
        EventType.TASK_READY,
        actor=SYSTEM,
        status=SubtaskStatus.READY,
        task_id=command.subtask_id,
        data={"kind": kind},
    )


def _settle(draft: _Draft) -> None:
    """Say what the execution as a whole has come to."""
    header = draft.state.header
    if header.status in (ExecutionStatus.CREATED, *_ENDED):
        return
    if header.subtasks_done == header.subtasks_total:
        draft.emit(
            EventType.EXECUTION_COMPLETED,
            actor=SYSTEM,
            status=ExecutionStatus.COMPLETED,
            message=f"All {header.tasks_total} tasks are complete.",
        )
    elif header.counts.get(SubtaskStatus.FAILED):
        draft.emit(
            EventType.EXECUTION_FAILED,
            actor=SYSTEM,
            status=ExecutionStatus.FAILED,
            message=_failure(draft.state),
        )
    elif header.status is ExecutionStatus.RUNNING and not header.movable:
        draft.emit(
            EventType.EXECUTION_BLOCKED,
            actor=SYSTEM,
            status=ExecutionStatus.BLOCKED,
            message="Nothing can go on before what it waits for has come.",
        )


def _failure(state: Execution) -> str:
    failed = (one for one in state.subtasks.items() if one[1].status is SubtaskStatus.FAILED)
    subtask_id, subtask = next(failed)
    title = state.graph.subtasks[subtask_id].title
    reason = subtask.error_message or subtask.error_type or "no reason given"
    return f"{title!r} failed after {subtask.attempt} attempts: {reason}"


def concerns_all(command: c.Command) -> bool:
    """Tell whether a command needs every subtask loaded, not only a neighbourhood."""
    return not isinstance(command, c.ClaimSubtask | c.Report | c.ExpireLease | c.EndDelay)


def subject_of(command: c.Command) -> str | None:
    """Name the subtask a command is about, if any."""
    if isinstance(command, c.Report):
        return command.task_id
    if isinstance(command, c.ClaimSubtask | c.ExpireLease | c.EndDelay):
        return command.subtask_id
    return None


def legal_moves(status: ExecutionStatus) -> list[str]:
    """Name the statuses a person may ask for from this one."""
    asked = {ExecutionStatus.PAUSED, ExecutionStatus.CANCELLED}
    if status is ExecutionStatus.PAUSED:
        asked.add(ExecutionStatus.RUNNING)
    return [move for move in EXECUTION_MOVES[status] if move in asked]


def _check_move(
    state: Execution, wanted: ExecutionStatus, only_from: ExecutionStatus | None = None
) -> None:
    status = state.header.status
    if wanted not in EXECUTION_MOVES[status] or (only_from and status is not only_from):
        raise IllegalMove(status, wanted, legal_moves(status))


def _refuse_ended(state: Execution) -> None:
    if state.header.status in _ENDED:
        raise Terminal(f"The execution is {state.header.status}: it takes no more events.")


def _subtask(state: Execution, subtask_id: str) -> SubtaskState:
    if subtask_id not in state.subtasks:
        raise UnknownTask(f"This execution has no subtask {subtask_id!r}.")
    return state.subtasks[subtask_id]


def _leased(state: Execution, subtask_id: str, agent_id: str, token: str | None) -> SubtaskState:
    """Give the subtask if this agent holds its current lease."""
    subtask = _subtask(state, subtask_id)
    lease = subtask.lease
    if lease is None or lease.agent_id != agent_id or token not in (None, lease.token):
        raise StaleLease(f"The lease of {subtask_id} has passed on: it is {subtask.status}.")
    return subtask


_ENDED: Final = tuple(status for status in ExecutionStatus if status.ended)
_PERMANENT: Final = frozenset({"validation_error", "permanent"})

_DECIDE: Final[dict[type, Callable[[_Draft, Any], None]]] = {
    c.CreateExecution: _create,
    c.StartExecution: _start,
    c.PauseExecution: _pause,
    c.ResumeExecution: _resume,
    c.CancelExecution: _cancel,
    c.ClaimSubtask: _claim,
    c.Report: _report,
    c.ExpireLease: _expire,
    c.EndDelay: _end_delay,
}
_REPORT: Final[dict[EventType, Callable[[_Draft, c.Report, SubtaskState], None]]] = {
    EventType.HEARTBEAT: _report_progress,
    EventType.TASK_STARTED: _report_progress,
    EventType.TASK_PROGRESS: _report_progress,
    EventType.TASK_COMPLETE: _report_complete,
    EventType.TASK_ERROR: _report_error,
    EventType.TASK_BLOCKED: _report_wait,
}
