"""An execution as a whole: create, start, pause, resume, cancel, reassign, time out."""

from typing import Any, Final

from app.domain import commands as c
from app.domain.blockers import BlockerKind
from app.domain.decide import absence
from app.domain.decide.draft import SYSTEM, Draft
from app.domain.errors import Conflict, IllegalMove
from app.domain.events import EventType
from app.domain.states import EXECUTION_MOVES, ExecutionStatus

_ASKED_FOR: Final = frozenset({ExecutionStatus.PAUSED, ExecutionStatus.CANCELLED})
_RESUMABLE: Final = frozenset({ExecutionStatus.PAUSED, ExecutionStatus.FAILED})


def create(draft: Draft, command: c.CreateExecution) -> None:
    """Bring the execution into being."""
    if draft.state.header.seq:
        raise Conflict(f"{draft.state.header.execution_id} exists already.")
    header = {
        "plan_id": command.plan_id,
        "plan_version": command.plan_version,
        "graph_id": command.graph_id,
        "ordering": command.ordering,
        "agent_id": command.agent_id,
        "agents": [command.agent_id],
        "relaxed_actions": command.relaxed_actions,
        "owner": command.actor,
        "title": draft.state.graph.title,
    }
    draft.emit(
        EventType.EXECUTION_CREATED,
        actor=command.actor,
        status=ExecutionStatus.CREATED,
        agent_id=command.agent_id,
        data={"header": header, "approvals": command.approvals, **_targets(command)},
    )


def _targets(command: c.CreateExecution) -> dict[str, Any]:
    return {"targets": command.targets} if command.targets else {}


def start(draft: Draft, command: c.StartExecution) -> None:
    """Make the first subtasks ready; what nobody can do is said before."""
    status = draft.state.header.status
    if status is not ExecutionStatus.CREATED:
        raise IllegalMove(status, ExecutionStatus.QUEUED, legal_moves(status))
    draft.emit(EventType.EXECUTION_QUEUED, actor=command.actor, status=ExecutionStatus.QUEUED)
    draft.say_unmatched(command.unmatched)


def pause(draft: Draft, command: c.PauseExecution) -> None:
    """Stop dispatch."""
    refuse_illegal(draft, ExecutionStatus.PAUSED)
    draft.emit(
        EventType.EXECUTION_PAUSED,
        actor=command.actor,
        status=ExecutionStatus.PAUSED,
        message=command.reason or None,
    )


def resume(draft: Draft, command: c.ResumeExecution) -> None:
    """Go on after a pause, or take a failed execution up again."""
    header = draft.state.header
    if header.status not in _RESUMABLE:
        raise IllegalMove(header.status, ExecutionStatus.RUNNING, legal_moves(header.status))
    status = ExecutionStatus.RUNNING if header.started_at else ExecutionStatus.QUEUED
    draft.emit(
        EventType.EXECUTION_RESUMED,
        actor=command.actor,
        status=status,
        message=command.reason or None,
    )
    draft.say_unmatched(command.unmatched)


def cancel(draft: Draft, command: c.CancelExecution) -> None:
    """Call it off."""
    refuse_illegal(draft, ExecutionStatus.CANCELLED)
    draft.emit(
        EventType.EXECUTION_CANCELLED,
        actor=command.actor,
        status=ExecutionStatus.CANCELLED,
        message=command.reason or None,
    )


def reassign(draft: Draft, command: c.ReassignExecution) -> None:
    """Give the work to another agent; the first one's leases end."""
    draft.refuse_ended()
    header = draft.state.header
    if header.agent_id == command.agent_id:
        raise Conflict(f"The execution is {command.agent_id}'s already.")
    if header.blocker is not None:
        draft.close_blocker(header.blocker, command.actor, "reassign")
    draft.emit(
        EventType.EXECUTION_REASSIGNED,
        actor=command.actor,
        status=draft.state.header.status,
        agent_id=command.agent_id,
        message=command.reason or None,
        data={"from": header.agent_id},
    )
    for subtask_id, subtask in draft.state.subtasks.items():
        blocker = subtask.blocker
        if blocker and blocker.kind is BlockerKind.NO_CAPABLE_AGENT:
            draft.close_blocker(blocker, command.actor, "reassign")
            draft.release(subtask_id, command.actor)
    if header.status is not ExecutionStatus.CREATED:  # A start matches for itself.
        draft.say_unmatched(command.unmatched)
    absence.reassigned(draft)


def time_out(draft: Draft, command: c.TimeOutExecution) -> None:
    """Give up what has taken too long."""
    draft.refuse_ended()
    refuse_illegal(draft, ExecutionStatus.FAILED)
    draft.emit(
        EventType.EXECUTION_FAILED,
        actor=SYSTEM,
        status=ExecutionStatus.FAILED,
        message=f"It has not ended within {command.hours:g} hours.",
    )


def legal_moves(status: ExecutionStatus) -> list[str]:
    """Name the statuses a person may ask for from this one."""
    asked = set(_ASKED_FOR)
    if status in _RESUMABLE or status is ExecutionStatus.CREATED:
        asked.add(ExecutionStatus.RUNNING)
    legal = EXECUTION_MOVES[status]
    if status is ExecutionStatus.CREATED:
        legal = (ExecutionStatus.RUNNING, ExecutionStatus.CANCELLED)
    return [move for move in legal if move in asked]


def refuse_illegal(draft: Draft, wanted: ExecutionStatus) -> None:
    """Refuse a move that the table lacks.

    Raises:
        IllegalMove: It does; names those that a person may ask for.
    """
    status = draft.state.header.status
    if wanted not in EXECUTION_MOVES[status]:
        raise IllegalMove(status, wanted, legal_moves(status))
