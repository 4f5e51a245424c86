"""Structure from the three level files of a run."""

from collections.abc import Iterable
from typing import Any

import msgspec

from decomposer.readers.closest import Closest
from decomposer.readers.findings import Findings
from decomposer.readers.ids import key_of
from decomposer.readers.outline import Item, Outline
from decomposer.readers.shapes import convert

RawId = str | int | None


class Level1(msgspec.Struct):
    """``wbs_level1.json``: the plan."""

    id: RawId = None
    project_title: str | None = None
    final_deliverable: str | None = None


class Level2Task(msgspec.Struct):
    """An inner item of ``wbs_level2.json``: a task, whose title is called description."""

    id: RawId = None
    description: str | None = None


class Level2Phase(msgspec.Struct):
    """An outer item of ``wbs_level2.json``: a phase."""

    subtasks: list[Level2Task] | None
    id: RawId = None
    major_phase_title: str | None = None


class Level3Item(msgspec.Struct):
    """A row of ``wbs_level3.json``: a subtask, joined to its task by ``parent_id``."""

    parent_id: RawId
    id: RawId = None
    name: str | None = None
    description: str | None = None
    resources_needed: list[Any] | str | None = None


def outline_from_levels(
    level1: object, level2: object, level3: object, findings: Findings
) -> Outline | None:
    """Join the levels; ``level1`` and ``level3`` may be None. None where a shape is wrong."""
    top = convert(level1 or {}, Level1, "wbs_level1.json", findings)
    phases = convert(level2, list[Level2Phase], "wbs_level2.json", findings)
    rows = convert(level3 or [], list[Level3Item], "wbs_level3.json", findings)
    if top is None or phases is None or rows is None:
        return None
    items = [_phase(phase, f"wbs_level2.json[{index}]") for index, phase in enumerate(phases)]
    _attach(rows, items, findings)
    return Outline(top.project_title or "", top.final_deliverable or "", top.id, items)


def _phase(phase: Level2Phase, where: str) -> Item:
    tasks = [
        Item(f"{where}.subtasks[{index}]", task.id, task.description or "")
        for index, task in enumerate(phase.subtasks or [])
    ]
    return Item(where, phase.id, phase.major_phase_title or "", children=tasks)


def _attach(rows: Iterable[Level3Item], phases: Iterable[Item], findings: Findings) -> None:
    tasks: dict[str, Item] = {}
    for phase in phases:
        for task in phase.children:
            tasks.setdefault(key_of(task.raw_id), task)
    closest = Closest({key: str(task.raw_id) for key, task in tasks.items()})
    for index, row in enumerate(rows):
        where = f"wbs_level3.json[{index}]"
        if task := tasks.get(key_of(row.parent_id)):
            task.children.append(_subtask(row, where))
        else:
            message = f"{row.name!r} was dropped: its parent is no task of the plan."
            suggestion = closest.to(row.parent_id)
            findings.warn("dangling-id", message, f"{where}.parent_id", row.parent_id, suggestion)


def _subtask(row: Level3Item, where: str) -> Item:
    resources = names_of(row.resources_needed)
    return Item(where, row.id, row.name or "", row.description or "", resources)


def names_of(value: list[Any] | str | None) -> list[str]:
    """Read a list of names, also where one name stands without its list."""
    values = [value] if isinstance(value, str) else value or []
    return [str(name) for name in values if name not in {None, ""}]
