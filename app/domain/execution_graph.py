"""The static side of an execution: who waits for whom, compiled once per plan version."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final, Self

import msgspec

from app.domain.errors import Fault, InvalidPlan
from app.domain.graph import find_cycle, implied_edges
from app.domain.plan import Assignee, Breakdown, Ordering, Plan, RetryPolicy, Subtask

MOST_INPUTS: Final = 50
"""Ceiling of the results handed to one subtask, so that a claim costs the same in every plan."""


class SubtaskNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A subtask as it is executed.

    ``position`` counts the plan's subtasks in written order; ``dependents`` wait for this one.
    """

    task_id: str
    position: int
    title: str
    action: str
    description: str = ""
    params: dict[str, Any] = {}
    dependencies: list[str] = []
    dependents: list[str] = []
    timeout_hours: float = 24.0
    retry_policy: RetryPolicy = RetryPolicy()
    success_criteria: list[str] = []
    requires_approval: bool = False
    assignee: Assignee = Assignee.AGENT


class TaskNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task with its subtasks in written order.

    ``implied`` are those of the prerequisites that the chosen ordering added. ``entries`` are the
    subtasks that wait for none of the same task: the first to go once the task may.
    """

    phase_id: str
    title: str
    subtasks: list[str]
    entries: list[str]
    prerequisites: list[str] = []
    dependents: list[str] = []
    implied: list[str] = []
    agent_id: str | None = None
    estimated_hours: float | None = None


class PhaseNode(msgspec.Struct, frozen=True):
    """A phase with its tasks in written order."""

    phase_id: str
    name: str
    tasks: list[str]


class ExecutionGraph(msgspec.Struct, frozen=True):
    """All nodes by id; immutable and shared by every execution of one plan version.

    ``agents`` are those that single tasks are assigned to.
    """

    title: str
    goal: str
    phases: list[PhaseNode]
    tasks: dict[str, TaskNode]
    subtasks: dict[str, SubtaskNode]
    agents: list[str] = []

    def pack(self) -> bytes:
        """Encode for storage."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Decode what ``pack`` made."""
        return msgspec.msgpack.decode(packed, type=cls)

    def neighbourhood(self, subtask_id: str) -> tuple[set[str], set[str]]:
        """Name what finishing this subtask may change: subtask ids, and task ids.

        Its size depends on the number of direct dependents, not on the size of the plan.
        """
        node = self.subtasks[subtask_id]
        subtasks = {subtask_id, *node.dependents}
        for dependent in self.tasks[node.task_id].dependents:
            subtasks.update(self.tasks[dependent].entries)
        tasks = {self.subtasks[one].task_id for one in subtasks}
        tasks.update(self.tasks[node.task_id].dependents)
        return subtasks, tasks

    def inputs(self, subtask_id: str) -> list[str]:
        """Name the subtasks whose results this one may build on.

        Its own dependencies, or, for the first of a task, what ends the prerequisite tasks; at
        most ``MOST_INPUTS``.
        """
        node = self.subtasks[subtask_id]
        if node.dependencies:
            return node.dependencies[:MOST_INPUTS]
        ends = [
            one
            for prerequisite in self.tasks[node.task_id].prerequisites
            for one in self.tasks[prerequisite].subtasks
            if not self.subtasks[one].dependents
        ]
        return ends[:MOST_INPUTS]

    def behind(self, subtask_id: str) -> int:
        """Count the subtasks that cannot be done before this one."""
        tasks: set[str] = set()
        seen = {subtask_id}
        pending = [subtask_id]
        while pending:
            node = self.subtasks[pending.pop()]
            waiting = list(node.dependents)
            if node.task_id not in tasks:
                tasks.add(node.task_id)
                for dependent in self.tasks[node.task_id].dependents:
                    waiting += self.tasks[dependent].subtasks
            new = [one for one in waiting if one not in seen]
            seen.update(new)
            pending += new
        return len(seen) - 1


def graph_id(packed: bytes) -> str:
    """Name a packed graph by its content, so that equal graphs share one copy."""
    return hashlib.sha256(packed).hexdigest()[:32]


def compile_graph(
    plan: Plan,
    breakdowns: Mapping[str, Breakdown],
    ordering: Ordering,
    risky_words: Collection[str] = (),
) -> ExecutionGraph:
    """Join a plan, the breakdown of each of its tasks and an ordering.

    Args:
        plan: The plan.
        breakdowns: By task.
        ordering: Which edges hold.
        risky_words: An action with one of these words in its name needs approval, whatever the
            plan says: a plan cannot grant itself what is its owner's to grant.

    Raises:
        InvalidPlan: A task has no subtasks, an edge leads nowhere, or edges close a cycle.
    """
    implied = implied_edges(plan, ordering)
    tasks = _task_nodes(plan, breakdowns, implied)
    subtasks = _subtask_nodes(breakdowns, tasks, frozenset(risky_words))
    _refuse_loose_ends(tasks)
    _refuse_cycles(tasks, subtasks)
    phases = [PhaseNode(p.phase_id, p.name, [t.task_id for t in p.tasks]) for p in plan.phases]
    agents = sorted({task.agent_id for task in tasks.values() if task.agent_id})
    goal = plan.goal or plan.final_deliverable
    return ExecutionGraph(plan.title, goal, phases, tasks, subtasks, agents)


def _task_nodes(
    plan: Plan, breakdowns: Mapping[str, Breakdown], implied: Mapping[str, list[str]]
) -> dict[str, TaskNode]:
    dependents: dict[str, list[str]] = {}
    for task in plan.tasks:
        for prerequisite in (*task.prerequisites, *implied.get(task.task_id, ())):
            dependents.setdefault(prerequisite, []).append(task.task_id)
    nodes: dict[str, TaskNode] = {}
    for phase in plan.phases:
        for task in phase.tasks:
            breakdown = breakdowns.get(task.task_id)
            if breakdown is None or not breakdown.subtasks:
                raise InvalidPlan(f"Task {task.task_id!r} ({task.title}) has no subtasks yet.")
            own = {subtask.subtask_id for subtask in breakdown.subtasks}
            added = implied.get(task.task_id, [])
            nodes[task.task_id] = TaskNode(
                phase_id=phase.phase_id,
                title=task.title,
                subtasks=[subtask.subtask_id for subtask in breakdown.subtasks],
                entries=[
                    s.subtask_id for s in breakdown.subtasks if own.isdisjoint(s.dependencies)
                ],
                prerequisites=[*task.prerequisites, *added],
                dependents=dependents.get(task.task_id, []),
                implied=list(added),
                agent_id=task.agent_id,
                estimated_hours=task.estimate.realistic_hours,
            )
    return nodes


def _subtask_nodes(
    breakdowns: Mapping[str, Breakdown], tasks: Mapping[str, TaskNode], risky: frozenset[str]
) -> dict[str, SubtaskNode]:
    of_plan = [(task_id, s) for task_id in tasks for s in breakdowns[task_id].subtasks]
    known = {subtask.subtask_id for _, subtask in of_plan}
    dependents: dict[str, list[str]] = {}
    faults: list[Fault] = []
    for _, subtask in of_plan:
        for dependency in subtask.dependencies:
            dependents.setdefault(dependency, []).append(subtask.subtask_id)
            if dependency not in known:
                message = f"waits for {dependency!r}, which is no subtask of this plan"
                faults.append(Fault(subtask.subtask_id, message))
    if faults or len(known) != len(of_plan) or not known.isdisjoint(tasks):
        raise InvalidPlan("Subtask ids are unknown, repeated or those of tasks.", faults)
    return {
        subtask.subtask_id: SubtaskNode(
            task_id=task_id,
            position=position,
            title=subtask.title,
            action=subtask.action,
            description=subtask.description,
            params=subtask.params,
            dependencies=subtask.dependencies,
            dependents=dependents.get(subtask.subtask_id, []),
            timeout_hours=subtask.timeout_hours,
            retry_policy=subtask.retry_policy,
            success_criteria=subtask.success_criteria,
            requires_approval=subtask.requires_approval or _is_risky(subtask, risky),
            assignee=subtask.assignee,
        )
        for position, (task_id, subtask) in enumerate(of_plan)
    }


def _refuse_loose_ends(tasks: Mapping[str, TaskNode]) -> None:
    """Refuse a task that would wait for ever for what is no task."""
    faults = [
        Fault(task_id, f"waits for {prerequisite!r}, which is no task of this plan")
        for task_id, task in tasks.items()
        for prerequisite in task.prerequisites
        if prerequisite not in tasks
    ]
    if faults:
        raise InvalidPlan("Tasks wait for what is not in the plan.", faults)


def _is_risky(subtask: Subtask, risky: frozenset[str]) -> bool:
    by_agent = subtask.assignee is Assignee.AGENT
    return by_agent and not risky.isdisjoint(subtask.action.casefold().split("_"))


def _refuse_cycles(tasks: Mapping[str, TaskNode], subtasks: Mapping[str, SubtaskNode]) -> None:
    """Check both levels at once: a task starts after its prerequisites, ends with its subtasks."""
    edges: dict[str, list[str]] = {}
    for task_id, task in tasks.items():
        edges[f"start of {task_id}"] = [f"end of {one}" for one in task.prerequisites]
        edges[f"end of {task_id}"] = list(task.subtasks)
    for subtask_id, node in subtasks.items():
        edges[subtask_id] = [f"start of {node.task_id}", *node.dependencies]
    cycle = find_cycle(edges)
    if cycle:
        faults = [Fault(place, "stands in the cycle") for place in cycle]
        raise InvalidPlan("These wait for each other in a circle.", faults)
