"""What follows from a command: ``decide(state, command, now) -> events``, and nothing else.

Reads no clock, no random source, no network. A refusal is a ``DomainError``; the state given is
never changed. ``lifecycle`` decides for executions as a whole, ``attempts`` for what agents do,
``people`` for what persons do, ``absence`` for agents that are away; here is what follows from
each of them alike.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import msgspec

from app.domain import commands as c
from app.domain.blockers import RESOLUTIONS, BlockerKind
from app.domain.decide import absence, attempts, lifecycle, people
from app.domain.decide.attempts import as_note
from app.domain.decide.draft import SYSTEM, Draft
from app.domain.decide.lifecycle import legal_moves
from app.domain.events import Event, EventType
from app.domain.execution import Execution
from app.domain.plan import Assignee
from app.domain.states import ExecutionStatus, SubtaskStatus

__all__ = ["Decision", "as_note", "concerns_all", "decide", "legal_moves", "subject_of"]


class Decision(msgspec.Struct, frozen=True):
    """New events in order, and the state after them."""

    events: list[Event]
    after: Execution


def decide(state: Execution, command: c.Command, now: dt.datetime) -> Decision:
    """Decide what a command leads to.

    Raises:
        Terminal: The execution has ended.
        IllegalMove: The table has no such move.
        StaleLease: The attempt reported on is not the current one; the caller may keep the
            report with ``as_note``.
        UnknownTask: No such subtask.
        NotFound: No such blocker, or the execution is not this agent's.
        Invalid: A person's answer is none that the blocker takes.
        Conflict: The subtask is not in a state for this command.
    """
    draft = Draft(state, now)
    _DECIDE[type(command)](draft, command)
    _hold_back(draft)
    _settle(draft)
    if isinstance(command, c.Report) and command.claimant is not None:
        attempts.claim_next(draft, command.claimant)
    return Decision(draft.events, draft.state)


def concerns_all(command: c.Command) -> bool:
    """Tell whether a command needs every subtask loaded, not only a neighbourhood."""
    return type(command) in _CONCERN_ALL


def subject_of(command: c.Command) -> str | None:
    """Name the subtask a command is about, if any."""
    if isinstance(command, c.Report):
        return command.task_id
    return getattr(command, "subtask_id", None)


def _hold_back(draft: Draft) -> None:
    """Let nothing become ready that needs a person first, or whose agent is away."""
    state = draft.state
    if state.header.status.ended:
        return
    ready = [
        one for one in state.changed_subtasks if state.subtasks[one].status is SubtaskStatus.READY
    ]
    for subtask_id in sorted(ready, key=lambda one: state.graph.subtasks[one].position):
        if state.subtasks[subtask_id].blocker is None:
            _ask_first(draft, subtask_id)
    absence.hold(draft, ready)


def _ask_first(draft: Draft, subtask_id: str) -> None:
    node = draft.state.graph.subtasks[subtask_id]
    if node.assignee is Assignee.HUMAN:
        kind, told = BlockerKind.HUMAN_TASK, node.description or node.title
    elif not draft.state.is_approved(subtask_id):
        kind, told = BlockerKind.APPROVAL, f"May this be done? {node.title}"
    else:
        return
    draft.open_blocker(
        kind, subtask_id, told, RESOLUTIONS[kind], suggestions=list(node.success_criteria)
    )


def _settle(draft: Draft) -> None:
    """Say what the execution as a whole has come to."""
    header = draft.state.header
    if header.status in _SETTLED:
        return
    if header.subtasks_done == header.subtasks_total:
        draft.emit(
            EventType.EXECUTION_COMPLETED,
            actor=SYSTEM,
            status=ExecutionStatus.COMPLETED,
            message=f"All {header.tasks_total} tasks are complete.",
        )
    elif header.stuck and header.status in _GOING:
        draft.emit(
            EventType.EXECUTION_BLOCKED,
            actor=SYSTEM,
            status=ExecutionStatus.BLOCKED,
            message="Nothing can go on before one of its blockers is cleared.",
        )


_SETTLED: Final = frozenset(
    {ExecutionStatus.CREATED, *(status for status in ExecutionStatus if status.ended)}
)
_GOING: Final = frozenset({ExecutionStatus.QUEUED, ExecutionStatus.RUNNING})

_DECIDE: Final[dict[type, Callable[[Draft, Any], None]]] = {
    c.CreateExecution: lifecycle.create,
    c.StartExecution: lifecycle.start,
    c.PauseExecution: lifecycle.pause,
    c.ResumeExecution: lifecycle.resume,
    c.CancelExecution: lifecycle.cancel,
    c.ReassignExecution: lifecycle.reassign,
    c.TimeOutExecution: lifecycle.time_out,
    c.NoteAgentOffline: absence.agent_offline,
    c.NoteAgentOnline: absence.agent_online,
    c.ClaimSubtask: attempts.claim,
    c.Report: attempts.report,
    c.ExpireLease: attempts.expire_lease,
    c.TimeOutSubtask: attempts.time_out,
    c.EndDelay: attempts.end_delay,
    c.ResolveBlocker: people.resolve,
    c.SkipSubtask: people.skip,
    c.RetrySubtask: people.retry,
    c.CompleteSubtask: people.complete,
}
_CONCERN_ALL: Final = frozenset(
    {
        c.CreateExecution,
        c.StartExecution,
        c.PauseExecution,
        c.ResumeExecution,
        c.CancelExecution,
        c.ReassignExecution,
        c.TimeOutExecution,
        c.NoteAgentOffline,
        c.NoteAgentOnline,
    }
)
