"""An outline as a plan: ids first, then edges, durations and background."""

from collections.abc import Sequence

import msgspec

from app.domain.plan import Phase, Plan, Task
from decomposer.readers.background import Background
from decomposer.readers.checks import check_cycle, check_size
from decomposer.readers.durations import (
    DurationRow,
    estimates,
    join_rows,
    note_missing,
    note_short_phases,
)
from decomposer.readers.edges import Prerequisites, resolve
from decomposer.readers.findings import Findings
from decomposer.readers.ids import Ids
from decomposer.readers.index import PlanIndex
from decomposer.readers.oddities import note_oddities
from decomposer.readers.outline import Outline, build_phases
from decomposer.readers.source import ReadLimits

REFUSAL = "The plan cannot be read."


def assemble(
    outline: Outline,
    background: Background,
    plan_id: str,
    source_format: str,
    limits: ReadLimits,
    findings: Findings,
) -> Plan:
    """Make the plan that an outline describes.

    Raises:
        InvalidPlan: With every fault found so far, or with the tasks of a cycle.
    """
    ids = Ids(findings, (item.raw_id for item in outline.items), strict=False)
    phases = build_phases(outline, ids, findings)
    check_size(phases, limits, findings)
    index = PlanIndex(phases, ids, outline.root_id)
    prerequisites = resolve(outline.edges, index, findings, limits.max_edges)
    rows = join_rows(outline.durations, index, findings)
    findings.settle(REFUSAL)
    check_cycle(prerequisites.of_task, prerequisites.origins, index.titles)
    plan = Plan(
        plan_id=plan_id,
        title=outline.title,
        phases=_completed(
            phases,
            prerequisites,
            rows,
            index,
            hours_per_day=limits.hours_per_day,
            findings=findings,
        ),
        goal=background.goal,
        final_deliverable=outline.final_deliverable,
        risks=background.risks,
        roles_required=background.roles_required,
        gates=background.gates,
        targets=background.targets,
        source_format=source_format,
        context=background.context,
    )
    note_oddities(plan, index, findings)
    return msgspec.structs.replace(plan, warnings=findings.warnings)


def _completed(
    phases: Sequence[Phase],
    prerequisites: Prerequisites,
    rows: dict[str, DurationRow],
    index: PlanIndex,
    *,
    hours_per_day: float,
    findings: Findings,
) -> list[Phase]:
    """Give the tasks their prerequisites, estimates and context."""
    note_missing(rows, phases, index, findings)
    hours = estimates(rows, hours_per_day, findings)
    note_short_phases(hours, rows, phases, findings)

    def complete(task: Task) -> Task:
        task_id = task.task_id
        context: dict[str, object] = dict(rows[task_id].context if task_id in rows else {})
        if explanations := prerequisites.explanations.get(task_id):
            context["prerequisite_explanations"] = explanations
        return msgspec.structs.replace(
            task,
            estimate=hours.get(task_id, task.estimate),
            prerequisites=prerequisites.of_task.get(task_id, []),
            context=context,
        )

    return [
        msgspec.structs.replace(phase, tasks=[complete(task) for task in phase.tasks])
        for phase in phases
    ]
