"""The state of an execution: a header, and the subtasks and tasks that are loaded.

Only ``app.domain.evolve`` changes it, event by event; what is decided, ``app.domain.decide`` says.
"""

import datetime as dt
from typing import Any, Final, Self, TypeAlias

import msgspec

from app.domain.blockers import Blocker
from app.domain.events import FIRST_HASH
from app.domain.execution_graph import ExecutionGraph
from app.domain.plan import Assignee
from app.domain.states import ExecutionStatus, SubtaskStatus

Counts: TypeAlias = dict[SubtaskStatus, int]


class Header(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known of an execution without its subtasks.

    ``seq`` is the number of the last event and the version; ``head_hash`` its hash. ``counts``
    says how many subtasks stand in each status. ``owner`` is the actor who made it. ``agents``
    are all it was ever given to; ``relaxed_actions`` need no approval in it. ``shares`` says how
    many unfinished subtasks are a certain agent's, by their task or by a person's choice;
    ``absent`` names the agents that are off line, with their last contact.
    ``blocker`` holds up the whole execution: its agent is off line.
    """

    execution_id: str
    workspace_id: str
    plan_id: str = ""
    plan_version: int = 0
    graph_id: str = ""
    ordering: str = ""
    title: str = ""
    agent_id: str = ""
    agents: list[str] = []
    relaxed_actions: list[str] = []
    shares: dict[str, int] = {}
    absent: dict[str, dt.datetime] = {}
    owner: str = ""
    status: ExecutionStatus = ExecutionStatus.CREATED
    status_message: str = ""
    seq: int = 0
    head_hash: str = FIRST_HASH
    counts: Counts = {}
    tasks_total: int = 0
    tasks_done: int = 0
    open_blockers: int = 0
    blocker: Blocker | None = None
    current_subtask_id: str | None = None
    current_title: str | None = None
    created_at: dt.datetime | None = None
    queued_at: dt.datetime | None = None
    paused_at: dt.datetime | None = None
    started_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None

    @property
    def members(self) -> frozenset[str]:
        """The agents that may still get work."""
        return frozenset({self.agent_id, *self.shares})

    @property
    def movable(self) -> int:
        """Subtasks that are ready, leased or in back-off: something happens by itself."""
        return sum(self.counts.get(status, 0) for status in _MOVABLE)

    @property
    def stuck(self) -> bool:
        """Nothing can happen by itself."""
        return self.blocker is not None or not self.movable

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
    ``wait_until`` is the last moment of the latter. ``timing_since`` begins the time budget of
    its attempts. ``blocks`` counts the blockers it has had; ``blocker`` is the open one.
    ``assigned_to`` is set where one subtask was given to another agent; ``resolution`` is what a
    person answered last, for the next attempt.
    """

    status: SubtaskStatus = SubtaskStatus.QUEUED
    waiting_on: int = 0
    attempt: int = 0
    seq: int = 0
    lease: Lease | None = None
    agent_id: str | None = None
    progress_percent: float | None = None
    ready_at: dt.datetime | None = None
    due_at: dt.datetime | None = None
    wait_until: dt.datetime | None = None
    waits: int = 0
    timing_since: dt.datetime | None = None
    blocks: int = 0
    blocker: Blocker | None = None
    approved: bool = False
    assigned_to: str | None = None
    resolution: dict[str, Any] | None = None
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
        given = self.subtasks[subtask_id].assigned_to
        task = self.graph.tasks[self.graph.subtasks[subtask_id].task_id]
        return given or task.agent_id or self.header.agent_id

    def involves(self, agent_id: str) -> bool:
        """Tell whether any of the work is or was this agent's."""
        return agent_id in self.header.agents or agent_id in self.graph.agents

    def waits_for_others(self, subtask_id: str) -> bool:
        """Tell whether anything that comes before a subtask is unfinished."""
        task = self.tasks[self.graph.subtasks[subtask_id].task_id]
        return bool(self.subtasks[subtask_id].waiting_on or task.waiting_on)

    @property
    def is_too_narrow(self) -> bool:
        """Tell whether a loaded task may open for more than its entries.

        What waits for a subtask that was passed over before its task opened goes along with the
        entries, and no neighbourhood holds it.
        """
        return any(
            task.waiting_on and any(status.done for status in task.counts)
            for task in self.tasks.values()
        )

    def is_approved(self, subtask_id: str) -> bool:
        """Tell whether a subtask may be done as far as approvals go."""
        node = self.graph.subtasks[subtask_id]
        relaxed = node.action in self.header.relaxed_actions
        return not node.requires_approval or relaxed or self.subtasks[subtask_id].approved

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
        was, now = self.share_of(subtask_id, before), self.share_of(subtask_id, after)
        if was != now:
            self.set_header(shares=_passed_on(self.header.shares, was, now))

    def share_of(self, subtask_id: str, subtask: SubtaskState) -> str | None:
        """Name whose share a subtask is: an agent's that has it whoever has the execution."""
        node = self.graph.subtasks[subtask_id]
        if subtask.status.done or node.assignee is Assignee.HUMAN:
            return None
        return subtask.assigned_to or self.graph.tasks[node.task_id].agent_id

    def set_task(self, task_id: str, **changes: Any) -> None:
        """Replace fields of a task; ``seq`` is that of the event being applied."""
        changes.setdefault("seq", self.header.seq + 1)
        self.tasks[task_id] = msgspec.structs.replace(self.tasks[task_id], **changes)
        self.changed_tasks.add(task_id)

    def _recount(self, task_id: str, before: SubtaskStatus, after: SubtaskStatus) -> None:
        self.set_header(counts=_moved(self.header.counts, before, after))
        self.set_task(task_id, counts=_moved(self.tasks[task_id].counts, before, after))


def _passed_on(shares: dict[str, int], was: str | None, now: str | None) -> dict[str, int]:
    passed = dict(shares)
    for agent_id, by in ((was, -1), (now, 1)):
        if agent_id is not None:
            passed[agent_id] = passed.get(agent_id, 0) + by
    return {agent_id: count for agent_id, count in passed.items() if count}


def _moved(counts: Counts, before: SubtaskStatus, after: SubtaskStatus) -> Counts:
    moved = {**counts, before: counts[before] - 1, after: counts.get(after, 0) + 1}
    return {status: count for status, count in moved.items() if count}
