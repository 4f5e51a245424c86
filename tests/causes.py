"""Why a subtask is not running, worked out from the facts alone to compare ``explain`` with."""

import datetime as dt
from typing import Final

from app.domain.execution import Execution
from app.domain.states import ExecutionStatus, SubtaskStatus
from app.domain.why import AgentSituation, Cause, Why, explain

from .executions import NOON, open_prerequisites

E, S = ExecutionStatus, SubtaskStatus

LONG_AGO: Final = NOON - dt.timedelta(days=9)
JUST_NOW: Final = NOON + dt.timedelta(days=9999)
SITUATIONS: Final = (
    AgentSituation("agent_1", JUST_NOW),
    AgentSituation("agent_1", JUST_NOW, paused_at=NOON),
    AgentSituation("agent_1", JUST_NOW, actions=frozenset({"dance"})),
    AgentSituation("agent_1", LONG_AGO),
    AgentSituation("agent_1"),
    AgentSituation("agent_1", JUST_NOW, leases=2, capacity=2),
)
"""An agent that could go on, and one for each reason that it does not."""

_OF_AGENT: Final = (
    Cause.QUEUED,
    Cause.PAUSED,
    Cause.NO_CAPABLE_AGENT,
    Cause.NO_CONTACT,
    Cause.NO_CONTACT,
    Cause.AT_CAPACITY,
)


def assert_why(state: Execution, subtask_id: str, agent: AgentSituation, now: dt.datetime) -> None:
    """Assert that the answer is the one cause there is, with who can clear it and how."""
    found = explain(state, subtask_id, agent, now, holds_up=0)
    assert found.cause is _cause(state, subtask_id, agent), (subtask_id, found)
    assert found.status is state.subtasks[subtask_id].status
    assert found.detail
    assert (found.cleared_by == "nobody") == (found.cause is Cause.DONE)
    if found.cause is Cause.PREREQUISITES:
        _names_what_it_waits_for(state, subtask_id, found)
    if state.subtasks[subtask_id].status is S.BLOCKED:
        _offers_every_answer(state, subtask_id, found)


def _cause(state: Execution, subtask_id: str, agent: AgentSituation) -> Cause:
    subtask, header = state.subtasks[subtask_id], state.header
    by_status = {
        S.COMPLETED: Cause.DONE,
        S.SKIPPED: Cause.DONE,
        S.CANCELLED: Cause.DONE,
        S.RUNNING: Cause.RUNNING,
    }
    if subtask.status in by_status:
        return by_status[subtask.status]
    by_execution = {
        E.FAILED: Cause.HUMAN_INPUT,
        E.CANCELLED: Cause.DONE,
        E.CREATED: Cause.NOT_STARTED,
    }
    if header.status in by_execution:
        return by_execution[header.status]
    if subtask.status is S.BLOCKED:
        assert subtask.blocker
        return Cause(subtask.blocker.kind)
    offline = state.agent_of(subtask_id) in header.absent
    held_up = (
        (open_prerequisites(state, subtask_id), Cause.PREREQUISITES),
        (header.status is E.PAUSED, Cause.PAUSED),
        (subtask.status is S.RETRYING, Cause.RETRY_LATER),
        (offline, Cause.AGENT_OFFLINE),
        (True, _OF_AGENT[SITUATIONS.index(agent)]),
    )
    return next(cause for holds, cause in held_up if holds)


def _names_what_it_waits_for(state: Execution, subtask_id: str, found: Why) -> None:
    graph = state.graph
    node = graph.subtasks[subtask_id]
    before = [graph.subtasks[one].title for one in node.dependencies]
    before += [graph.tasks[one].title for one in graph.tasks[node.task_id].prerequisites]
    named = [title for title in before if repr(title) in found.detail]
    assert named
    unfinished = {graph.subtasks[one].title for one in open_prerequisites(state, subtask_id)}
    unfinished |= {graph.tasks[one].title for one, task in state.tasks.items() if task.unfinished}
    assert unfinished.issuperset(named)


def _offers_every_answer(state: Execution, subtask_id: str, found: Why) -> None:
    blocker = state.subtasks[subtask_id].blocker
    assert blocker
    assert (found.detail, found.since, found.until) == (
        blocker.message,
        blocker.opened_at,
        blocker.next_check_at,
    )
    offered = [one for one in found.actions if blocker.blocker_id in one.path]
    assert len(offered) == len(blocker.options)
