"""A PlanExe run: which of its files tells what."""

from collections.abc import Mapping
from typing import cast

from app.domain.plan import Plan
from decomposer.readers.assemble import REFUSAL, assemble
from decomposer.readers.background import read_background
from decomposer.readers.durations import DurationRow, duration_rows
from decomposer.readers.edges import StatedEdge, stated_edges
from decomposer.readers.findings import Findings
from decomposer.readers.levels import outline_from_levels
from decomposer.readers.names import Role
from decomposer.readers.outline import Outline
from decomposer.readers.shapes import decode_json, decode_text
from decomposer.readers.source import ReadLimits
from decomposer.readers.tree import outline_from_tree

Files = Mapping[Role, bytes]

_UNTITLED = "Untitled plan"


def read_run(
    files: Files, plan_id: str, source_format: str, limits: ReadLimits, findings: Findings
) -> Plan:
    """Read a run from the content of its files.

    Raises:
        InvalidPlan: With every fault that the files which could be read have.
    """
    outline = _outline(files, findings)
    outline.title = _title(files, outline, findings)
    outline.edges = outline.edges + _stated_edges(files, outline, findings)
    outline.durations = outline.durations + _duration_rows(files, outline, findings)
    background = read_background(files, findings)
    return assemble(outline, background, plan_id, source_format, limits, findings)


def _outline(files: Files, findings: Findings) -> Outline:
    """Take the levels where they are whole, else the merged tree, else what there is of either."""
    if Role.LEVEL2 in files and (Role.LEVEL3 in files or Role.TREE not in files):
        levels = [_decoded(files, role, findings) for role in _LEVELS]
        outline = outline_from_levels(*levels, findings=findings)
        _note_absent(files, Role.LEVEL3, "The tasks have no written subtasks.", findings)
    else:
        role = Role.TREE if Role.TREE in files else Role.SMALL_TREE
        outline = outline_from_tree(_decoded(files, role, findings), findings)
    findings.settle(REFUSAL)
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
