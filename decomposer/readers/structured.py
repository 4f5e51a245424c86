"""The structured JSON of the interface: "Plan in".

It is written by programs against a contract, so a field that does not fit is a fault, and every
one is named. References that lead nowhere are warnings, as in a run.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

import msgspec

from app.domain.ids import is_own_id
from app.domain.plan import (
    Assignee,
    Estimate,
    Phase,
    Plan,
    RetryPolicy,
    Risk,
    Target,
    Task,
    WrittenSubtask,
)
from decomposer.readers.checks import check_cycle, check_size
from decomposer.readers.edges import Prerequisites, StatedEdge, resolve
from decomposer.readers.findings import Findings
from decomposer.readers.ids import RULE, Ids
from decomposer.readers.index import PlanIndex
from decomposer.readers.shapes import convert
from decomposer.readers.source import ReadLimits
from decomposer.readers.steps import StepOrder

Text = Annotated[str, msgspec.Meta(pattern=r"\S")]
# Upper bounds are far beyond use; they keep values within what a timedelta and a column hold.
Hours = Annotated[float, msgspec.Meta(gt=0, le=87_600)]
Effort = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Name = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=100)]
Unit = Annotated[str, msgspec.Meta(max_length=100)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]

_FINISH_TO_START = "finish_to_start"
_REFUSAL = "The plan cannot be read."


class RetryIn(msgspec.Struct, forbid_unknown_fields=True):
    """How failed attempts are repeated; what is left out keeps its default."""

    max_attempts: Count = 3
    backoff: Literal["exponential"] = "exponential"
    backoff_seconds: Seconds = 300
    max_backoff_seconds: Seconds = 3600


class SubtaskIn(msgspec.Struct, forbid_unknown_fields=True):
    """A step of a task; without an action it is material for a breakdown."""

    title: Text
    subtask_id: str | None = None
    description: str | None = None
    action: Text | None = None
    params: dict[str, Any] | None = None
    prerequisites: list[str] | None = None
    timeout_hours: Hours | None = None
    retry_policy: RetryIn | None = None
    success_criteria: list[str] | None = None
    requires_approval: bool | None = None
    assignee: Assignee | None = None


class TaskIn(msgspec.Struct, forbid_unknown_fields=True):
    """A task."""

    title: Text
    task_id: str | None = None
    description: str | None = None
    assignee_role: str | None = None
    agent_id: str | None = None
    priority: Count | None = None
    estimated_hours: Effort | None = None
    prerequisites: list[str] | None = None
    subtasks: list[SubtaskIn] | None = None


class PhaseIn(msgspec.Struct, forbid_unknown_fields=True):
    """A phase."""

    name: Text
    tasks: list[TaskIn]
    phase_id: str | None = None


class DependencyIn(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """``to`` waits until ``from`` is completed; other types are told and read as that."""

    from_: str
    to: str
    type: str | None = None


class RiskIn(msgspec.Struct, forbid_unknown_fields=True):
    """A risk."""

    description: str
    risk_id: str | None = None
    mitigation: str | None = None


class TargetIn(msgspec.Struct, forbid_unknown_fields=True):
    """A number to reach."""

    metric: Name
    target: Effort
    unit: Unit | None = None


class PlanIn(msgspec.Struct, forbid_unknown_fields=True):
    """The whole document. A field that may be left out may also be null."""

    title: Text
    phases: list[PhaseIn]
    plan_id: str | None = None
    goal: str | None = None
    final_deliverable: str | None = None
    dependencies: list[DependencyIn] | None = None
    risks: list[RiskIn] | None = None
    roles_required: list[str] | None = None
    targets: Annotated[list[TargetIn], msgspec.Meta(max_length=100)] | None = None


def read_structured(document: object, plan_id: str, limits: ReadLimits, findings: Findings) -> Plan:
    """Read a cleaned document. A ``plan_id`` of its own goes before the one given.

    Raises:
        InvalidPlan: With every field that does not fit.
    """
    given = convert(document, PlanIn, "", findings)
    findings.settle(_REFUSAL)
    return _plan(cast("PlanIn", given), plan_id, limits, findings)


def _plan(given: PlanIn, plan_id: str, limits: ReadLimits, findings: Findings) -> Plan:
    ids = Ids(findings, _brought(given), strict=True)
    phases = _phases(given, ids)
    _check_plan_id(given, findings)
    check_size(phases, limits, findings)
    findings.settle(_REFUSAL)
    index = PlanIndex(phases, ids)
    steps = StepOrder(index)
    _note_types(given, findings)
    edges = steps.take(_stated_edges(given, phases))
    steps.check(phases)
    prerequisites = resolve(edges, index, findings, limits.max_edges)
    findings.settle(_REFUSAL)
    check_cycle(prerequisites.of_task, prerequisites.origins, index.titles)
    return Plan(
        plan_id=given.plan_id or plan_id,
        title=given.title,
        phases=[_with_order(phase, prerequisites, steps) for phase in phases],
        goal=given.goal or "",
        final_deliverable=given.final_deliverable or "",
        risks=[
            Risk(risk.risk_id or f"risk_{number}", risk.description, risk.mitigation or "")
            for number, risk in enumerate(given.risks or [], 1)
        ],
        roles_required=given.roles_required or [],
        targets=[Target(one.metric, one.target, one.unit or "") for one in given.targets or []],
        warnings=findings.warnings,
        source_format="json",
    )


def _with_order(phase: Phase, prerequisites: Prerequisites, steps: StepOrder) -> Phase:
    tasks = [
        msgspec.structs.replace(
            task,
            prerequisites=prerequisites.of_task.get(task.task_id, []),
            written_subtasks=steps.ordered(task),
        )
        for task in phase.tasks
    ]
    return msgspec.structs.replace(phase, tasks=tasks)


def _brought(given: PlanIn) -> Iterator[str | None]:
    for phase in given.phases:
        yield phase.phase_id
        for task in phase.tasks:
            yield task.task_id
            yield from (item.subtask_id for item in task.subtasks or [])


def _check_plan_id(given: PlanIn, findings: Findings) -> None:
    if given.plan_id is not None and not is_own_id(given.plan_id):
        findings.fault("plan_id", f"not an id: {given.plan_id!r}. Allowed are {RULE}")


def _phases(given: PlanIn, ids: Ids) -> list[Phase]:
    """Give every item its id; prerequisites follow, as they may name what comes later."""
    return [
        Phase(
            phase_id=ids.assign(phase.phase_id, f"phase_{place + 1}", f"phases[{place}].phase_id"),
            name=phase.name,
            tasks=[
                _task(task, f"{place + 1}_{count}", f"phases[{place}].tasks[{count - 1}]", ids)
                for count, task in enumerate(phase.tasks, 1)
            ],
        )
        for place, phase in enumerate(given.phases)
    ]


def _task(task: TaskIn, number: str, where: str, ids: Ids) -> Task:
    return Task(
        task_id=ids.assign(task.task_id, f"task_{number}", f"{where}.task_id"),
        title=task.title,
        description=task.description or "",
        assignee_role=task.assignee_role,
        agent_id=task.agent_id,
        priority=task.priority or 1,
        estimate=Estimate(realistic_hours=task.estimated_hours),
        written_subtasks=[
            _subtask(item, f"task_{number}_s{count}", f"{where}.subtasks[{count - 1}]", ids)
            for count, item in enumerate(task.subtasks or [], 1)
        ],
    )


def _subtask(item: SubtaskIn, positional: str, where: str, ids: Ids) -> WrittenSubtask:
    retry = item.retry_policy
    return WrittenSubtask(
        subtask_id=ids.assign(item.subtask_id, positional, f"{where}.subtask_id"),
        title=item.title,
        description=item.description or "",
        action=item.action,
        params=item.params or {},
        prerequisites=None if item.prerequisites is None else [],
        timeout_hours=item.timeout_hours,
        retry_policy=RetryPolicy(**msgspec.structs.asdict(retry)) if retry else None,
        success_criteria=item.success_criteria or [],
        requires_approval=bool(item.requires_approval),
        assignee=item.assignee or Assignee.AGENT,
    )


def _note_types(given: PlanIn, findings: Findings) -> None:
    for index, edge in enumerate(given.dependencies or []):
        if edge.type not in {None, _FINISH_TO_START}:
            message = "Only finish_to_start is carried out; the dependency is read as that."
            findings.warn("dependency-type", message, f"dependencies[{index}].type", edge.type)


def _stated_edges(given: PlanIn, phases: list[Phase]) -> Iterator[StatedEdge]:
    """List every edge, on whichever level and in whichever of the two ways it is stated."""
    for index, edge in enumerate(given.dependencies or []):
        yield StatedEdge(edge.to, edge.from_, f"dependencies[{index}]")
    for i, (phase, phase_in) in enumerate(zip(phases, given.phases, strict=True)):
        for j, (task, task_in) in enumerate(zip(phase.tasks, phase_in.tasks, strict=True)):
            where = f"phases[{i}].tasks[{j}]"
            yield from _listed(task.task_id, task_in.prerequisites, where)
            items = zip(task.written_subtasks, task_in.subtasks or [], strict=True)
            for k, (item, item_in) in enumerate(items):
                yield from _listed(item.subtask_id, item_in.prerequisites, f"{where}.subtasks[{k}]")


def _listed(item_id: str, prerequisites: list[str] | None, where: str) -> Iterator[StatedEdge]:
    for index, raw in enumerate(prerequisites or []):
        yield StatedEdge(item_id, raw, f"{where}.prerequisites[{index}]")
