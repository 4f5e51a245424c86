"""Works out what a decision changes in Redis: fields, work streams, leases, timers, blockers.

Pure: compares the state before with the state after. Each timer is written in the same commit as
the state it guards.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from app.domain.blockers import Blocker
from app.domain.events import SealedEvent
from app.domain.execution import Execution, Header, SubtaskState
from app.domain.execution_graph import SubtaskNode
from app.domain.states import TIMED, ExecutionStatus, SubtaskStatus
from app.live.keys import Keys, agent_timer, lease_field, timer

_DISPATCHING = (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING, ExecutionStatus.BLOCKED)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_NOBODY: frozenset[str] = frozenset()


class Delays(msgspec.Struct, frozen=True):
    """How long things may last.

    ``lease`` without an event of its agent, ``grace`` of an ended execution in Redis,
    ``execution`` from its start, ``offline`` of an agent without contact.
    """

    lease: dt.timedelta
    grace: dt.timedelta
    execution: dt.timedelta = dt.timedelta(hours=168)
    offline: dt.timedelta = dt.timedelta(minutes=30)


def encode(value: Any) -> str:
    """Encode as JSON text: Redis' MessagePack knows no binary type."""
    return msgspec.json.encode(value).decode()


def milliseconds(at: dt.datetime) -> int:
    """Give a time as Redis keeps it: whole milliseconds since 1970."""
    return (at - _EPOCH) // _MILLISECOND


def not_before(at: dt.datetime) -> int:
    """Give the time of a timer, rounded up.

    A timer that came a fraction of a millisecond early would find nothing due, and be dropped.
    """
    return -((_EPOCH - at) // _MILLISECOND)


def describe(
    keys: Keys,
    before: Execution,
    after: Execution,
    sealed: Sequence[SealedEvent],
    now: dt.datetime,
    delays: Delays,
) -> dict[str, Any]:
    """Give the map that ``scripts/commit.lua`` takes, without its receipts."""
    header = after.header
    had, has = (
        _timers(before, after, now, delays, of=before),
        _timers(before, after, now, delays, of=after),
    )
    unmoved = _unmoved(after, sealed)
    return {
        "execution": header.execution_id,
        "header": encode(header),
        "fields": fields_of(after),
        "events": [(one.event.seq, one.body.decode(), one.hash) for one in sealed],
        "changes": encode(_changes(after)),
        "wake": keys.wake,
        "clear": header.status.ended and not before.header.status.ended,
        "timers": [(name, due) for name, due in has.items() if name not in unmoved],
        "untimed": [name for name in had if name not in has],
        **_places(keys, before, after),
        **_blockers(keys, before, after),
        **_membership(keys, before.header, header, now, delays),
    }


def describe_whole(
    keys: Keys, state: Execution, now: dt.datetime, delays: Delays
) -> dict[str, Any]:
    """Give all that a whole state calls for, as if it had come about in one commit.

    Leases last their full time from now on. ``events`` are none: what is known is not news.
    """
    header = state.header
    before = Execution.unborn(state.graph, header.execution_id, header.workspace_id)
    after = state.copy()
    after.changed_subtasks, after.changed_tasks = set(after.subtasks), set(after.tasks)
    timers = _timers(before, after, now, delays, of=after)
    return {**describe(keys, before, after, (), now, delays), "timers": list(timers.items())}


def fields_of(after: Execution) -> list[Any]:
    """Give what changed as names and JSON of the hash of states, by turns."""
    fields: list[Any] = []
    for subtask_id in after.changed_subtasks:
        fields += (f"s:{subtask_id}", encode(after.subtasks[subtask_id]))
    for task_id in after.changed_tasks:
        fields += (f"t:{task_id}", encode(after.tasks[task_id]))
    return fields


def _changes(after: Execution) -> dict[str, Any]:
    """Name what changed, for those who watch and for the record."""
    return {
        "subtasks": {one: after.subtasks[one].status for one in after.changed_subtasks},
        "tasks": {one: after.tasks[one].status for one in after.changed_tasks},
    }


def _places(keys: Keys, before: Execution, after: Execution) -> dict[str, Any]:
    """Say who enters and leaves the work streams and the leases."""
    leave: list[str] = []
    enqueue: list[Any] = []
    lease: list[Any] = []
    looked_at = after.subtasks if _all_move(before, after) else after.changed_subtasks
    for subtask_id in sorted(looked_at, key=lambda one: after.graph.subtasks[one].position):
        was, now = _place(before, subtask_id), _place(after, subtask_id)
        if was == now:
            continue
        if was is not None:
            leave.append(subtask_id)
        held = after.subtasks[subtask_id].lease
        if held is not None:
            field = lease_field(after.header.execution_id, subtask_id)
            place = (keys.leases(held.agent_id), keys.work(held.agent_id), field, encode(held), 0)
            lease.append((subtask_id, held.agent_id, *place))
        elif now is not None:
            action = after.graph.subtasks[subtask_id].action
            enqueue.append((subtask_id, now[1], keys.work(now[1]), action))
    return {"leave": leave, "enqueue": enqueue, "lease": lease}


def _all_move(before: Execution, after: Execution) -> bool:
    """Tell whether subtasks that did not change change their places all the same."""
    was, now = before.header, after.header
    dispatching = (was.status in _DISPATCHING) is not (now.status in _DISPATCHING)
    return dispatching or was.agent_id != now.agent_id


def _place(execution: Execution, subtask_id: str) -> tuple[str, str] | None:
    """Say where a subtask stands: leased by token, queued by agent, or nowhere."""
    state = execution.subtasks.get(subtask_id)
    if state is None:
        return None
    if state.lease is not None:
        return "lease", state.lease.token
    if state.status is SubtaskStatus.READY and execution.header.status in _DISPATCHING:
        return "queue", execution.agent_of(subtask_id)
    return None


def _timers(
    before: Execution, after: Execution, now: dt.datetime, delays: Delays, *, of: Execution
) -> dict[str, int]:
    """Give the timers that one of the two states calls for, as far as something changed."""
    found: dict[str, int] = {}
    execution_id = after.header.execution_id
    for subtask_id in after.changed_subtasks:
        state = of.subtasks.get(subtask_id)
        if state is not None:
            node = of.graph.subtasks[subtask_id]
            for kind, due in _due(state, node, now, delays).items():
                found[timer(kind, execution_id, subtask_id)] = not_before(due)
    if before.header.status is not after.header.status:
        for kind, due in _due_of_execution(of.header, now, delays).items():
            found[timer(kind, execution_id)] = not_before(due)
    return found


def _unmoved(after: Execution, sealed: Iterable[SealedEvent]) -> set[str]:
    """Name the ends of leases that stay: something happened, but their agent was not heard of."""
    heard = {(one.event.task_id, one.event.agent_id) for one in sealed}
    return {
        timer("lease", after.header.execution_id, one)
        for one in after.changed_subtasks
        if (lease := after.subtasks[one].lease) and (one, lease.agent_id) not in heard
    }


def _due(
    state: SubtaskState, node: SubtaskNode, now: dt.datetime, delays: Delays
) -> dict[str, dt.datetime]:
    due: dict[str, dt.datetime] = {}
    if state.lease is not None:
        due["lease"] = now + delays.lease
    if state.due_at is not None:
        due["delay"] = state.due_at
    if state.timing_since is not None and state.status in TIMED:
        due["timeout"] = state.timing_since + dt.timedelta(hours=node.timeout_hours)
    return due


def _due_of_execution(header: Header, now: dt.datetime, delays: Delays) -> dict[str, dt.datetime]:
    if header.status.ended:
        return {"retire": now + delays.grace}
    if header.status is ExecutionStatus.CREATED:
        return {}
    return {"limit": (header.queued_at or now) + delays.execution}


def _blockers(keys: Keys, before: Execution, after: Execution) -> dict[str, Any]:
    """Say which blockers enter and leave the lists of all that waits for a person or an agent."""
    was, now = _open(before, after.changed_subtasks), _open(after, after.changed_subtasks)
    execution_id = after.header.execution_id
    opened = [
        (
            keys.waits if blocker.is_agents else keys.blockers,
            blocker_id,
            encode({"execution_id": execution_id, "blocker": blocker}),
        )
        for blocker_id, blocker in now.items()
        if was.get(blocker_id) != blocker
    ]
    closed = [one for one in was if one not in now]
    return {"opened": opened, "closed": closed, "waits": keys.waits}


def _open(execution: Execution, subtask_ids: Iterable[str]) -> dict[str, Blocker]:
    states = [execution.subtasks[one] for one in subtask_ids if one in execution.subtasks]
    found = [execution.header.blocker, *(state.blocker for state in states)]
    return {blocker.blocker_id: blocker for blocker in found if blocker is not None}


def _membership(
    keys: Keys, before: Header, after: Header, now: dt.datetime, delays: Delays
) -> dict[str, Any]:
    """Keep the lists of agents' executions, and watch each agent that has one from now on."""
    was = before.members if before.seq and not before.status.ended else _NOBODY
    has = _NOBODY if after.status.ended else after.members
    until = not_before(now + delays.offline)
    return {
        "joined": [(keys.executions(one), agent_timer(one), until) for one in sorted(has - was)],
        "left": [keys.executions(one) for one in sorted(was - has)],
    }
