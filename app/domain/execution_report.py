"""What a log tells of an execution: what was done, by whom, when, and what went otherwise.

Pure, and made from the events and the graph alone. Events are read one after the other; nothing
is kept of them but what the report says.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from app.domain.blockers import Blocker
from app.domain.events import FIRST_HASH, Event, EventType
from app.domain.evolve import evolve
from app.domain.execution import Counts, Execution, Header
from app.domain.outcomes import Attention, Outcome, metrics_of, outcomes_of
from app.domain.plan import Target
from app.domain.schedule import make_schedule, planned_from
from app.domain.states import SubtaskStatus

_E = EventType
_S = SubtaskStatus
_USER: Final = "user:"

_DEVIATIONS: Final[Mapping[EventType, str]] = {
    _E.TASK_ERROR: "attempt failed",
    _E.LEASE_EXPIRED: "lease expired",
    _E.RETRY_SCHEDULED: "tried again",
    _E.TASK_SKIPPED: "skipped",
    _E.EXECUTION_PAUSED: "paused",
    _E.EXECUTION_REASSIGNED: "reassigned",
    _E.EXECUTION_FAILED: "failed",
    _E.EXECUTION_CANCELLED: "cancelled",
    _E.AGENT_OFFLINE: "agent off line",
}
"""Kinds of events that no plan foresees."""

_NO_INTERVENTION: Final = frozenset({_E.EXECUTION_CREATED, _E.EXECUTION_QUEUED})
"""A person has to do these once in every execution."""


class Usage(msgspec.Struct):
    """What models cost, as agents reported it."""

    input_tokens: float = 0
    output_tokens: float = 0
    cost_usd: float = 0
    models: list[str] = []

    def add(self, used: Mapping[str, Any]) -> None:
        """Count one report."""
        for name in ("input_tokens", "output_tokens", "cost_usd"):
            amount = used.get(name)
            if isinstance(amount, int | float):
                setattr(self, name, getattr(self, name) + amount)
        model = used.get("model")
        if isinstance(model, str) and model not in self.models:
            self.models = [*self.models, model]


class Spent(msgspec.Struct):
    """Seconds in which somebody worked; all was ready or in back-off; a blocker held it up."""

    working_seconds: float = 0
    waiting_seconds: float = 0
    blocked_seconds: float = 0


class SubtaskReport(msgspec.Struct):
    """What became of a subtask. ``done_by`` is the actor who completed or skipped it."""

    subtask_id: str
    title: str
    action: str
    status: str = _S.QUEUED
    attempts: int = 0
    agents: list[str] = []
    done_by: str | None = None
    started_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None
    message: str | None = None
    result: Any = None
    evidence: list[dict[str, Any]] = []
    error: str | None = None
    spent: Spent = msgspec.field(default_factory=Spent)
    usage: Usage = msgspec.field(default_factory=Usage)


class TaskReport(msgspec.Struct):
    """What became of a task; ``spent`` is the time of the clock, however many worked at once.

    It was planned from the start of the execution on. ``late_seconds`` is how much later than
    planned it ended; negative where earlier, None where it has not.
    """

    task_id: str
    title: str
    phase: str
    status: str = _S.QUEUED
    planned_start_at: dt.datetime | None = None
    planned_end_at: dt.datetime | None = None
    started_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None
    late_seconds: float | None = None
    spent: Spent = msgspec.field(default_factory=Spent)
    subtasks: list[SubtaskReport] = []


class BlockerReport(msgspec.Struct):
    """A blocker; ``seconds`` is how long it was open, up to the last event where it still is."""

    blocker_id: str
    task_id: str | None
    title: str
    kind: str
    message: str
    owner: str
    opened_at: dt.datetime
    resolved_at: dt.datetime | None = None
    resolution: str | None = None
    resolved_by: str | None = None
    seconds: float = 0


class Happening(msgspec.Struct, frozen=True):
    """Something worth telling, with the event that says so."""

    seq: int
    at: dt.datetime
    kind: str
    actor: str
    task_id: str | None
    title: str
    detail: str


class AgentReport(msgspec.Struct):
    """What an agent did."""

    agent_id: str
    attempts: int = 0
    completed: int = 0
    failed: int = 0
    usage: Usage = msgspec.field(default_factory=Usage)


class ExecutionReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report, as of the last of ``events``, whose hash is ``head_hash``."""

    execution_id: str
    plan_id: str
    plan_version: int
    title: str
    goal: str
    status: str
    status_message: str
    owner: str
    agents: list[AgentReport]
    created_at: dt.datetime | None
    started_at: dt.datetime | None
    completed_at: dt.datetime | None
    as_of: dt.datetime | None
    duration_seconds: float
    counts: Counts
    tasks_total: int
    tasks_done: int
    subtasks_total: int
    subtasks_done: int
    attempts: int
    spent: Spent
    tasks: list[TaskReport]
    deviations: list[Happening]
    interventions: list[Happening]
    blockers: list[BlockerReport]
    outcomes: list[Outcome]
    answers: int
    human_minutes: float
    usage: Usage
    events: int
    head_hash: str


class _Stopwatch:
    """Adds up how long something was worked on, waited, and was blocked."""

    def __init__(self, spent: Spent) -> None:
        self._spent = spent
        self._name = ""
        self._since: dt.datetime | None = None

    def switch(self, name: str, at: dt.datetime) -> None:
        """End the present span and begin one; with no name, none."""
        if self._name and self._since:
            field = f"{self._name}_seconds"
            passed = max((at - self._since).total_seconds(), 0)
            setattr(self._spent, field, getattr(self._spent, field) + passed)
        self._name, self._since = name, at


class Chronicle:
    """Reads the events of one execution in order and tells of them at the end."""

    def __init__(self, unborn: Execution) -> None:
        self._state = unborn
        self._tasks, self._subtasks = _begin(unborn)
        self._watches: dict[str, _Stopwatch] = {}
        self._agents: dict[str, AgentReport] = {}
        self._blockers: dict[str, BlockerReport] = {}
        self._deviations: list[Happening] = []
        self._interventions: list[Happening] = []
        self._usage = Usage()
        self._targets: list[Target] = []
        self._attention = Attention()
        self._whole = Spent()
        self._at: dt.datetime | None = None
        self._head = FIRST_HASH
        self._answered: str | None = None

    def read(self, event: Event, digest: str) -> None:
        """Take one event with its hash."""
        state = self._state
        state.changed_subtasks.clear()
        state.changed_tasks.clear()
        evolve(state, event)
        self._at, self._head = event.recorded_at, digest
        self._time(event.recorded_at)
        self._note_blocker(event)
        self._note_happening(event)
        self._note_work(event)
        if event.event_type is _E.EXECUTION_CREATED:
            self._targets = msgspec.convert(event.data.get("targets", []), list[Target])

    def report(self) -> ExecutionReport:
        """Tell what was read."""
        header = self._state.header
        self._close()
        reported = metrics_of(one.result for one in self._subtasks.values())
        return ExecutionReport(
            execution_id=header.execution_id,
            plan_id=header.plan_id,
            plan_version=header.plan_version,
            title=header.title,
            goal=self._state.graph.goal,
            status=header.status,
            status_message=header.status_message,
            owner=header.owner,
            agents=sorted(self._agents.values(), key=lambda one: one.agent_id),
            created_at=header.created_at,
            started_at=header.started_at,
            completed_at=header.completed_at,
            as_of=self._at,
            duration_seconds=_duration(header, self._at),
            counts=header.counts,
            tasks_total=header.tasks_total,
            tasks_done=header.tasks_done,
            subtasks_total=header.subtasks_total,
            subtasks_done=header.subtasks_done,
            attempts=sum(one.attempts for one in self._subtasks.values()),
            spent=self._whole,
            tasks=list(self._tasks.values()),
            deviations=self._deviations,
            interventions=self._interventions,
            blockers=list(self._blockers.values()),
            outcomes=outcomes_of(self._targets, reported, self._attention),
            answers=self._attention.answers,
            human_minutes=self._attention.minutes,
            usage=self._usage,
            events=header.seq,
            head_hash=self._head,
        )

    def _time(self, at: dt.datetime) -> None:
        state = self._state
        for subtask_id in state.changed_subtasks:
            counts: Counts = {state.subtasks[subtask_id].status: 1}
            self._watch(subtask_id, self._subtasks[subtask_id].spent).switch(_doing(counts), at)
        for task_id in state.changed_tasks:
            spent = self._tasks[task_id].spent
            self._watch(f"task {task_id}", spent).switch(_doing(state.tasks[task_id].counts), at)
        self._watch("", self._whole).switch(_doing(state.header.counts), at)

    def _watch(self, name: str, spent: Spent) -> _Stopwatch:
        watch = self._watches.get(name)
        if watch is None:
            watch = self._watches[name] = _Stopwatch(spent)
        return watch

    def _close(self) -> None:
        for watch in self._watches.values():
            if self._at:
                watch.switch("", self._at)
        for blocker in self._blockers.values():
            end = blocker.resolved_at or self._at or blocker.opened_at
            blocker.seconds = (end - blocker.opened_at).total_seconds()
        self._compare_with_plan()
        for subtask_id, subtask in self._subtasks.items():
            _take_over(subtask, self._state, subtask_id)

    def _compare_with_plan(self) -> None:
        slots = make_schedule(self._state.graph).slots
        begin = planned_from(self._state.header)
        for task_id, task in self._tasks.items():
            slot, state = slots[task_id], self._state.tasks.get(task_id)
            if begin:
                task.planned_start_at, task.planned_end_at = begin + slot.start, begin + slot.end
            if state:
                task.status, task.started_at = state.status, state.started_at
                task.completed_at = state.completed_at
            if task.planned_end_at and task.completed_at:
                task.late_seconds = (task.completed_at - task.planned_end_at).total_seconds()

    def _note_blocker(self, event: Event) -> None:
        if event.event_type is _E.BLOCKER_OPENED:
            self._open(event)
        elif event.event_type is _E.BLOCKER_RESOLVED:
            resolution = event.data.get("resolution")
            self._resolve(event.data.get("blocker_id", ""), event, resolution)
        elif event.event_type in _ENDS:
            for blocker in self._blockers.values():
                if blocker.resolved_at is None:
                    self._resolve(blocker.blocker_id, event, _ENDS[event.event_type])

    def _open(self, event: Event) -> None:
        blocker = msgspec.convert(event.data["blocker"], Blocker)
        self._blockers[blocker.blocker_id] = BlockerReport(
            blocker_id=blocker.blocker_id,
            task_id=event.task_id,
            title=self._title(event.task_id),
            kind=blocker.kind,
            message=blocker.message,
            owner=blocker.owner,
            opened_at=event.recorded_at,
        )

    def _resolve(self, blocker_id: str, event: Event, resolution: str | None) -> None:
        blocker = self._blockers.get(blocker_id)
        if blocker:
            blocker.resolved_at = event.recorded_at
            blocker.resolved_by, blocker.resolution = event.actor, resolution

    def _note_happening(self, event: Event) -> None:
        kind = _DEVIATIONS.get(event.event_type)
        if kind:
            self._deviations.append(self._happening(event, kind))
        by_user = event.actor.startswith(_USER) and event.event_type not in _NO_INTERVENTION
        # An answer to a blocker puts its subtask out again: that is told already.
        follows = event.event_type is _E.TASK_RELEASED and event.task_id == self._answered
        self._answered = event.task_id if event.event_type is _E.BLOCKER_RESOLVED else None
        if by_user:
            self._attention.note(event)
        if by_user and not follows:
            told = event.event_type.replace("_", " ")
            self._interventions.append(self._happening(event, told))

    def _happening(self, event: Event, kind: str) -> Happening:
        detail = event.error_message or event.message or ""
        if event.event_type is _E.BLOCKER_RESOLVED:
            answer = str(event.data.get("resolution", "")).replace("_", " ")
            detail = f"{answer}: {detail}" if detail else answer
        elif event.event_type is _E.EXECUTION_REASSIGNED:
            detail = f"{event.data.get('from', '')} → {event.agent_id} {detail}".strip()
        return Happening(
            event.seq,
            event.recorded_at,
            kind,
            event.actor,
            event.task_id,
            self._title(event.task_id),
            detail,
        )

    def _note_work(self, event: Event) -> None:
        subtask = self._subtasks.get(event.task_id or "")
        agent = self._agent(event.agent_id) if event.agent_id else None
        if event.usage:
            for one in (self._usage, subtask and subtask.usage, agent and agent.usage):
                if one:
                    one.add(event.usage)
        if subtask is None:
            return
        if event.event_type is _E.TASK_DISPATCHED and agent:
            subtask.attempts += 1
            agent.attempts += 1
            if agent.agent_id not in subtask.agents:
                subtask.agents = [*subtask.agents, agent.agent_id]
        elif event.event_type in _DONE:
            subtask.done_by = event.actor
            subtask.evidence = event.data.get("evidence", [])
            if agent:
                agent.completed += 1
        elif event.event_type in _FAILS and agent:
            agent.failed += 1

    def _agent(self, agent_id: str) -> AgentReport:
        if agent_id not in self._agents:
            self._agents[agent_id] = AgentReport(agent_id)
        return self._agents[agent_id]

    def _title(self, task_id: str | None) -> str:
        graph = self._state.graph
        node = graph.subtasks.get(task_id or "") or graph.tasks.get(task_id or "")
        return node.title if node else ""


_DONE: Final = (_E.TASK_COMPLETE, _E.TASK_SKIPPED)
_FAILS: Final = (_E.TASK_ERROR, _E.LEASE_EXPIRED)
_ENDS: Final = {
    _E.EXECUTION_COMPLETED: "completed",
    _E.EXECUTION_FAILED: "failed",
    _E.EXECUTION_CANCELLED: "cancelled",
}


def tell(unborn: Execution, events: Iterable[tuple[Event, str]]) -> ExecutionReport:
    """Make the report of a log: events in order, each with its hash."""
    chronicle = Chronicle(unborn)
    for event, digest in events:
        chronicle.read(event, digest)
    return chronicle.report()


def _begin(unborn: Execution) -> tuple[dict[str, TaskReport], dict[str, SubtaskReport]]:
    graph = unborn.graph
    tasks: dict[str, TaskReport] = {}
    subtasks: dict[str, SubtaskReport] = {}
    for phase in graph.phases:
        for task_id in phase.tasks:
            node = graph.tasks[task_id]
            own = [
                SubtaskReport(one, graph.subtasks[one].title, graph.subtasks[one].action)
                for one in node.subtasks
            ]
            tasks[task_id] = TaskReport(task_id, node.title, phase.name, subtasks=own)
            subtasks |= {one.subtask_id: one for one in own}
    return tasks, subtasks


def _take_over(subtask: SubtaskReport, execution: Execution, subtask_id: str) -> None:
    state = execution.subtasks.get(subtask_id)
    if state:
        subtask.status, subtask.result = state.status, state.result
        subtask.started_at, subtask.completed_at = state.started_at, state.completed_at
        subtask.message = state.message
        subtask.error = state.error_message or state.error_type


def _doing(counts: Counts) -> str:
    if counts.get(_S.RUNNING):
        return "working"
    if counts.get(_S.READY) or counts.get(_S.RETRYING):
        # What can go on by itself counts before what is held up beside it.
        return "waiting"
    return "blocked" if counts.get(_S.BLOCKED) else ""


def _duration(header: Header, at: dt.datetime | None) -> float:
    end = header.completed_at or at
    if header.created_at is None or end is None:
        return 0
    return (end - header.created_at).total_seconds()
