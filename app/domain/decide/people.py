"""What people do: resolve blockers, skip, retry and complete subtasks."""

from collections.abc import Callable
from typing import Any, Final

from app.domain import commands as c
from app.domain.blockers import Blocker, BlockerKind, Resolution
from app.domain.decide.draft import Draft, stated_minutes
from app.domain.decide.lifecycle import refuse_illegal
from app.domain.errors import Conflict, Fault, Invalid, NotFound
from app.domain.events import EventType
from app.domain.states import ExecutionStatus, SubtaskStatus


def resolve(draft: Draft, command: c.ResolveBlocker) -> None:
    """Carry out a person's answer to a blocker."""
    draft.refuse_ended()
    blocker = _open_blocker(draft, command)
    if command.resolution not in blocker.options:
        told = f"This blocker takes: {', '.join(blocker.options)}."
        raise Invalid(told, [Fault("resolution", told)])
    if not blocker.task_id:
        _resolve_execution(draft, command, blocker)
        return
    _close(draft, command, blocker)
    _RESOLVE[command.resolution](draft, command, blocker)
    if command.unmatched:
        draft.say_unmatched({command.subtask_id: command.unmatched})


def skip(draft: Draft, command: c.SkipSubtask) -> None:
    """Pass over a subtask."""
    draft.refuse_ended()
    _refuse_done(draft, command.subtask_id)
    draft.close_open_blocker(command.subtask_id, command.actor, Resolution.SKIP)
    _skip(draft, command)


def retry(draft: Draft, command: c.RetrySubtask) -> None:
    """Give a subtask all its attempts again."""
    draft.refuse_ended()
    subtask = draft.subtask(command.subtask_id)
    if subtask.status not in (SubtaskStatus.BLOCKED, SubtaskStatus.RETRYING):
        raise Conflict(f"{command.subtask_id} is {subtask.status}: there is nothing to retry.")
    blocker = subtask.blocker
    if blocker and Resolution.RETRY not in blocker.options:
        told = f"It waits for an answer: {', '.join(blocker.options)}."
        raise Conflict(f"{command.subtask_id} cannot be retried. {told}")
    draft.close_open_blocker(command.subtask_id, command.actor, Resolution.RETRY)
    answer = {"resolution": "retry", "message": command.message} if command.message else None
    _release(draft, command.actor, command.subtask_id, resolution=answer)
    if command.unmatched:
        draft.say_unmatched({command.subtask_id: command.unmatched})


def complete(draft: Draft, command: c.CompleteSubtask) -> None:
    """Take a person's word that a subtask is done."""
    draft.refuse_ended()
    _refuse_done(draft, command.subtask_id)
    if draft.state.header.status is ExecutionStatus.CREATED:
        raise Conflict("The execution has not been started.")
    if draft.state.waits_for_others(command.subtask_id):
        raise Conflict(f"{command.subtask_id} waits for others that come before it.")
    draft.close_open_blocker(command.subtask_id, command.actor, "completed")
    _complete(draft, command)


def _complete(draft: Draft, command: c.CompleteSubtask) -> None:
    draft.emit(
        EventType.TASK_COMPLETE,
        actor=command.actor,
        status=SubtaskStatus.COMPLETED,
        task_id=command.subtask_id,
        message=command.notes or None,
        output_data=command.output_data,
        data={
            **({"evidence": command.evidence} if command.evidence else {}),
            **stated_minutes(command.minutes),
        },
    )


def _close(draft: Draft, command: c.ResolveBlocker, blocker: Blocker) -> None:
    told = command.message or None
    draft.close_blocker(blocker, command.actor, command.resolution, told, command.minutes)


def _open_blocker(draft: Draft, command: c.ResolveBlocker) -> Blocker:
    found = draft.state.header.blocker
    if command.subtask_id:
        found = draft.subtask(command.subtask_id).blocker
    if found is None or found.blocker_id != command.blocker_id:
        raise NotFound(f"There is no open blocker {command.blocker_id!r}.")
    return found


def _refuse_done(draft: Draft, subtask_id: str) -> None:
    status = draft.subtask(subtask_id).status
    if status.ended:
        raise Conflict(f"{subtask_id} is {status} already.")


def _resolve_execution(draft: Draft, command: c.ResolveBlocker, blocker: Blocker) -> None:
    """Only giving up is decided here: reassigning is a command of its own."""
    if command.resolution is not Resolution.FAIL:
        raise Conflict("Reassign the execution itself: PATCH it with another agent_id.")
    _close(draft, command, blocker)
    _give_up(draft, command)


def _again(draft: Draft, command: c.ResolveBlocker, _: Blocker) -> None:
    _answered(draft, command)


def _provide_input(draft: Draft, command: c.ResolveBlocker, blocker: Blocker) -> None:
    if blocker.kind is not BlockerKind.HUMAN_TASK:
        _again(draft, command, blocker)
        return
    done = c.CompleteSubtask(
        actor=command.actor,
        subtask_id=command.subtask_id,
        notes=command.message,
        output_data=command.output_data,
    )
    _complete(draft, done)


def _approve(draft: Draft, command: c.ResolveBlocker, _: Blocker) -> None:
    _release(draft, command.actor, command.subtask_id, approved=True)


def _reject(draft: Draft, command: c.ResolveBlocker, _: Blocker) -> None:
    told = f"Approval was refused. {command.message}".strip()
    options = (Resolution.ALTERNATIVE, Resolution.SKIP, Resolution.FAIL)
    draft.open_blocker(BlockerKind.HUMAN_INPUT, command.subtask_id, told, options)


def _skip_blocked(draft: Draft, command: c.ResolveBlocker, _: Blocker) -> None:
    skipped = c.SkipSubtask(
        actor=command.actor,
        subtask_id=command.subtask_id,
        reason=command.message,
        output_data=command.output_data,
    )
    _skip(draft, skipped)


def _reassign(draft: Draft, command: c.ResolveBlocker, _: Blocker) -> None:
    if not command.agent_id:
        raise Invalid("Name the agent.", [Fault("agent_id", "Missing data for required field.")])
    _answered(draft, command, assigned_to=command.agent_id)


def _answered(draft: Draft, command: c.ResolveBlocker, **changes: Any) -> None:
    """Put it out again, with what the person said for the next attempt."""
    if command.params is not None:
        changes["approved"] = False  # What was approved was something else.
    _release(draft, command.actor, command.subtask_id, resolution=_answer(command), **changes)


def _fail(draft: Draft, command: c.ResolveBlocker, _: Blocker) -> None:
    draft.emit(
        EventType.TASK_ERROR,
        actor=command.actor,
        status=SubtaskStatus.FAILED,
        task_id=command.subtask_id,
        error_type="given_up",
        error_message=command.message or None,
    )
    _give_up(draft, command)


def _give_up(draft: Draft, command: c.ResolveBlocker) -> None:
    refuse_illegal(draft, ExecutionStatus.FAILED)
    title = "the execution"
    if command.subtask_id:
        title = repr(draft.state.graph.subtasks[command.subtask_id].title)
    draft.emit(
        EventType.EXECUTION_FAILED,
        actor=command.actor,
        status=ExecutionStatus.FAILED,
        message=f"Given up at {title}. {command.message}".strip(),
    )


def _skip(draft: Draft, command: c.SkipSubtask) -> None:
    draft.emit(
        EventType.TASK_SKIPPED,
        actor=command.actor,
        status=SubtaskStatus.SKIPPED,
        task_id=command.subtask_id,
        message=command.reason or None,
        output_data=command.output_data,
        data=stated_minutes(command.minutes),
    )


def _release(draft: Draft, actor: str, subtask_id: str, **changes: Any) -> None:
    """Put a subtask out again with all its attempts, and with the params chosen for it before."""
    chosen = (draft.state.subtasks[subtask_id].resolution or {}).get("params")
    if chosen is not None and "resolution" in changes:
        # Without them the written params would run under the approval of the chosen ones.
        changes["resolution"] = {"params": chosen, **(changes["resolution"] or {})}
    draft.release(subtask_id, actor, attempt=0, timing_since=None, **changes)


def _answer(command: c.ResolveBlocker) -> dict[str, Any]:
    answer = {
        "resolution": command.resolution,
        "message": command.message or None,
        "output_data": command.output_data,
        "option": command.option,
        "params": command.params,
    }
    return {name: value for name, value in answer.items() if value is not None}


_RESOLVE: Final[dict[Resolution, Callable[[Draft, c.ResolveBlocker, Blocker], None]]] = {
    Resolution.RETRY: _again,
    Resolution.ALTERNATIVE: _again,
    Resolution.PROVIDE_INPUT: _provide_input,
    Resolution.APPROVE: _approve,
    Resolution.REJECT: _reject,
    Resolution.SKIP: _skip_blocked,
    Resolution.REASSIGN: _reassign,
    Resolution.FAIL: _fail,
}
