"""Stated dependencies, resolved to prerequisites between tasks (finish to start)."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from decomposer.readers.findings import Findings
from decomposer.readers.ids import key_of
from decomposer.readers.index import Kind, PlanIndex
from decomposer.readers.shapes import convert

_FILE = "task_dependencies_raw.json"


class StatedEdge(msgspec.Struct, frozen=True):
    """One dependency as written: ids of any kind, and the place of the prerequisite."""

    dependent: Any
    prerequisite: Any
    where: str
    explanation: str = ""


class DependencyRow(msgspec.Struct):
    """All prerequisites of one dependent, with a list of explanations beside them."""

    dependent_task_id: Any
    depends_on_task_id_list: list[Any] | None = None
    depends_on_task_explanation_list: list[Any] | None = None


class DependencyFile(msgspec.Struct):
    """``task_dependencies_raw.json``."""

    task_dependency_details: list[DependencyRow]


def stated_edges(document: object, findings: Findings) -> list[StatedEdge]:
    """Read the dependency file; rows for one dependent are united."""
    file = convert(document, DependencyFile, _FILE, findings)
    seen: set[str] = set()
    edges: list[StatedEdge] = []
    for index, row in enumerate(file.task_dependency_details if file else []):
        where, key = f"{_FILE}.task_dependency_details[{index}]", key_of(row.dependent_task_id)
        if key in seen:
            message = "Another row for the same task; the rows were united."
            findings.warn("repeated-row", message, where, row.dependent_task_id)
        seen.add(key)
        edges += row_edges(
            row.dependent_task_id,
            row.depends_on_task_id_list or [],
            row.depends_on_task_explanation_list or [],
            f"{where}.depends_on_task_id_list",
            findings,
        )
    return edges


def row_edges(
    dependent: object,
    prerequisites: Sequence[object],
    explanations: Sequence[object],
    where: str,
    findings: Findings,
) -> list[StatedEdge]:
    """Read one row. Explanations are kept only where there is one for each prerequisite."""
    if not prerequisites:
        findings.warn("no-prerequisites", "The list of prerequisites is empty.", where, dependent)
    paired = len(explanations) == len(prerequisites)
    if not paired:
        counts = f"{len(explanations)} explanations for {len(prerequisites)} prerequisites"
        message = "It is open which explanation belongs to which prerequisite; none was kept."
        findings.warn("explanation-count", message, where, counts)
    return [
        StatedEdge(dependent, item, f"{where}[{index}]", str(explanations[index]) if paired else "")
        for index, item in enumerate(prerequisites)
    ]


class Prerequisites(msgspec.Struct):
    """What was resolved: prerequisites of each task in stated order, and who stated them."""

    of_task: dict[str, list[str]] = {}
    explanations: dict[str, dict[str, str]] = {}
    origins: dict[tuple[str, str], str] = {}
    """(dependent, prerequisite) to the place of the statement."""


def resolve(
    edges: Iterable[StatedEdge], index: PlanIndex, findings: Findings, max_edges: int
) -> Prerequisites:
    """Drop what joins nothing, with a warning each, and replace phases by their tasks."""
    result = Prerequisites()
    stated: set[tuple[str, str]] = set()
    for edge in edges:
        ends = _ends(edge, index, findings)
        if ends in stated:
            message = "The same dependency was stated before."
            findings.warn("repeated-edge", message, edge.where, edge.prerequisite)
        elif ends:
            stated.add(ends)
            _note_kind(edge, ends, index, findings)
            # Asked before, not after: one line between two large phases can make millions.
            if len(result.origins) + index.breadth(*ends) > max_edges:
                message = f"more than {max_edges:,} dependencies once phases are replaced by tasks"
                findings.fault(edge.where, message)
                break
            _expand(edge, ends, index, result)
    return result


def _ends(edge: StatedEdge, index: PlanIndex, findings: Findings) -> tuple[str, str] | None:
    """Find both ends, or tell why the edge is dropped."""
    found: list[str] = []
    for raw in (edge.dependent, edge.prerequisite):
        known = index.find(raw)
        if known is None:
            _note_unknown(raw, edge.where, index, findings)
            return None
        found.append(known)
    dependent, prerequisite = found
    if reason := _pointless(dependent, prerequisite, index):
        code, message = reason
        findings.warn(code, f"{message} The edge was dropped.", edge.where, edge.prerequisite)
        return None
    return dependent, prerequisite


def _note_unknown(raw: object, where: str, index: PlanIndex, findings: Findings) -> None:
    if index.root_key is not None and key_of(raw) == index.root_key:
        message = "The edge names the whole plan and was dropped."
        findings.warn("root-edge", message, where, raw)
    else:
        message = "The edge names nothing in the plan and was dropped."
        findings.warn("dangling-id", message, where, raw, index.suggest(raw))


def _pointless(dependent: str, prerequisite: str, index: PlanIndex) -> tuple[str, str] | None:
    if index.phase_of.get(dependent) == prerequisite:
        return "own-phase", "The task waits for its own phase."
    if index.phase_of.get(prerequisite) == dependent:
        return "own-phase", "The phase waits for a task of its own."
    if dependent == prerequisite or index.same_task(dependent, prerequisite):
        return "self-edge", "It waits for itself."
    return None


def _note_kind(
    edge: StatedEdge, ends: tuple[str, str], index: PlanIndex, findings: Findings
) -> None:
    raw, (dependent, prerequisite) = edge.prerequisite, ends
    kinds = {index.kinds[end] for end in ends}
    if Kind.PHASE in kinds:
        message = "The edge names a phase; it stands for all tasks of that phase."
        findings.warn("phase-edge", message, edge.where, raw)
    if Kind.SUBTASK in kinds:
        message = "The edge names a subtask; it was widened to its whole task."
        findings.warn("widened-edge", message, edge.where, raw)
    if index.first_rank(prerequisite) > index.first_rank(dependent):
        message = "The prerequisite comes later in the written order."
        findings.warn("later-prerequisite", message, edge.where, raw)


def _expand(
    edge: StatedEdge, ends: tuple[str, str], index: PlanIndex, result: Prerequisites
) -> None:
    dependent, prerequisite = ends
    for task_id in index.members[dependent]:
        listed = result.of_task.setdefault(task_id, [])
        for needed in index.members[prerequisite]:
            if (task_id, needed) not in result.origins:
                result.origins[task_id, needed] = edge.where
                listed.append(needed)
        if edge.explanation:
            result.explanations.setdefault(task_id, {})[prerequisite] = edge.explanation
