"""Agents that are off line: what waits for them is held up, and goes on when they are back.

The absence of the execution's own agent holds up all of it. That of another holds up single
subtasks: those that are its and could run.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from app.domain import commands as c
from app.domain.blockers import RESOLUTIONS, Blocker, BlockerKind, Resolution
from app.domain.decide.draft import SYSTEM, Draft
from app.domain.errors import Conflict
from app.domain.events import EventType
from app.domain.states import SubtaskStatus

_OF_EXECUTION: Final = (Resolution.REASSIGN, Resolution.FAIL)
_BACK: Final = "agent_online"


def agent_offline(draft: Draft, command: c.NoteAgentOffline) -> None:
    """Hold up what waits for an agent that is away."""
    draft.refuse_ended()
    header, agent_id = draft.state.header, command.agent_id
    if agent_id in header.absent or agent_id not in header.members:
        raise Conflict("It is known, or the agent gets no more work here.")
    draft.emit(
        EventType.AGENT_OFFLINE,
        actor=SYSTEM,
        status=header.status,
        agent_id=agent_id,
        message=_told(agent_id, command.last_contact_at),
        data={"last_contact_at": command.last_contact_at},
    )
    _hold_all(draft)


def agent_online(draft: Draft, command: c.NoteAgentOnline) -> None:
    """Let go on what waited for an agent that is back."""
    draft.refuse_ended()
    header, agent_id = draft.state.header, command.agent_id
    if agent_id not in header.absent:
        raise Conflict("It was not away.")
    actor = f"agent:{agent_id}"
    draft.emit(EventType.AGENT_ONLINE, actor=actor, status=header.status, agent_id=agent_id)
    if header.blocker is not None and agent_id == header.agent_id:
        draft.close_blocker(header.blocker, actor, _BACK)
    for subtask_id in _in_order(draft, draft.state.subtasks):
        blocker = draft.state.subtasks[subtask_id].blocker
        is_held = blocker is not None and blocker.kind is BlockerKind.AGENT_OFFLINE
        if blocker and is_held and draft.state.agent_of(subtask_id) == agent_id:
            _let_go(draft, blocker, actor)


def reassigned(draft: Draft) -> None:
    """Hold up what an execution's change of hands left to agents that are away."""
    _hold_all(draft)


def hold(draft: Draft, subtask_ids: Iterable[str]) -> None:
    """Block those of the named subtasks that are ready for an agent that is away."""
    header = draft.state.header
    for subtask_id in _in_order(draft, subtask_ids) if header.absent else ():
        agent_id = draft.state.agent_of(subtask_id)
        is_ready = draft.state.subtasks[subtask_id].status is SubtaskStatus.READY
        if is_ready and agent_id in header.absent and agent_id != header.agent_id:
            _hold_subtask(draft, subtask_id, agent_id)


def _hold_all(draft: Draft) -> None:
    header = draft.state.header
    if header.agent_id in header.absent and header.blocker is None:
        _hold_execution(draft)
    hold(draft, draft.state.subtasks)


def _hold_execution(draft: Draft) -> None:
    agent_id = draft.state.header.agent_id
    draft.open_blocker(
        BlockerKind.AGENT_OFFLINE,
        "",
        _told(agent_id, draft.state.header.absent[agent_id]),
        _OF_EXECUTION,
        suggestions=["Start the agent again.", "Reassign the execution to another agent."],
    )


def _hold_subtask(draft: Draft, subtask_id: str, agent_id: str) -> None:
    # A wait that is to be looked at goes on later, to the same end: to begin anew would repeat
    # what was done before it.
    until = draft.state.subtasks[subtask_id].wait_until
    draft.close_open_blocker(subtask_id, SYSTEM, "superseded")
    draft.open_blocker(
        BlockerKind.AGENT_OFFLINE,
        subtask_id,
        _told(agent_id, draft.state.header.absent[agent_id]),
        RESOLUTIONS[BlockerKind.AGENT_OFFLINE],
        suggestions=["Start the agent again.", "Reassign it to another agent.", "Skip it."],
        expires_at=until,
    )


def _let_go(draft: Draft, blocker: Blocker, actor: str) -> None:
    draft.close_blocker(blocker, actor, _BACK)
    if blocker.expires_at is None:
        draft.release(blocker.task_id, actor)
    else:
        _wait_again(draft, blocker, actor)


def _wait_again(draft: Draft, blocker: Blocker, actor: str) -> None:
    """Go on with a wait: due at once, so that the agent looks at it next."""
    told = draft.state.subtasks[blocker.task_id].message
    draft.emit(
        EventType.TASK_BLOCKED,
        actor=SYSTEM,
        status=SubtaskStatus.BLOCKED,
        task_id=blocker.task_id,
        message=told,
        due_at=draft.now,
        data={"wait_until": blocker.expires_at},
    )
    draft.open_blocker(
        BlockerKind.EXTERNAL_WAIT,
        blocker.task_id,
        told or "It waits for somebody outside.",
        RESOLUTIONS[BlockerKind.EXTERNAL_WAIT],
        owner=actor,
        next_check_at=draft.now,
        expires_at=blocker.expires_at,
    )


def _in_order(draft: Draft, subtask_ids: Iterable[str]) -> list[str]:
    return sorted(subtask_ids, key=lambda one: draft.state.graph.subtasks[one].position)


def _told(agent_id: str, since: dt.datetime) -> str:
    return f"{agent_id} has not been heard of since {since:%Y-%m-%d %H:%M} UTC."
