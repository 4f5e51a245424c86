"""Why something is not running: exactly one cause, and who can clear it.

Pure. What the log does not know, the agent's contact and load, is passed in.
"""

import datetime as dt
import enum
import itertools
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from app.domain.blockers import BlockerKind
from app.domain.execution import Execution
from app.domain.matching import mismatch
from app.domain.states import ExecutionStatus, SubtaskStatus

NAMED_AT_MOST: Final = 3


class Cause(enum.StrEnum):
    """The closed set of causes; those of blockers are named as their kinds."""

    NOT_STARTED = "not_started"
    PREREQUISITES = "prerequisites"
    PAUSED = "paused"
    QUEUED = "queued"
    NO_CONTACT = "no_contact"
    AT_CAPACITY = "at_capacity"
    RUNNING = "running"
    RETRY_LATER = "retry_later"
    EXTERNAL_WAIT = "external_wait"
    HUMAN_TASK = "human_task"
    APPROVAL = "approval"
    REVIEW = "review"
    HUMAN_INPUT = "human_input"
    NO_CAPABLE_AGENT = "no_capable_agent"
    AGENT_OFFLINE = "agent_offline"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    DECOMPOSITION_FAILED = "decomposition_failed"
    DONE = "done"


class ClearedBy(enum.StrEnum):
    """Who can clear a cause."""

    AGENT = "agent"
    USER = "user"
    TIME = "time"
    OPERATOR = "operator"
    NOBODY = "nobody"


class AgentSituation(msgspec.Struct, frozen=True):
    """What is known of the agent a subtask waits for.

    ``silent_after`` is how long it may go without asking for work before that is worth saying.
    """

    agent_id: str
    last_contact_at: dt.datetime | None = None
    leases: int = 0
    capacity: int = 1
    paused_at: dt.datetime | None = None
    actions: frozenset[str] = frozenset("*")
    silent_after: dt.timedelta = dt.timedelta(minutes=5)


class Action(msgspec.Struct, frozen=True):
    """A call that would clear the cause."""

    method: str
    path: str
    description: str


class Why(msgspec.Struct, frozen=True):
    """The answer; ``since`` and ``until`` may be unknown, ``holds_up`` counts subtasks behind."""

    task_id: str
    status: SubtaskStatus
    cause: Cause
    detail: str
    cleared_by: ClearedBy
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    actions: list[Action] = []
    holds_up: int = 0


def explain(
    execution: Execution,
    subtask_id: str,
    agent: AgentSituation,
    now: dt.datetime,
    holds_up: int | None = None,
) -> Why:
    """Say why a subtask is not running.

    Needs the subtask loaded; its prerequisites too, where it waits for them. ``holds_up`` is
    counted here unless it is given, as it should be where many are explained.
    """
    behind = execution.graph.behind(subtask_id) if holds_up is None else holds_up
    for reason in _REASONS:
        found = reason(execution, subtask_id, agent, now)
        if found is not None:
            return msgspec.structs.replace(found, holds_up=behind)
    raise AssertionError("The last reason always answers.")


def _why(
    execution: Execution,
    subtask_id: str,
    cause: Cause,
    detail: str,
    cleared_by: ClearedBy,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    actions: list[Action] | None = None,
) -> Why:
    status = execution.subtasks[subtask_id].status
    return Why(subtask_id, status, cause, detail, cleared_by, since, until, actions or [])


def _ended(execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime) -> Why | None:
    header, state = execution.header, execution.subtasks[subtask_id]
    if state.status.done:
        return _why(
            execution,
            subtask_id,
            Cause.DONE,
            f"It is {state.status}.",
            ClearedBy.NOBODY,
            state.completed_at,
        )
    if header.status is ExecutionStatus.FAILED:
        detail = f"The execution failed. {header.status_message}"
        path = f"/api/executions/{header.execution_id}"
        again = Action("PATCH", path, 'Take it up again: {"status": "RUNNING"}')
        return _why(
            execution,
            subtask_id,
            Cause.HUMAN_INPUT,
            detail,
            ClearedBy.USER,
            header.completed_at,
            actions=[again],
        )
    if header.status.ended:
        detail = f"The execution is {header.status}. {header.status_message}".strip()
        return _why(
            execution, subtask_id, Cause.DONE, detail, ClearedBy.NOBODY, header.completed_at
        )
    return None


def _blocked(
    execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime
) -> Why | None:
    state = execution.subtasks[subtask_id]
    blocker = state.blocker
    if blocker is None or state.status is not SubtaskStatus.BLOCKED:
        return None
    by = _CLEARED_BY.get(blocker.kind, ClearedBy.USER)
    header = execution.header
    path = f"/api/executions/{header.execution_id}/blockers/{blocker.blocker_id}/resolve"
    actions = [Action("POST", path, f'{{"resolution": "{one}"}}') for one in blocker.options]
    if blocker.kind is BlockerKind.HUMAN_TASK:
        done = f"/api/executions/{header.execution_id}/tasks/{subtask_id}/complete"
        actions.insert(0, Action("POST", done, "Say that it is done, with evidence."))
    return _why(
        execution,
        subtask_id,
        Cause(blocker.kind),
        blocker.message,
        by,
        blocker.opened_at,
        blocker.next_check_at,
        actions,
    )


def _not_started(
    execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime
) -> Why | None:
    header = execution.header
    if header.status is not ExecutionStatus.CREATED:
        return None
    start = Action("PATCH", f"/api/executions/{header.execution_id}", '{"status": "RUNNING"}')
    return _why(
        execution,
        subtask_id,
        Cause.NOT_STARTED,
        "The execution has not been started.",
        ClearedBy.USER,
        header.created_at,
        actions=[start],
    )


def _running(
    execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime
) -> Why | None:
    state = execution.subtasks[subtask_id]
    if state.lease is None:
        return None
    detail = f"{state.lease.agent_id} works on it, attempt {state.attempt}."
    return _why(execution, subtask_id, Cause.RUNNING, detail, ClearedBy.AGENT, state.last_event_at)


def _waits_for_others(
    execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime
) -> Why | None:
    if execution.subtasks[subtask_id].status is not SubtaskStatus.QUEUED:
        return None
    # The states count what is open, so that a task with thousands before it costs no more.
    task_id = execution.graph.subtasks[subtask_id].task_id
    task = execution.tasks.get(task_id)
    total = execution.subtasks[subtask_id].waiting_on + (task.waiting_on if task else 0)
    found = unfinished_before(execution, subtask_id)
    names = [repr(name) for name in itertools.islice(found, NAMED_AT_MOST)]
    more = f" and {total - len(names)} more" if names and total > len(names) else ""
    told = ", ".join(names) or "what comes before it"
    return _why(
        execution, subtask_id, Cause.PREREQUISITES, f"It waits for {told}{more}.", ClearedBy.AGENT
    )


def unfinished_before(execution: Execution, subtask_id: str) -> Iterator[str]:
    """Title the prerequisites that are loaded and not finished: subtasks, then tasks."""
    graph = execution.graph
    node = graph.subtasks[subtask_id]
    for one in node.dependencies:
        if one in execution.subtasks and not execution.subtasks[one].status.done:
            yield graph.subtasks[one].title
    for one in graph.tasks[node.task_id].prerequisites:
        if one in execution.tasks and execution.tasks[one].unfinished:
            yield graph.tasks[one].title


def _paused(
    execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime
) -> Why | None:
    header = execution.header
    if header.status is not ExecutionStatus.PAUSED:
        return None
    resume = Action("PATCH", f"/api/executions/{header.execution_id}", '{"status": "RUNNING"}')
    detail = f"The execution is paused. {header.status_message}".strip()
    return _why(
        execution,
        subtask_id,
        Cause.PAUSED,
        detail,
        ClearedBy.USER,
        header.paused_at,
        actions=[resume],
    )


def _retries(
    execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime
) -> Why | None:
    state = execution.subtasks[subtask_id]
    if state.status is not SubtaskStatus.RETRYING:
        return None
    path = f"/api/executions/{execution.header.execution_id}/tasks/{subtask_id}/retry"
    detail = f"Attempt {state.attempt} failed: {state.error_message or state.error_type}."
    now = Action("POST", path, "Try again at once.")
    return _why(
        execution,
        subtask_id,
        Cause.RETRY_LATER,
        detail,
        ClearedBy.TIME,
        state.last_event_at,
        state.due_at,
        [now],
    )


def _offline(
    execution: Execution, subtask_id: str, _: AgentSituation, __: dt.datetime
) -> Why | None:
    header = execution.header
    if header.blocker is None or execution.agent_of(subtask_id) != header.agent_id:
        return None
    path = f"/api/executions/{header.execution_id}"
    other = Action("PATCH", path, '{"agent_id": "another agent"}')
    return _why(
        execution,
        subtask_id,
        Cause.AGENT_OFFLINE,
        header.blocker.message,
        ClearedBy.OPERATOR,
        header.blocker.opened_at,
        actions=[other],
    )


def _agent_cannot(
    execution: Execution, subtask_id: str, agent: AgentSituation, now: dt.datetime
) -> Why | None:
    since = execution.subtasks[subtask_id].ready_at
    if agent.paused_at is not None:
        path = f"/api/agents/{agent.agent_id}"
        resume = Action("PATCH", path, '{"status": "ACTIVE"}')
        return _why(
            execution,
            subtask_id,
            Cause.PAUSED,
            f"{agent.agent_id} is paused.",
            ClearedBy.USER,
            agent.paused_at,
            actions=[resume],
        )
    action = execution.graph.subtasks[subtask_id].action
    if told := mismatch(action, agent.agent_id, {agent.agent_id: agent.actions}):
        return _why(execution, subtask_id, Cause.NO_CAPABLE_AGENT, told, ClearedBy.USER, since)
    heard = agent.last_contact_at
    if heard is None or now - heard > agent.silent_after:
        told = f"since {heard:%Y-%m-%d %H:%M} UTC" if heard else "yet"
        detail = f"{agent.agent_id} has not asked for work {told}."
        return _why(
            execution, subtask_id, Cause.NO_CONTACT, detail, ClearedBy.OPERATOR, heard or since
        )
    if agent.leases >= agent.capacity:
        detail = f"{agent.agent_id} works on {agent.leases} of at most {agent.capacity} at once."
        return _why(execution, subtask_id, Cause.AT_CAPACITY, detail, ClearedBy.AGENT, since)
    return None


def _queued(
    execution: Execution, subtask_id: str, agent: AgentSituation, _: dt.datetime
) -> Why | None:
    detail = f"It lies in the work stream of {agent.agent_id}."
    since = execution.subtasks[subtask_id].ready_at
    return _why(execution, subtask_id, Cause.QUEUED, detail, ClearedBy.AGENT, since)


_CLEARED_BY: Final = {
    BlockerKind.EXTERNAL_WAIT: ClearedBy.TIME,
    BlockerKind.AGENT_OFFLINE: ClearedBy.OPERATOR,
}
"""Any other blocker waits for its user."""

_Reason = Callable[[Execution, str, AgentSituation, dt.datetime], Why | None]
_REASONS: Final[tuple[_Reason, ...]] = (
    _ended,
    _blocked,
    _not_started,
    _running,
    _waits_for_others,
    _paused,
    _retries,
    _offline,
    _agent_cannot,
    _queued,
)
"""Asked in this order; the first that answers is the cause."""
