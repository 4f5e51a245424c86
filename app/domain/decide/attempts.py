"""Attempts of agents: claim, report, retry, wait, and what the time does to them."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import msgspec

from app.domain import commands as c
from app.domain.blockers import BLOCKS_BEFORE_LOOP, RESOLUTIONS, BlockerKind, Resolution
from app.domain.decide.draft import SYSTEM, Draft
from app.domain.errors import Conflict, NotFound, StaleLease
from app.domain.events import EventType
from app.domain.execution import Lease, SubtaskState
from app.domain.states import TIMED, ExecutionStatus, SubtaskStatus

PERMANENT_ERRORS: Final = frozenset({"validation_error", "permanent"})


def claim(draft: Draft, command: c.ClaimSubtask) -> None:
    """Lease a ready subtask."""
    draft.refuse_ended()
    header = draft.state.header
    if header.status in (ExecutionStatus.CREATED, ExecutionStatus.PAUSED):
        raise Conflict(f"The execution is {header.status}: nothing is dispatched.")
    subtask = draft.subtask(command.subtask_id)
    if subtask.status is not SubtaskStatus.READY:
        raise Conflict(f"{command.subtask_id} is {subtask.status}, not READY.")
    if draft.state.agent_of(command.subtask_id) != command.claimant.agent_id:
        raise Conflict(f"{command.subtask_id} is another agent's.")
    _dispatch(draft, command.subtask_id, command.claimant)


def claim_next(draft: Draft, claimant: c.Claimant) -> None:
    """Lease what has just become ready, where this agent may take it."""
    state = draft.state
    if state.header.status is not ExecutionStatus.RUNNING:
        return
    for subtask_id in sorted(
        state.changed_subtasks, key=lambda one: state.graph.subtasks[one].position
    ):
        if (
            state.subtasks[subtask_id].status is SubtaskStatus.READY
            and draft.before.subtasks[subtask_id].status is not SubtaskStatus.READY
            and state.agent_of(subtask_id) == claimant.agent_id
            and claimant.performs(state.graph.subtasks[subtask_id].action)
        ):
            _dispatch(draft, subtask_id, claimant)
            return


def _dispatch(draft: Draft, subtask_id: str, claimant: c.Claimant) -> None:
    if draft.state.header.started_at is None:
        draft.emit(EventType.EXECUTION_STARTED, actor=SYSTEM, status=ExecutionStatus.RUNNING)
    subtask = draft.state.subtasks[subtask_id]
    waited_for = subtask.blocker is not None
    lease = Lease(
        token=str(draft.state.header.seq + 1),
        agent_id=claimant.agent_id,
        instance=claimant.instance,
        poll_id=claimant.poll_id,
        kind="check" if waited_for else "run",
    )
    draft.emit(
        EventType.TASK_DISPATCHED,
        actor=SYSTEM,
        status=SubtaskStatus.RUNNING,
        task_id=subtask_id,
        agent_id=claimant.agent_id,
        attempt=subtask.attempt if waited_for else subtask.attempt + 1,
        data={"lease": lease},
    )


def report(draft: Draft, command: c.Report) -> None:
    """Take in what an agent says."""
    if not draft.state.involves(command.agent_id):
        raise NotFound(f"There is no execution {draft.state.header.execution_id!r}.")
    draft.refuse_ended()
    if command.event_type is EventType.NOTE:
        _note(draft, command)
        return
    if command.event_type is EventType.HEARTBEAT and command.task_id is None:
        return  # It means every lease of the agent and says nothing of any subtask.
    subtask = _leased(draft, command)
    _REPORT[command.event_type](draft, command, subtask)


def _leased(draft: Draft, command: c.Report) -> SubtaskState:
    """Give the subtask if this agent holds its current lease."""
    subtask_id = command.task_id or ""
    subtask = draft.subtask(subtask_id)
    lease = subtask.lease
    if (
        lease is None
        or lease.agent_id != command.agent_id
        or command.lease_token not in (None, lease.token)
    ):
        raise StaleLease(f"The lease of {subtask_id} has passed on: it is {subtask.status}.")
    return subtask


def _emit_report(draft: Draft, command: c.Report, status: str, **fields: Any) -> None:
    attempt = None
    if command.task_id in draft.state.subtasks:
        attempt = draft.state.subtasks[command.task_id].attempt or None
    draft.emit(
        command.event_type,
        actor=f"agent:{command.agent_id}",
        status=status,
        event_id=command.event_id,
        task_id=command.task_id,
        agent_id=command.agent_id,
        attempt=attempt,
        message=command.message,
        output_data=command.output_data,
        progress_percent=command.progress_percent,
        error_type=command.error_type,
        error_message=command.error_message,
        suggestions=command.suggestions,
        usage=command.usage,
        agent_timestamp=command.agent_timestamp,
        **fields,
    )


def _note(draft: Draft, command: c.Report) -> None:
    if command.task_id is not None and command.task_id not in draft.state.graph.tasks:
        draft.subtask(command.task_id)
    _emit_report(draft, command, draft.state.header.status)


def _progress(draft: Draft, command: c.Report, subtask: SubtaskState) -> None:
    unchanged = command.progress_percent in (None, subtask.progress_percent)
    if command.event_type is EventType.HEARTBEAT and unchanged:
        return
    _emit_report(draft, command, SubtaskStatus.RUNNING)


def _complete(draft: Draft, command: c.Report, _: SubtaskState) -> None:
    draft.close_open_blocker(command.task_id or "", f"agent:{command.agent_id}", "completed")
    _emit_report(draft, command, SubtaskStatus.COMPLETED)


def _error(draft: Draft, command: c.Report, _: SubtaskState) -> None:
    subtask_id = command.task_id or ""
    _emit_report(draft, command, SubtaskStatus.FAILED)
    told = command.error_message or command.message or command.error_type or "No reason was given."
    if command.human_review_required or command.error_type in PERMANENT_ERRORS:
        ask(draft, BlockerKind.HUMAN_INPUT, subtask_id, told, command.suggestions)
    else:
        _retry(
            draft,
            subtask_id,
            command.jitter,
            command.retry_after_seconds,
            told,
            command.suggestions,
        )


def _wait(draft: Draft, command: c.Report, subtask: SubtaskState) -> None:
    subtask_id = command.task_id or ""
    policy = command.wait_policy
    longest = command.max_wait_seconds or policy.longest_wait_seconds
    until = subtask.wait_until or draft.now + dt.timedelta(seconds=longest)
    first = command.retry_after_seconds or policy.first_check_seconds
    delay = min(first * 2 ** min(subtask.waits, 16), max(policy.longest_check_seconds, first))
    check_at = max(min(draft.now + dt.timedelta(seconds=delay), until), draft.now)
    again = subtask.blocker is not None
    _emit_report(draft, command, SubtaskStatus.BLOCKED, due_at=check_at, data={"wait_until": until})
    if not again:
        draft.open_blocker(
            BlockerKind.EXTERNAL_WAIT,
            subtask_id,
            command.message or "It waits for somebody outside.",
            RESOLUTIONS[BlockerKind.EXTERNAL_WAIT],
            suggestions=command.suggestions,
            owner=f"agent:{command.agent_id}",
            next_check_at=check_at,
            expires_at=until,
        )


def expire_lease(draft: Draft, command: c.ExpireLease) -> None:
    """Take back a lease whose time is over."""
    draft.refuse_ended()
    subtask = draft.subtask(command.subtask_id)
    if subtask.lease is None or subtask.lease.token != command.lease_token:
        raise StaleLease("The lease has ended already.")
    told = f"{subtask.lease.agent_id} was not heard of before its lease ended."
    _emit_expiry(draft, command.subtask_id, subtask.lease, told)
    _retry(draft, command.subtask_id, command.jitter, None, told, [])


def time_out(draft: Draft, command: c.TimeOutSubtask) -> None:
    """Ask a person about a subtask whose time budget is used up."""
    draft.refuse_ended()
    subtask_id = command.subtask_id
    subtask = draft.subtask(subtask_id)
    hours = draft.state.graph.subtasks[subtask_id].timeout_hours
    since = subtask.timing_since if subtask.status in TIMED else None
    if since is None or since + dt.timedelta(hours=hours) > draft.now:
        raise Conflict(f"{subtask_id} still has time.")
    told = f"It was not done within {hours:g} hours."
    if subtask.lease is not None:
        _emit_expiry(draft, subtask_id, subtask.lease, told)
    ask(draft, BlockerKind.ATTEMPTS_EXHAUSTED, subtask_id, told, [])


def _emit_expiry(draft: Draft, subtask_id: str, lease: Lease, told: str) -> None:
    draft.emit(
        EventType.LEASE_EXPIRED,
        actor=SYSTEM,
        status=SubtaskStatus.FAILED,
        task_id=subtask_id,
        agent_id=lease.agent_id,
        attempt=draft.state.subtasks[subtask_id].attempt,
        message=told,
    )


def end_delay(draft: Draft, command: c.EndDelay) -> None:
    """Put out what was in back-off or waited; ask a person after too long a wait."""
    draft.refuse_ended()
    subtask = draft.subtask(command.subtask_id)
    if subtask.due_at is None or subtask.due_at > draft.now:
        raise Conflict(f"{command.subtask_id} is not due.")
    # A look that was due before the end is made, however late its time is noticed.
    if subtask.wait_until is not None and subtask.wait_until <= subtask.due_at:
        told = f"Waited in vain: {subtask.message or 'nobody outside has answered'}"
        ask(draft, BlockerKind.HUMAN_INPUT, command.subtask_id, told, [])
        return
    draft.emit(
        EventType.TASK_READY,
        actor=SYSTEM,
        status=SubtaskStatus.READY,
        task_id=command.subtask_id,
    )


def _retry(
    draft: Draft,
    subtask_id: str,
    jitter: float,
    after_seconds: float | None,
    told: str,
    suggestions: list[str],
) -> None:
    """Schedule the next attempt where the policy leaves one, else ask a person."""
    subtask = draft.state.subtasks[subtask_id]
    policy = draft.state.graph.subtasks[subtask_id].retry_policy
    if subtask.attempt >= policy.max_attempts:
        failed = f"Attempt {subtask.attempt} of {policy.max_attempts} failed: {told}"
        ask(draft, BlockerKind.ATTEMPTS_EXHAUSTED, subtask_id, failed, suggestions)
        return
    ceiling = policy.backoff_seconds
    if policy.backoff == "exponential":
        ceiling *= 2 ** min(max(subtask.attempt - 1, 0), 16)
    capped = min(ceiling, policy.max_backoff_seconds)
    delay = capped * jitter if after_seconds is None else after_seconds
    draft.emit(
        EventType.RETRY_SCHEDULED,
        actor=SYSTEM,
        status=SubtaskStatus.RETRYING,
        task_id=subtask_id,
        attempt=subtask.attempt,
        due_at=draft.now + dt.timedelta(seconds=delay),
    )


def ask(
    draft: Draft, kind: BlockerKind, subtask_id: str, message: str, suggestions: list[str]
) -> None:
    """Have a person decide; one that is asked for the third time breaks the loop."""
    draft.close_open_blocker(subtask_id, SYSTEM, "superseded")
    options = RESOLUTIONS[kind]
    times = draft.state.subtasks[subtask_id].blocks + 1
    if times > BLOCKS_BEFORE_LOOP:
        kind = BlockerKind.HUMAN_INPUT
        options = tuple(one for one in RESOLUTIONS[kind] if one is not Resolution.RETRY)
        message = f"Blocked for the {times}th time, so trying again is no way out. {message}"
    draft.open_blocker(kind, subtask_id, message, options, suggestions=suggestions)


_REPORT: Final[dict[EventType, Callable[[Draft, c.Report, SubtaskState], None]]] = {
    EventType.HEARTBEAT: _progress,
    EventType.TASK_STARTED: _progress,
    EventType.TASK_PROGRESS: _progress,
    EventType.TASK_COMPLETE: _complete,
    EventType.TASK_ERROR: _error,
    EventType.TASK_BLOCKED: _wait,
}


def as_note(command: c.Report, refusal: Exception) -> c.Report:
    """Turn a refused report into a note, so that a late result is kept though it cannot count."""
    return msgspec.structs.replace(
        command,
        event_type=EventType.NOTE,
        message=f"{refusal} Reported: {command.event_type}. {command.message or ''}".strip(),
        claimant=None,
    )
