"""A PlanExe run: which of its files tells what."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import msgspec

from app.domain.errors import InvalidPlan
from app.domain.plan import Plan
from decomposer.readers.assemble import REFUSAL, assemble
from decomposer.readers.background import read_background
from decomposer.readers.csv_file import outline_from_export
from decomposer.readers.durations import DurationRow, duration_rows
from decomposer.readers.edges import StatedEdge, stated_edges
from decomposer.readers.findings import Findings
from decomposer.readers.levels import outline_from_levels
from decomposer.readers.names import Role
from decomposer.readers.outline import Outline
from decomposer.readers.report import outline_from_report, redline_of
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
    outline = _outline(files, limits, findings)
    outline.title = _title(files, outline, findings)
    outline.edges = outline.edges + _stated_edges(files, outline, findings)
    outline.durations = outline.durations + _duration_rows(files, outline, findings)
    background = read_background(files, findings)
    if Role.REPORT in files and Role.REDLINE not in files:
        verdict = redline_of(decode_text(files[Role.REPORT], Role.REPORT), findings)
        background.gates = msgspec.structs.replace(background.gates, redline=verdict)
    return assemble(outline, background, plan_id, source_format, limits, findings)


def _outline(files: Files, limits: ReadLimits, findings: Findings) -> Outline:
    """Take the structure from the best file that can be read.

    Raises:
        InvalidPlan: From none; the faults are those of the best one.
    """
    first: InvalidPlan | None = None
    for read in _ways(files):
        attempt = Findings()
        try:
            outline = read(files, limits, attempt)
            attempt.settle(REFUSAL)
        except InvalidPlan as error:
            first = first or error
            continue
        findings.demote(first.faults if first else (), "unreadable-file")
        findings.warnings += attempt.warnings
        return cast("Outline", outline)
    raise cast("InvalidPlan", first)


Way = Callable[[Files, ReadLimits, Findings], Outline | None]


def _ways(files: Files) -> Iterator[Way]:
    """List how the structure can be read, best first: levels that are whole, the tree, the rest."""
    if Role.LEVEL2 in files and Role.LEVEL3 in files:
        yield _from_levels
    for role in (Role.TREE, Role.SMALL_TREE):
        if role is Role.SMALL_TREE and Role.LEVEL2 in files and Role.LEVEL3 not in files:
            yield _from_levels
        if role in files:
            yield functools.partial(_from_tree, role)
    if Role.REPORT in files:
        yield lambda files, limits, findings: outline_from_report(
            files[Role.REPORT], Role.REPORT, limits, findings
        )
    if Role.TABLE in files:
        yield lambda files, _limits, findings: outline_from_export(
            files[Role.TABLE], Role.TABLE, findings
        )


def _from_levels(files: Files, _limits: ReadLimits, findings: Findings) -> Outline | None:
    levels = [_decoded(files, role, findings) for role in _LEVELS]
    _note_absent(files, Role.LEVEL3, "The tasks have no written subtasks.", findings)
    return outline_from_levels(*levels, findings=findings)


def _from_tree(role: Role, files: Files, _limits: ReadLimits, findings: Findings) -> Outline | None:
    return outline_from_tree(_decoded(files, role, findings), findings)


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
