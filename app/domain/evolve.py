"""What an event changes: ``evolve(state, event) -> state``.

Total: it never refuses, because what it is given has happened. An execution is the fold of its
events over the unborn state.
"""

import collections
import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from app.domain.blockers import Blocker, BlockerKind
from app.domain.events import Event, EventType
from app.domain.execution import Execution, Lease, SubtaskState, TaskState
from app.domain.states import ExecutionStatus, SubtaskStatus


def evolve(state: Execution, event: Event) -> Execution:
    """Apply one event, in place, and return the same object.

    Needs the neighbourhood of the event's subtask loaded, and everything for events that concern
    a whole execution. Kinds that only inform change nothing but the version.
    """
    apply = _APPLY.get(event.event_type)
    if apply is not None:
        apply(state, event)
    if event.task_id in state.subtasks:
        state.set_subtask(event.task_id, seq=event.seq, last_event_at=event.recorded_at)
    current = state.subtasks.get(state.header.current_subtask_id or "")
    if current is not None and current.lease is None:
        state.set_header(current_subtask_id=None, current_title=None)
    state.set_header(seq=event.seq, updated_at=event.recorded_at)
    if state.header.absent:
        _forget_uninvolved(state)
    if state.header.status is ExecutionStatus.BLOCKED and not state.header.stuck:
        state.set_header(status=ExecutionStatus.RUNNING, status_message="")
    return state


def fold(state: Execution, events: Iterable[Event]) -> Execution:
    """Apply many events in order."""
    for event in events:
        evolve(state, event)
    return state


def _created(state: Execution, event: Event) -> None:
    graph = state.graph
    state.subtasks = {
        subtask_id: SubtaskState(waiting_on=len(node.dependencies), seq=event.seq)
        for subtask_id, node in graph.subtasks.items()
    }
    state.tasks = {
        task_id: TaskState(
            waiting_on=len(task.prerequisites),
            counts={SubtaskStatus.QUEUED: len(task.subtasks)},
            seq=event.seq,
        )
        for task_id, task in graph.tasks.items()
    }
    state.changed_subtasks.update(state.subtasks)
    state.changed_tasks.update(state.tasks)
    state.set_header(
        **event.data["header"],
        created_at=event.recorded_at,
        counts={SubtaskStatus.QUEUED: len(state.subtasks)},
        tasks_total=len(state.tasks),
        shares=_shares(state),
    )


def _shares(state: Execution) -> dict[str, int]:
    named = (state.share_of(one, subtask) for one, subtask in state.subtasks.items())
    return dict(collections.Counter(agent_id for agent_id in named if agent_id))


def _queued(state: Execution, event: Event) -> None:
    state.set_header(status=ExecutionStatus.QUEUED, queued_at=event.recorded_at)
    for task_id, task in state.tasks.items():
        if not task.waiting_on:
            _open(state, task_id, event)


def _started(state: Execution, event: Event) -> None:
    state.set_header(status=ExecutionStatus.RUNNING, started_at=event.recorded_at)


def _dispatched(state: Execution, event: Event) -> None:
    subtask_id = event.task_id or ""
    lease = msgspec.convert(event.data["lease"], Lease)
    before = state.subtasks[subtask_id]
    state.set_subtask(
        subtask_id,
        status=SubtaskStatus.RUNNING,
        attempt=event.attempt or 0,
        lease=lease,
        agent_id=lease.agent_id,
        progress_percent=None,
        due_at=None,
        started_at=before.started_at or event.recorded_at,
        timing_since=before.timing_since or event.recorded_at,
    )
    task_id = state.graph.subtasks[subtask_id].task_id
    state.set_task(task_id, started_at=state.tasks[task_id].started_at or event.recorded_at)
    title = state.graph.subtasks[subtask_id].title
    state.set_header(current_subtask_id=subtask_id, current_title=title)


def _progressed(state: Execution, event: Event) -> None:
    if event.task_id in state.subtasks:
        changes: dict[str, Any] = {}
        if event.progress_percent is not None:
            changes["progress_percent"] = event.progress_percent
        if event.message is not None:
            changes["message"] = event.message
        state.set_subtask(event.task_id, **changes)


def _completed(state: Execution, event: Event) -> None:
    subtask_id = event.task_id or ""
    state.set_subtask(
        subtask_id,
        status=SubtaskStatus.COMPLETED,
        lease=None,
        progress_percent=100.0,
        due_at=None,
        completed_at=event.recorded_at,
        result=event.output_data,
        message=event.message,
        error_type=None,
        error_message=None,
    )
    _unlock(state, subtask_id, event)


def _errored(state: Execution, event: Event) -> None:
    # An error alone only releases the lease. What follows from it is an event of its own.
    state.set_subtask(
        event.task_id or "",
        status=SubtaskStatus.FAILED,
        lease=None,
        error_type=event.error_type,
        error_message=event.error_message or event.message,
    )


def _expired(state: Execution, event: Event) -> None:
    state.set_subtask(
        event.task_id or "",
        status=SubtaskStatus.FAILED,
        lease=None,
        error_type="lease_expired",
        error_message=event.message,
    )


def _retry_scheduled(state: Execution, event: Event) -> None:
    subtask_id = event.task_id or ""
    state.set_subtask(subtask_id, status=SubtaskStatus.RETRYING, due_at=event.due_at)
    _look_again(state, subtask_id, event)


def _ready(state: Execution, event: Event) -> None:
    state.set_subtask(
        event.task_id or "",
        status=SubtaskStatus.READY,
        due_at=None,
        ready_at=event.recorded_at,
    )


def _waiting(state: Execution, event: Event) -> None:
    subtask_id = event.task_id or ""
    state.set_subtask(
        subtask_id,
        status=SubtaskStatus.BLOCKED,
        lease=None,
        due_at=event.due_at,
        wait_until=msgspec.convert(event.data["wait_until"], dt.datetime),
        waits=state.subtasks[subtask_id].waits + 1,
        timing_since=None,
        message=event.message,
    )
    _look_again(state, subtask_id, event)


def _look_again(state: Execution, subtask_id: str, event: Event) -> None:
    blocker = state.subtasks[subtask_id].blocker
    if blocker is not None:
        again = msgspec.structs.replace(blocker, next_check_at=event.due_at)
        state.set_subtask(subtask_id, blocker=again)


def _blocker_opened(state: Execution, event: Event) -> None:
    blocker = msgspec.convert(event.data["blocker"], Blocker)
    state.set_header(open_blockers=state.header.open_blockers + 1)
    if not blocker.task_id:
        state.set_header(blocker=blocker)
        return
    waits = blocker.kind is BlockerKind.EXTERNAL_WAIT
    before = state.subtasks[blocker.task_id]
    state.set_subtask(
        blocker.task_id,
        status=SubtaskStatus.BLOCKED,
        lease=None,
        blocker=blocker,
        # Whether its agent is there says nothing about the subtask.
        blocks=before.blocks + (blocker.kind is not BlockerKind.AGENT_OFFLINE),
        due_at=before.due_at if waits else None,
        wait_until=before.wait_until if waits else None,
        waits=before.waits if waits else 0,
        timing_since=None,
    )


def _blocker_resolved(state: Execution, event: Event) -> None:
    state.set_header(open_blockers=state.header.open_blockers - 1)
    if event.task_id is None:
        state.set_header(blocker=None)
        return
    state.set_subtask(event.task_id, blocker=None, due_at=None, wait_until=None, waits=0)


def _agent_offline(state: Execution, event: Event) -> None:
    since = msgspec.convert(event.data.get("last_contact_at", event.recorded_at), dt.datetime)
    state.set_header(absent={**state.header.absent, event.agent_id or "": since})


def _agent_online(state: Execution, event: Event) -> None:
    absent = {one: at for one, at in state.header.absent.items() if one != event.agent_id}
    state.set_header(absent=absent)


def _forget_uninvolved(state: Execution) -> None:
    """Drop the absence of those that get no more work: nobody would say that they are back."""
    members = state.header.members
    absent = {one: at for one, at in state.header.absent.items() if one in members}
    state.set_header(absent=absent)


def _released(state: Execution, event: Event) -> None:
    """Put a subtask back to where its prerequisites decide."""
    subtask_id = event.task_id or ""
    state.set_subtask(
        subtask_id,
        status=SubtaskStatus.QUEUED,
        lease=None,
        due_at=None,
        completed_at=None,
        progress_percent=None,
        **event.data,
    )
    taker = event.data.get("assigned_to")
    if taker and taker not in state.header.agents:
        state.set_header(agents=[*state.header.agents, taker])
    _make_ready(state, subtask_id, event)


def _skipped(state: Execution, event: Event) -> None:
    subtask_id = event.task_id or ""
    state.set_subtask(
        subtask_id,
        status=SubtaskStatus.SKIPPED,
        lease=None,
        due_at=None,
        completed_at=event.recorded_at,
        result=event.output_data,
        message=event.message,
    )
    _unlock(state, subtask_id, event)


def _reassigned(state: Execution, event: Event) -> None:
    before, after = state.header.agent_id, event.agent_id or ""
    agents = list(dict.fromkeys([*state.header.agents, after]))
    state.set_header(agent_id=after, agents=agents)
    for subtask_id, subtask in state.subtasks.items():
        lease = subtask.lease
        if lease and lease.agent_id == before and state.agent_of(subtask_id) == after:
            state.set_subtask(
                subtask_id,
                status=SubtaskStatus.READY,
                lease=None,
                attempt=subtask.attempt - (lease.kind == "run"),
                ready_at=event.recorded_at,
                seq=event.seq,
            )


def _paused(state: Execution, event: Event) -> None:
    state.set_header(
        status=ExecutionStatus.PAUSED,
        status_message=event.message or "",
        paused_at=event.recorded_at,
    )


def _resumed(state: Execution, event: Event) -> None:
    failed = state.header.status is ExecutionStatus.FAILED
    state.set_header(status=ExecutionStatus(event.status), status_message="", completed_at=None)
    if failed:
        state.set_header(queued_at=event.recorded_at)
        _take_up_again(state, event)


def _take_up_again(state: Execution, event: Event) -> None:
    """Ready anew what a failure gave back; all that is not done gets all its attempts again."""
    for subtask_id, subtask in state.subtasks.items():
        if subtask.status is SubtaskStatus.FAILED or (subtask.attempt and not subtask.status.done):
            state.set_subtask(
                subtask_id,
                status=SubtaskStatus.QUEUED,
                attempt=0,
                timing_since=None,
                seq=event.seq,
            )
        _make_ready(state, subtask_id, event)


def _blocked(state: Execution, event: Event) -> None:
    state.set_header(status=ExecutionStatus.BLOCKED, status_message=event.message or "")


def _ended(state: Execution, event: Event) -> None:
    state.set_header(
        status=ExecutionStatus(event.status),
        status_message=event.message or "",
        completed_at=event.recorded_at,
        current_subtask_id=None,
        current_title=None,
        open_blockers=0,
        blocker=None,
        absent={},
    )


def _cancelled(state: Execution, event: Event) -> None:
    _give_back(state, SubtaskStatus.CANCELLED, event)
    _ended(state, event)


def _failed(state: Execution, event: Event) -> None:
    _give_back(state, SubtaskStatus.QUEUED, event)
    _ended(state, event)


def _give_back(state: Execution, status: SubtaskStatus, event: Event) -> None:
    for subtask_id, subtask in state.subtasks.items():
        if not subtask.status.ended:
            state.set_subtask(
                subtask_id,
                status=status,
                lease=None,
                due_at=None,
                wait_until=None,
                waits=0,
                blocker=None,
                timing_since=None,
                seq=event.seq,
            )


def _unlock(state: Execution, subtask_id: str, event: Event) -> None:
    """Let go what waited for this subtask, and for its task where it was the last."""
    node = state.graph.subtasks[subtask_id]
    for dependent in node.dependents:
        left = state.subtasks[dependent].waiting_on - 1
        state.set_subtask(dependent, waiting_on=left, seq=event.seq)
        _make_ready(state, dependent, event)
    if state.tasks[node.task_id].unfinished == 0:
        state.set_task(node.task_id, completed_at=event.recorded_at)
        state.set_header(tasks_done=state.header.tasks_done + 1)
        for dependent in state.graph.tasks[node.task_id].dependents:
            state.set_task(dependent, waiting_on=state.tasks[dependent].waiting_on - 1)
            if not state.tasks[dependent].waiting_on:
                _open(state, dependent, event)


def _open(state: Execution, task_id: str, event: Event) -> None:
    for subtask_id in state.graph.tasks[task_id].subtasks:
        if subtask_id in state.subtasks:
            _make_ready(state, subtask_id, event)


def _make_ready(state: Execution, subtask_id: str, event: Event) -> None:
    if state.header.status is ExecutionStatus.CREATED:
        return  # Somebody passed over subtasks before the start.
    is_queued = state.subtasks[subtask_id].status is SubtaskStatus.QUEUED
    if is_queued and not state.waits_for_others(subtask_id):
        state.set_subtask(
            subtask_id, status=SubtaskStatus.READY, ready_at=event.recorded_at, seq=event.seq
        )


_APPLY: Final[dict[EventType, Callable[[Execution, Event], None]]] = {
    EventType.EXECUTION_CREATED: _created,
    EventType.EXECUTION_QUEUED: _queued,
    EventType.EXECUTION_STARTED: _started,
    EventType.TASK_DISPATCHED: _dispatched,
    EventType.HEARTBEAT: _progressed,
    EventType.TASK_STARTED: _progressed,
    EventType.TASK_PROGRESS: _progressed,
    EventType.TASK_COMPLETE: _completed,
    EventType.TASK_ERROR: _errored,
    EventType.LEASE_EXPIRED: _expired,
    EventType.RETRY_SCHEDULED: _retry_scheduled,
    EventType.TASK_READY: _ready,
    EventType.TASK_BLOCKED: _waiting,
    EventType.TASK_SKIPPED: _skipped,
    EventType.TASK_RELEASED: _released,
    EventType.BLOCKER_OPENED: _blocker_opened,
    EventType.BLOCKER_RESOLVED: _blocker_resolved,
    EventType.AGENT_OFFLINE: _agent_offline,
    EventType.AGENT_ONLINE: _agent_online,
    EventType.EXECUTION_REASSIGNED: _reassigned,
    EventType.EXECUTION_PAUSED: _paused,
    EventType.EXECUTION_RESUMED: _resumed,
    EventType.EXECUTION_BLOCKED: _blocked,
    EventType.EXECUTION_COMPLETED: _ended,
    EventType.EXECUTION_FAILED: _failed,
    EventType.EXECUTION_CANCELLED: _cancelled,
}
