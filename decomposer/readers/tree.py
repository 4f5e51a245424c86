"""Structure from the merged tree, ``{"wbs_project": …}``, alone or within a run.

Some trees also carry dependencies and durations in their ``extra_fields``.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from decomposer.readers.durations import DurationRow
from decomposer.readers.edges import StatedEdge, row_edges
from decomposer.readers.findings import Findings
from decomposer.readers.levels import RawId, names_of
from decomposer.readers.names import Role
from decomposer.readers.outline import Item, Outline, draw_up
from decomposer.readers.shapes import convert

_DAYS = ("days_min", "days_max", "days_realistic")


class Extra(msgspec.Struct):
    """``extra_fields`` of a node; which of them are there depends on the level."""

    final_deliverable: str | None = None
    detailed_description: str | None = None
    resources_needed: list[Any] | str | None = None
    depends_on_task_ids: list[Any] | None = None
    depends_on_task_explanations: list[Any] | None = None
    delay_risks: str | None = None
    mitigation_strategy: str | None = None
    days_min: Any = None
    days_max: Any = None
    days_realistic: Any = None


class Node(msgspec.Struct):
    """A node on any level; its ``description`` is what the levels call title or name."""

    id: RawId = None
    description: str | None = None
    extra_fields: Extra | None = None
    task_children: list["Node"] | None = None

    @property
    def extra(self) -> Extra:
        """The extra fields, empty where there are none."""
        return self.extra_fields or Extra()

    @property
    def children(self) -> list["Node"]:
        """The nodes below, none where the key is absent."""
        return self.task_children or []


class Tree(msgspec.Struct):
    """The file: one root that stands for the plan."""

    wbs_project: Node


Placed = tuple[Node, str]


def outline_from_tree(document: object, findings: Findings) -> Outline | None:
    """Read the tree; None, with faults noted, where its shape is wrong."""
    tree = convert(document, Tree, Role.TREE, findings)
    if tree is None:
        return None
    root = tree.wbs_project
    phases = list(_below(root, f"{Role.TREE}.wbs_project"))
    placed = phases + [task for phase in phases for task in _below(*phase)]
    items = [_item(*phase) for phase in phases]
    for task in (task for phase in items for task in phase.children):
        draw_up(task, findings)
    return Outline(
        title=root.description or "",
        final_deliverable=root.extra.final_deliverable or "",
        root_id=root.id,
        phases=items,
        edges=[edge for node, where in placed for edge in _edges(node, where, findings)],
        durations=[row for node, where in placed for row in _durations(node, where)],
    )


def _below(node: Node, where: str) -> Iterator[Placed]:
    for index, child in enumerate(node.children):
        yield child, f"{where}.task_children[{index}]"


def _item(node: Node, where: str) -> Item:
    children = [_item(*child) for child in _below(node, where)]
    description = node.extra.detailed_description or ""
    resources = names_of(node.extra.resources_needed)
    return Item(where, node.id, node.description or "", description, resources, children)


def _edges(node: Node, where: str, findings: Findings) -> list[StatedEdge]:
    extra, place = node.extra, f"{where}.extra_fields.depends_on_task_ids"
    # An empty list here is how the tree says "none"; only the dependency file owes an entry.
    if not extra.depends_on_task_ids:
        return []
    explanations = extra.depends_on_task_explanations or []
    return row_edges(node.id, extra.depends_on_task_ids, explanations, place, findings)


def _durations(node: Node, where: str) -> list[DurationRow]:
    extra = node.extra
    if all(getattr(extra, name) is None for name in (*_DAYS, "delay_risks")):
        return []
    return [
        DurationRow(
            task_id=node.id,
            delay_risks=extra.delay_risks,
            mitigation_strategy=extra.mitigation_strategy,
            days_min=extra.days_min,
            days_max=extra.days_max,
            days_realistic=extra.days_realistic,
            where=f"{where}.extra_fields",
        )
    ]
