"""Works out what a decision changes in Redis: fields, work streams, leases and timers.

Pure: compares the state before with the state after. Each timer is written in the same commit as
the state it guards.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec

from app.domain.events import SealedEvent
from app.domain.execution import Execution, SubtaskState
from app.domain.states import ExecutionStatus, SubtaskStatus
from app.live.keys import Keys, lease_field, timer


def encode(value: Any) -> str:
    """Encode as JSON text: Redis' MessagePack knows no binary type."""
    return msgspec.json.encode(value).decode()


class Delays(msgspec.Struct, frozen=True):
    """How long a lease lasts, and how long an ended execution stays for late readers."""

    lease: dt.timedelta
    grace: dt.timedelta


def milliseconds(at: dt.datetime) -> int:
    """Give a time as Redis keeps it: milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def describe(
    keys: Keys,
    before: Execution,
    after: Execution,
    sealed: Iterable[SealedEvent],
    now: dt.datetime,
    delays: Delays,
) -> dict[str, Any]:
    """Give the map that ``scripts/commit.lua`` takes, without its receipts."""
    header = after.header
    execution_id = header.execution_id
    change: dict[str, Any] = {
        "execution": execution_id,
        "header": encode(header),
        "fields": _fields(after),
        "events": [(one.event.seq, one.body.decode(), one.hash) for one in sealed],
        "changes": encode(_changes(after)),
        "wake": keys.wake,
        "timers": [],
        "untimed": [],
        **_places(keys, before, after),
    }
    for subtask_id in after.changed_subtasks:
        _guard(change, execution_id, subtask_id, before, after, now, delays)
    if header.status.ended and not before.header.status.ended:
        due = milliseconds(now + delays.grace)
        change["timers"].append((timer("retire", execution_id), due))
    return change


def _fields(after: Execution) -> list[Any]:
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
    resumed = (
        before.header.status is ExecutionStatus.PAUSED
        and after.header.status is not ExecutionStatus.PAUSED
    )
    held_back = after.header.status is ExecutionStatus.PAUSED or after.header.status.ended
    looked_at = after.subtasks if resumed else after.changed_subtasks
    leave: list[str] = []
    enqueue: list[Any] = []
    lease: list[Any] = []
    for subtask_id in sorted(looked_at, key=lambda one: after.graph.subtasks[one].position):
        was, now = before.subtasks.get(subtask_id), after.subtasks[subtask_id]
        if was is not None and _placed(was) and _place(was) != _place(now):
            leave.append(subtask_id)
        agent_id = after.agent_of(subtask_id)
        entering = resumed or was is None or was.status is not SubtaskStatus.READY
        if now.status is SubtaskStatus.READY and entering and not held_back:
            action = after.graph.subtasks[subtask_id].action
            enqueue.append((subtask_id, agent_id, keys.work(agent_id), action))
        if now.lease is not None and (was is None or was.lease != now.lease):
            holder = now.lease.agent_id
            field = lease_field(after.header.execution_id, subtask_id)
            place = (keys.leases(holder), keys.work(holder), field, encode(now.lease), 0)
            lease.append((subtask_id, holder, *place))
    if after.header.status is ExecutionStatus.PAUSED is not before.header.status:
        ready = (one for one, was in before.subtasks.items() if was.status is SubtaskStatus.READY)
        leave = list(dict.fromkeys((*leave, *ready)))
    return {
        "leave": leave,
        "enqueue": enqueue,
        "lease": lease,
        "clear": after.header.status.ended and not before.header.status.ended,
    }


def _placed(state: SubtaskState) -> bool:
    return state.status in (SubtaskStatus.READY, SubtaskStatus.RUNNING)


def _place(state: SubtaskState) -> tuple[SubtaskStatus, str]:
    return state.status, state.lease.token if state.lease else ""


def _guard(
    change: dict[str, Any],
    execution_id: str,
    subtask_id: str,
    before: Execution,
    after: Execution,
    now: dt.datetime,
    delays: Delays,
) -> None:
    """Set the one timer a subtask's state calls for, and take away the one it no longer does."""
    was = before.subtasks.get(subtask_id)
    wanted = _timer(after.subtasks[subtask_id], now, delays)
    if wanted:
        change["timers"].append((timer(wanted[0], execution_id, subtask_id), wanted[1]))
    had = _timer(was, now, delays) if was else None
    if had and (not wanted or had[0] != wanted[0]):
        change["untimed"].append(timer(had[0], execution_id, subtask_id))


def _timer(state: SubtaskState, now: dt.datetime, delays: Delays) -> tuple[str, int] | None:
    if state.lease is not None:
        return "lease", milliseconds(now + delays.lease)
    if state.due_at is not None:
        return "delay", milliseconds(state.due_at)
    return None
