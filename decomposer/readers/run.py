"""A PlanExe run as a plan: structure first, then edges, durations and background."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from app.domain.plan import Estimate, Phase, Plan, Task
from decomposer.readers.background import read_background
from decomposer.readers.checks import check_cycle, check_size
from decomposer.readers.durations import (
    DurationRow,
    duration_rows,
    estimates,
    join_rows,
    note_missing,
    note_short_phases,
)
from decomposer.readers.edges import Prerequisites, StatedEdge, resolve, stated_edges
from decomposer.readers.findings import Findings
from decomposer.readers.ids import Ids
from decomposer.readers.index import PlanIndex
from decomposer.readers.levels import outline_from_levels
from decomposer.readers.names import Role
from decomposer.readers.oddities import note_oddities
from decomposer.readers.outline import Outline, build_phases
from decomposer.readers.shapes import decode_json, decode_text
from decomposer.readers.source import ReadLimits
from decomposer.readers.tree import outline_from_tree

Files = Mapping[Role, bytes]

_UNTITLED = "Untitled plan"
_REFUSAL = "The PlanExe run cannot be read."


def read_run(
    files: Files, plan_id: str, source_format: str, limits: ReadLimits, findings: Findings
) -> Plan:
    """Read a run from the content of its files.

    Raises:
        InvalidPlan: With every fault that the files which could be read have.
    """
    outline = _outline(files, findings)
    ids = Ids(findings, (item.raw_id for item in outline.items), strict=False)
    phases = build_phases(outline, ids, findings)
    check_size(phases, limits, findings)
    index = PlanIndex(phases, ids, outline.root_id)
    edges = outline.edges + _stated_edges(files, outline, findings)
    prerequisites = resolve(edges, index, findings, limits.max_edges)
    rows = join_rows(outline.durations + _duration_rows(files, outline, findings), index, findings)
    background = read_background(files, findings)
    findings.settle(_REFUSAL)
    check_cycle(prerequisites.of_task, prerequisites.origins, index.titles)
    plan = Plan(
        plan_id=plan_id,
        title=_title(files, outline, findings),
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
        source_format=source_format,
        context=background.context,
    )
    note_oddities(plan, index, findings)
    return msgspec.structs.replace(plan, warnings=findings.warnings)


def _outline(files: Files, findings: Findings) -> Outline:
    """Take the levels where they are whole, else the merged tree, else what there is of either."""
    if Role.LEVEL2 in files and (Role.LEVEL3 in files or Role.TREE not in files):
        levels = [_decoded(files, role, findings) for role in _LEVELS]
        outline = outline_from_levels(*levels, findings=findings)
        _note_absent(files, Role.LEVEL3, "The tasks have no written subtasks.", findings)
    else:
        role = Role.TREE if Role.TREE in files else Role.SMALL_TREE
        outline = outline_from_tree(_decoded(files, role, findings), findings)
    findings.settle(_REFUSAL)
    return cast("Outline", outline)


_LEVELS = (Role.LEVEL1, Role.LEVEL2, Role.LEVEL3)


def _decoded(files: Files, role: Role, findings: Findings) -> object:
    return decode_json(files[role], role, findings) if role in files else None


def _note_absent(files: Files, role: Role, consequence: str, findings: Findings) -> None:
    if role not in files:
        findings.warn("missing-file", f"The file is not there. {consequence}", role)


def _stated_edges(files: Files, outline: Outline, findings: Findings) -> list[StatedEdge]:
    if Role.DEPENDENCIES in files:
        return stated_edges(_decoded(files, Role.DEPENDENCIES, findings), findings)
    if not outline.edges:
        _note_absent(files, Role.DEPENDENCIES, "No order between tasks is stated.", findings)
    return []


def _duration_rows(files: Files, outline: Outline, findings: Findings) -> list[DurationRow]:
    if Role.DURATIONS in files:
        return duration_rows(_decoded(files, Role.DURATIONS, findings), findings)
    if not outline.durations:
        _note_absent(files, Role.DURATIONS, "No task has an estimate.", findings)
    return []


def _title(files: Files, outline: Outline, findings: Findings) -> str:
    if outline.title.strip():
        return outline.title
    written = decode_text(files.get(Role.TITLE, b""), Role.TITLE).strip().strip('"')
    title = written or _UNTITLED
    findings.warn("missing-title", "The plan has no title.", Role.LEVEL1, "", title)
    return title


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
            estimate=hours.get(task_id, Estimate()),
            prerequisites=prerequisites.of_task.get(task_id, []),
            context=context,
        )

    return [
        msgspec.structs.replace(phase, tasks=[complete(task) for task in phase.tasks])
        for phase in phases
    ]
