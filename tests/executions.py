"""Small plans, executions played on them, and what must hold of every state."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from app.domain import commands as c
from app.domain.blockers import Blocker, BlockerKind, Resolution
from app.domain.decide import decide
from app.domain.events import Event, EventType, parse_event, seal
from app.domain.evolve import evolve
from app.domain.execution import Execution, SubtaskState
from app.domain.execution_graph import ExecutionGraph, compile_graph, graph_id
from app.domain.plan import Assignee, Breakdown, Ordering, Phase, Plan, Subtask, Task
from app.domain.states import ExecutionStatus, SubtaskStatus

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
WORKSPACE = "ws_1"
AGENT = "agent_1"
EXECUTION = "exec_1"

E, S = ExecutionStatus, SubtaskStatus


def step(subtask_id: str, *dependencies: str, **fields: Any) -> Subtask:
    """Make a subtask that any agent performs."""
    given: dict[str, Any] = {"action": "noop", **fields}
    return Subtask(subtask_id, subtask_id.upper(), dependencies=list(dependencies), **given)


def make_plan(
    tasks: Mapping[str, Sequence[Subtask]],
    after: Mapping[str, Sequence[str]] | None = None,
    agents: Mapping[str, str] | None = None,
) -> tuple[Plan, dict[str, Breakdown]]:
    """Make a plan of one phase: tasks with their subtasks, what each is after, and whose it is."""
    made = [
        Task(
            task_id,
            task_id.upper(),
            prerequisites=list((after or {}).get(task_id, ())),
            agent_id=(agents or {}).get(task_id),
        )
        for task_id in tasks
    ]
    breakdowns = {
        task_id: Breakdown(task_id, "given", 1.0, [], list(steps))
        for task_id, steps in tasks.items()
    }
    return Plan("plan_1", "Build a lighthouse", [Phase("p", "P", made)]), breakdowns


def make_graph(
    tasks: Mapping[str, Sequence[Subtask]],
    after: Mapping[str, Sequence[str]] | None = None,
    agents: Mapping[str, str] | None = None,
) -> ExecutionGraph:
    """Compile such a plan."""
    return compile_graph(*make_plan(tasks, after, agents), Ordering.DEPENDENCIES)


def chain(length: int, width: int = 1) -> ExecutionGraph:
    """Make a chain of tasks, each of a chain of ``width`` subtasks ``s0``, ``s1``, …"""
    tasks = {
        f"t{number}": [
            step(f"s{index}", *([f"s{index - 1}"] if index > number * width else []))
            for index in range(number * width, (number + 1) * width)
        ]
        for number in range(length)
    }
    return make_graph(tasks, {f"t{number}": [f"t{number - 1}"] for number in range(1, length)})


def creation(
    graph: ExecutionGraph, agent_id: str = AGENT, *relaxed_actions: str
) -> c.CreateExecution:
    """Make the command that brings an execution of a graph into being."""
    return c.CreateExecution(
        actor="user:1",
        plan_id="plan_1",
        plan_version=1,
        graph_id=graph_id(graph.pack()),
        ordering="dependencies",
        agent_id=agent_id,
        relaxed_actions=list(relaxed_actions),
    )


def claimant(agent_id: str = AGENT, *actions: str, **fields: str) -> c.Claimant:
    """Make an agent that asks for work, for any action where none is named."""
    return c.Claimant(agent_id=agent_id, actions=frozenset(actions or {"*"}), **fields)


def report(event_type: EventType, task_id: str | None = None, **fields: Any) -> c.Report:
    """Make a report of the usual agent."""
    given: dict[str, Any] = {"agent_id": AGENT, "event_id": f"{event_type}:{task_id}", **fields}
    return c.Report(event_type=event_type, task_id=task_id, **given)


def completion(task_id: str, **fields: Any) -> c.Report:
    """Make a report that a subtask is complete."""
    return report(EventType.TASK_COMPLETE, task_id, **fields)


def claim(subtask_id: str, who: c.Claimant | None = None) -> c.ClaimSubtask:
    """Make a claim of the usual agent."""
    return c.ClaimSubtask(subtask_id=subtask_id, claimant=who or claimant())


def answer(blocker: Blocker, resolution: str, **fields: Any) -> c.ResolveBlocker:
    """Make a person's answer to a blocker."""
    return c.ResolveBlocker(
        actor="user:1",
        subtask_id=blocker.task_id,
        blocker_id=blocker.blocker_id,
        resolution=Resolution(resolution),
        **fields,
    )


class Play:
    """An execution in memory and a clock that stands until it is turned."""

    def __init__(self, graph: ExecutionGraph, *relaxed_actions: str) -> None:
        self.state = Execution.unborn(graph, EXECUTION, WORKSPACE)
        self.now = NOON
        self.events: list[Event] = []
        self.do(creation(graph, AGENT, *relaxed_actions))

    def do(self, command: c.Command) -> list[Event]:
        """Carry a command out and give its events."""
        decision = decide(self.state, command, self.now)
        self.state = decision.after
        self.events += decision.events
        return decision.events

    def start(self, **unmatched: str) -> list[Event]:
        """Start the execution; say why nobody performs some of its subtasks."""
        return self.do(c.StartExecution(actor="user:1", unmatched=unmatched))

    def claim(self, *subtask_ids: str) -> None:
        """Lease subtasks to the usual agent."""
        for subtask_id in subtask_ids:
            self.do(claim(subtask_id))

    def complete(self, *subtask_ids: str) -> None:
        """Claim and complete subtasks, one after the other."""
        for subtask_id in subtask_ids:
            self.claim(subtask_id)
            self.do(completion(subtask_id))

    def fail(self, subtask_id: str, **fields: Any) -> None:
        """Report an error of a leased subtask."""
        self.do(report(EventType.TASK_ERROR, subtask_id, **fields))

    def exhaust(self, subtask_id: str) -> None:
        """Claim a subtask and fail, until its attempts are used up."""
        while self.subtask(subtask_id).status is not S.BLOCKED:
            self.claim(subtask_id)
            self.fail(subtask_id, jitter=0.0, error_message="no such door")
            if self.subtask(subtask_id).due_at:
                self.do(c.EndDelay(subtask_id=subtask_id))

    def await_due(self, subtask_id: str) -> list[Event]:
        """Turn the clock to the end of a delay and end it."""
        due = self.subtask(subtask_id).due_at
        assert due
        self.now = due
        return self.do(c.EndDelay(subtask_id=subtask_id))

    def answer(
        self, subtask_id: str, resolution: str, message: str = "", **fields: Any
    ) -> list[Event]:
        """Resolve the blocker of a subtask, or that of the execution where none is named."""
        blocker = self.blocker(subtask_id)
        return self.do(answer(blocker, resolution, message=message, **fields))

    def blocker(self, subtask_id: str = "") -> Blocker:
        """Give the open blocker of a subtask, or that of the execution."""
        found = self.subtask(subtask_id).blocker if subtask_id else self.state.header.blocker
        assert found
        return found

    def subtask(self, subtask_id: str) -> SubtaskState:
        """Give a subtask's state."""
        return self.state.subtasks[subtask_id]

    def token(self, subtask_id: str) -> str:
        """Give the token of a subtask's lease."""
        lease = self.subtask(subtask_id).lease
        assert lease
        return lease.token

    @property
    def status(self) -> ExecutionStatus:
        """Where the execution stands."""
        return self.state.header.status

    def statuses(self) -> dict[str, str]:
        """Say where each subtask stands."""
        return {one: state.status.value for one, state in self.state.subtasks.items()}


def started(graph: ExecutionGraph) -> Play:
    """Play an execution up to its start."""
    play = Play(graph)
    play.start()
    return play


def types(events: Iterable[Event]) -> list[str]:
    """Name the kinds of events."""
    return [event.event_type.value for event in events]


def facts(state: Execution) -> dict[str, Any]:
    """Give all of a state that a fold must arrive at: the chain's head is the store's business."""
    return {
        "header": msgspec.structs.replace(state.header, head_hash=""),
        "subtasks": dict(state.subtasks),
        "tasks": dict(state.tasks),
    }


def refold(graph: ExecutionGraph, events: Iterable[Event]) -> Execution:
    """Fold the log as it is stored: encoded and decoded again."""
    state = Execution.unborn(graph, EXECUTION, WORKSPACE)
    for one in seal(events, ""):
        evolve(state, parse_event(one.body))
    return state


LIVE = (E.QUEUED, E.RUNNING, E.BLOCKED, E.PAUSED)
LEFT = {
    E.CREATED: {S.QUEUED, S.SKIPPED},
    E.COMPLETED: {S.COMPLETED, S.SKIPPED},
    E.FAILED: {S.QUEUED, S.FAILED, S.COMPLETED, S.SKIPPED},
    E.CANCELLED: {S.CANCELLED, S.FAILED, S.COMPLETED, S.SKIPPED},
}
"""What may stand in an execution that is not under way."""


def check(state: Execution) -> None:
    """Assert what must hold of every whole state."""
    _check_counts(state)
    header = state.header
    for subtask_id, subtask in state.subtasks.items():
        _check_subtask(state, subtask_id, subtask)
        if header.status in LIVE:
            assert _is_accounted_for(state, subtask_id, subtask), subtask_id
    present = {subtask.status for subtask in state.subtasks.values()}
    assert present <= LEFT.get(header.status, set(S) - {S.FAILED, S.CANCELLED})
    assert header.status is not E.BLOCKED or header.stuck
    assert header.status not in (E.QUEUED, E.RUNNING) or not header.stuck
    _check_agents(state)
    open_ones = [one for one in state.subtasks.values() if one.blocker]
    assert header.open_blockers == len(open_ones) + (header.blocker is not None)


def _check_agents(state: Execution) -> None:
    """Whose the work is, and whose absence is noted, counted from the subtasks alone."""
    header = state.header
    left = [one for one, subtask in state.subtasks.items() if not subtask.status.done]
    by_agents = [one for one in left if state.graph.subtasks[one].assignee is Assignee.AGENT]
    certain = [
        state.subtasks[one].assigned_to
        or state.graph.tasks[state.graph.subtasks[one].task_id].agent_id
        for one in by_agents
    ]
    assert header.shares == Counter(one for one in certain if one)
    if header.status is E.COMPLETED or header.status not in (E.CREATED, *LIVE):
        assert not header.absent
        return
    assert header.members >= {state.agent_of(one) for one in by_agents}
    assert header.members >= set(header.absent)
    assert (header.blocker is not None) == (header.agent_id in header.absent)
    for subtask_id, subtask in state.subtasks.items():
        its_agent = state.agent_of(subtask_id)
        if subtask.blocker and subtask.blocker.kind is BlockerKind.AGENT_OFFLINE:
            assert its_agent in header.absent
        elif subtask.status is S.READY:
            assert its_agent == header.agent_id or its_agent not in header.absent


def _check_subtask(state: Execution, subtask_id: str, subtask: SubtaskState) -> None:
    blocker, status = subtask.blocker, subtask.status
    waits = blocker is not None and blocker.kind is BlockerKind.EXTERNAL_WAIT
    assert (subtask.lease is not None) == (status is S.RUNNING), subtask_id
    assert (subtask.due_at is not None) == (status is S.RETRYING or (status is S.BLOCKED and waits))
    assert (subtask.wait_until is not None) == waits, subtask_id
    # A wait is looked at again with its blocker open; nothing else goes on with one.
    assert blocker is not None or status is not S.BLOCKED, subtask_id
    assert blocker is None or status in (
        {S.BLOCKED, S.READY, S.RUNNING, S.RETRYING} if waits else {S.BLOCKED}
    )
    if status in (S.READY, S.RUNNING, S.RETRYING):
        assert state.is_approved(subtask_id), subtask_id
        assert state.graph.subtasks[subtask_id].assignee is Assignee.AGENT, subtask_id
    if open_prerequisites(state, subtask_id):
        # Nobody does these yet; what nobody can do is told from the start on.
        assert status in (S.QUEUED, S.BLOCKED, S.SKIPPED, S.FAILED, S.CANCELLED), subtask_id
        assert blocker is None or blocker.kind is BlockerKind.NO_CAPABLE_AGENT
    elif state.header.status in LIVE:
        assert status is not S.QUEUED, subtask_id


def open_prerequisites(state: Execution, subtask_id: str) -> list[str]:
    """Name what a subtask still waits for, read from the graph and not from its counters."""
    node = state.graph.subtasks[subtask_id]
    needed = [
        *node.dependencies,
        *(
            one
            for task_id in state.graph.tasks[node.task_id].prerequisites
            for one in state.graph.tasks[task_id].subtasks
        ),
    ]
    return [one for one in needed if not state.subtasks[one].status.done]


def _is_accounted_for(state: Execution, subtask_id: str, subtask: SubtaskState) -> bool:
    return bool(
        subtask.status.ended
        or subtask.status is S.READY
        or subtask.lease
        or subtask.due_at
        or subtask.blocker
        or open_prerequisites(state, subtask_id)
    )


def _check_counts(state: Execution) -> None:
    graph, header = state.graph, state.header
    counted = Counter(subtask.status for subtask in state.subtasks.values())
    assert header.counts == counted
    assert header.tasks_total == len(graph.tasks)
    finished = 0
    for task_id, task in state.tasks.items():
        own = [state.subtasks[one] for one in graph.tasks[task_id].subtasks]
        assert task.counts == Counter(subtask.status for subtask in own)
        done = all(subtask.status.done for subtask in own)
        assert done == (task.unfinished == 0) == (task.completed_at is not None)
        finished += done
        waited_for = graph.tasks[task_id].prerequisites
        assert task.waiting_on == sum(1 for one in waited_for if state.tasks[one].unfinished)
    assert header.tasks_done == finished
    for subtask_id, subtask in state.subtasks.items():
        needed = graph.subtasks[subtask_id].dependencies
        open_ones = sum(1 for one in needed if not state.subtasks[one].status.done)
        assert subtask.waiting_on == open_ones
