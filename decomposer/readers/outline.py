"""The structure of a PlanExe run on its way to a plan, whichever files it came from."""

from collections.abc import Iterable, Iterator
from typing import Protocol, Self, TypeVar

import msgspec

from app.domain.plan import Estimate, Phase, Task, WrittenSubtask
from decomposer.readers.durations import DurationRow
from decomposer.readers.edges import StatedEdge
from decomposer.readers.findings import Findings
from decomposer.readers.ids import Ids, key_of

_UNTITLED = "(untitled)"


class Item(msgspec.Struct):
    """A phase, task or subtask as written; ``where`` is its place, ``raw_id`` what joins it.

    ``role`` and ``estimate`` are those of a task, where the source writes them beside its title.
    """

    where: str
    raw_id: str | int | None
    title: str
    description: str = ""
    resources: list[str] = []
    children: list["Item"] = []
    role: str | None = None
    estimate: Estimate = Estimate()

    @property
    def id_place(self) -> str:
        """Where the id is; a line of text has no closer place."""
        return self.where if self.where.startswith("line ") else f"{self.where}.id"

    @property
    def content(self) -> object:
        """All but the place, for telling a repeated row from another use of the same id."""
        children = [child.content for child in self.children]
        return (key_of(self.raw_id), self.title, self.description, self.resources, children)


class Outline(msgspec.Struct):
    """Three levels of items, and what the same source states about them."""

    title: str
    final_deliverable: str
    root_id: str | int | None
    phases: list[Item]
    edges: list[StatedEdge] = []
    durations: list[DurationRow] = []

    @property
    def items(self) -> Iterator[Item]:
        """All items, level after level."""
        level = self.phases
        while level:
            yield from level
            level = [child for item in level for child in item.children]


class _Nested(Protocol):
    where: str
    title: str
    children: list[Self]


N = TypeVar("N", bound=_Nested)


def draw_up(task: N, findings: Findings) -> N:
    """Make what stands below a task's subtasks further subtasks of it, in written order.

    The task itself is changed, and given back.
    """
    stack: list[N] = task.children[::-1]
    drawn: list[N] = []
    while stack:
        item = stack.pop()
        drawn.append(item)
        if item.children:
            message = "What stands below a subtask became further subtasks of the task."
            findings.warn("deeper-level", message, item.where, item.title)
            stack += item.children[::-1]
            item.children = []
    task.children = drawn
    return task


def build_phases(outline: Outline, ids: Ids, findings: Findings) -> list[Phase]:
    """Give every item its id and its place in the plan."""
    return [
        Phase(
            phase_id=ids.assign(phase.raw_id, f"phase_{number}", phase.id_place),
            name=_title(phase, findings),
            tasks=_tasks(phase, number, ids, findings),
        )
        for number, phase in enumerate(_distinct(outline.phases, findings), 1)
    ]


def _tasks(phase: Item, phase_number: int, ids: Ids, findings: Findings) -> list[Task]:
    if not phase.children:
        findings.warn("empty-phase", "The phase has no tasks.", phase.where, phase.title)
    return [
        _task(task, f"{phase_number}_{number}", ids, findings)
        for number, task in enumerate(_distinct(phase.children, findings), 1)
    ]


def _task(task: Item, number: str, ids: Ids, findings: Findings) -> Task:
    return Task(
        task_id=ids.assign(task.raw_id, f"task_{number}", task.id_place),
        title=_title(task, findings),
        description=task.description,
        assignee_role=task.role,
        estimate=task.estimate,
        written_subtasks=[
            WrittenSubtask(
                subtask_id=ids.assign(item.raw_id, f"task_{number}_s{step}", item.id_place),
                title=_title(item, findings),
                description=item.description,
                resources=item.resources,
            )
            for step, item in enumerate(_distinct(task.children, findings), 1)
        ],
    )


def _title(item: Item, findings: Findings) -> str:
    if item.title.strip():
        return item.title
    findings.warn("missing-title", "The item has no title.", item.where, item.title, _UNTITLED)
    return _UNTITLED


def _distinct(items: Iterable[Item], findings: Findings) -> list[Item]:
    """Drop rows written twice. The same id with other content stays, and becomes a fault."""
    first: dict[str, Item] = {}
    kept: list[Item] = []
    for item in items:
        earlier = first.setdefault(key_of(item.raw_id), item)
        if item is not earlier and item.raw_id and item.content == earlier.content:
            message = f"The row repeats {earlier.where} and was dropped."
            findings.warn("repeated-row", message, item.where, item.raw_id)
        else:
            kept.append(item)
    return kept
