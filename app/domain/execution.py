"""An execution as a fold over its events.

``Execution`` holds a header and the subtasks and tasks that were loaded, which may be only the
neighbourhood a command needs. ``evolve`` is total: it never refuses, because what it is given has
happened. All decisions are in ``app.domain.decide``.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, TypeAlias

import msgspec

from app.domain.events import FIRST_HASH, Event, EventType
from app.domain.execution_graph import ExecutionGraph
from app.domain.states import ExecutionStatus, SubtaskStatus

Counts: TypeAlias = dict[SubtaskStatus, int]


class Header(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known of an execution without its subtasks.

    ``seq`` is the number of the last event and the version; ``head_hash`` its hash. ``counts``
    says how many subtasks stand in each status.
    """

    execution_id: str
    workspace_id: str
    plan_id: str = ""
    plan_version: int = 0
    graph_id: str = ""
    ordering: str = ""
    title: str = ""
    agent_id: str = ""
    status: ExecutionStatus = ExecutionStatus.CREATED
    status_message: str = ""
    seq: int = 0
    head_hash: str = FIRST_HASH
    counts: Counts = {}
    tasks_total: int = 0
    tasks_done: int = 0
    open_blockers: int = 0
    current_subtask_id: str | None = None
    current_title: str | None = None
    created_at: dt.datetime | None = None
    started_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None

    @property
    def movable(self) -> int:
        """Subtasks that are ready, leased or in back-off: something happens by itself."""
        return sum(self.counts.get(status, 0) for status in _MOVABLE)

    @property
    def subtasks_total(self) -> int:
        """All subtasks."""
        return sum(self.counts.values())

    @property
    def subtasks_done(self) -> int:
        """Completed and skipped ones."""
        return sum(count for status, count in self.counts.items() if status.done)


class Lease(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who works on a subtask now.

    ``token`` is the ``seq`` of the dispatch: it grows with each attempt, so a late result is told
    from a current one (a fencing token). ``kind`` is run, or check when an external wait is looked
    at again. When the lease ends is kept with the timers, since heartbeats move it without an
    event.
    """

    token: str
    agent_id: str
    instance: str = ""
    poll_id: str = ""
    kind: str = "run"


class SubtaskState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one subtask stands. ``waiting_on`` counts open prerequisite subtasks.

    ``seq`` is the event that changed it last. ``due_at`` ends a back-off or an external wait,
    ``wait_until`` is the last moment of the latter.
    """

    status: SubtaskStatus = SubtaskStatus.QUEUED
    waiting_on: int = 0
    attempt: int = 0
    seq: int = 0
    lease: Lease | None = None
    agent_id: str | None = None
    next_kind: str = "run"
    progress_percent: float | None = None
    ready_at: dt.datetime | None = None
    due_at: dt.datetime | None = None
    wait_until: dt.datetime | None = None
    waits: int = 0
    started_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None
    last_event_at: dt.datetime | None = None
    message: str | None = None
    result: Any = None
    error_type: str | None = None
    error_message: str | None = None


class TaskState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sum of a task's subtasks. ``waiting_on`` counts open prerequisite tasks."""

    waiting_on: int = 0
    counts: Counts = {}
    seq: int = 0
    started_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None

    @property
    def unfinished(self) -> int:
        """Subtasks that are neither completed nor skipped."""
        return sum(count for status, count in self.counts.items() if not status.done)

    @property
    def status(self) -> SubtaskStatus:
        """The sum in one word: what is most worth knowing first."""
        present = {status for status, count in self.counts.items() if count}
        for status in _TELLING:
            if status in present:
                return status
        if SubtaskStatus.QUEUED in present:
            return SubtaskStatus.RUNNING if len(present) > 1 else SubtaskStatus.QUEUED
        completed = SubtaskStatus.COMPLETED in present
        return SubtaskStatus.COMPLETED if completed else SubtaskStatus.SKIPPED


_MOVABLE: Final = (SubtaskStatus.READY, SubtaskStatus.RUNNING, SubtaskStatus.RETRYING)
_TELLING: Final = (
    SubtaskStatus.FAILED,
    SubtaskStatus.CANCELLED,
    SubtaskStatus.RUNNING,
    SubtaskStatus.BLOCKED,
    SubtaskStatus.RETRYING,
    SubtaskStatus.READY,
)


class Execution:
    """A header with the subtasks and tasks that are loaded, by id.

    ``changed_subtasks`` and ``changed_tasks`` name what was replaced since it was made or copied:
    what a commit has to write.
    """

    __slots__ = ("changed_subtasks", "changed_tasks", "graph", "header", "subtasks", "tasks")

    def __init__(
        self,
        graph: ExecutionGraph,
        header: Header,
        subtasks: dict[str, SubtaskState],
        tasks: dict[str, TaskState],
    ) -> None:
        self.graph = graph
        self.header = header
        self.subtasks = subtasks
        self.tasks = tasks
        self.changed_subtasks: set[str] = set()
        self.changed_tasks: set[str] = set()

    @classmethod
    def unborn(cls, graph: ExecutionGraph, execution_id: str, workspace_id: str) -> Self:
        """Make the state before the first event."""
        header = Header(execution_id=execution_id, workspace_id=workspace_id)
        return cls(graph, header, {}, {})

    def copy(self) -> Self:
        """Make an independent copy with nothing marked as changed; costs what is loaded."""
        return type(self)(self.graph, self.header, dict(self.subtasks), dict(self.tasks))

    def agent_of(self, subtask_id: str) -> str:
        """Name the agent whose work stream a subtask belongs to."""
        task = self.graph.tasks[self.graph.subtasks[subtask_id].task_id]
        return task.agent_id or self.header.agent_id

    def involves(self, agent_id: str) -> bool:
        """Tell whether any of the work is this agent's."""
        return agent_id == self.header.agent_id or agent_id in self.graph.agents

    def set_header(self, **changes: Any) -> None:
        """Replace fields of the header."""
        self.header = msgspec.structs.replace(self.header, **changes)

    def set_subtask(self, subtask_id: str, **changes: Any) -> None:
        """Replace fields of a subtask; a new status is counted in its task and the header."""
        before = self.subtasks[subtask_id]
        after = msgspec.structs.replace(before, **changes)
        self.subtasks[subtask_id] = after
        self.changed_subtasks.add(subtask_id)
        if after.status is not before.status:
            self._recount(self.graph.subtasks[subtask_id].task_id, before.status, after.status)

    def set_task(self, task_id: str, **changes: Any) -> None:
        """Replace fields of a task."""
        self.tasks[task_id] = msgspec.structs.replace(self.tasks[task_id], **changes)
        self.changed_tasks.add(task_id)

    def _recount(self, task_id: str, before: SubtaskStatus, after: SubtaskStatus) -> None:
        self.set_header(counts=_moved(self.header.counts, before, after))
        self.set_task(task_id, counts=_moved(self.tasks[task_id].counts, before, after))


def _moved(counts: Counts, before: SubtaskStatus, after: SubtaskStatus) -> Counts:
    moved = {**counts, before: counts[before] - 1, after: counts.get(after, 0) + 1}
    return {status: count for status, count in moved.items() if count}


def evolve(state: Execution, event: Event) -> Execution:
    """Apply one event, in place, and return the same object.

    Needs the neighbourhood of the event's subtask loaded, and everything for events that concern
    a whole execution. Kinds that only inform change nothing but the version.
    """
    # Gathered anew, so that a task gets the seq of the event that changed it and no later one:
    # a fold over the whole log must not differ from one over single commands.
    earlier, state.changed_tasks = state.changed_tasks, set()
    apply = _APPLY.get(event.event_type)
    if apply is not None:
        apply(state, event)
    if event.task_id in state.subtasks:
        state.set_subtask(event.task_id, seq=event.seq, last_event_at=event.recorded_at)
    for task_id in state.changed_tasks:
        state.tasks[task_id] = msgspec.structs.replace(state.tasks[task_id], seq=event.seq)
    state.changed_tasks |= earlier
    state.set_header(seq=event.seq, updated_at=event.recorded_at)
    if state.header.status is ExecutionStatus.BLOCKED and state.header.movable:
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
    )


def _queued(state: Execution, event: Event) -> None:
    state.set_header(status=ExecutionStatus.QUEUED)
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
    state.set_subtask(event.task_id or "", status=SubtaskStatus.RETRYING, due_at=event.due_at)


def _ready(state: Execution, event: Event) -> None:
    state.set_subtask(
        event.task_id or "",
        status=SubtaskStatus.READY,
        due_at=None,
        ready_at=event.recorded_at,
        next_kind=event.data.get("kind", "run"),
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
        message=event.message,
    )


def _paused(state: Execution, event: Event) -> None:
    state.set_header(status=ExecutionStatus.PAUSED, status_message=event.message or "")


def _resumed(state: Execution, event: Event) -> None:
    state.set_header(status=ExecutionStatus(event.status), status_message="")


def _blocked(state: Execution, event: Event) -> None:
    state.set_header(status=ExecutionStatus.BLOCKED, status_message=event.message or "")


def _ended(state: Execution, event: Event) -> None:
    state.set_header(
        status=ExecutionStatus(event.status),
        status_message=event.message or "",
        completed_at=event.recorded_at,
        current_subtask_id=None,
        current_title=None,
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
            state.set_subtask(subtask_id, status=status, lease=None, due_at=None, seq=event.seq)


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
    for subtask_id in state.graph.tasks[task_id].entries:
        _make_ready(state, subtask_id, event)


def _make_ready(state: Execution, subtask_id: str, event: Event) -> None:
    subtask = state.subtasks[subtask_id]
    task = state.tasks[state.graph.subtasks[subtask_id].task_id]
    if subtask.status is SubtaskStatus.QUEUED and not subtask.waiting_on and not task.waiting_on:
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
    EventType.EXECUTION_PAUSED: _paused,
    EventType.EXECUTION_RESUMED: _resumed,
    EventType.EXECUTION_BLOCKED: _blocked,
    EventType.EXECUTION_COMPLETED: _ended,
    EventType.EXECUTION_FAILED: _failed,
    EventType.EXECUTION_CANCELLED: _cancelled,
}
