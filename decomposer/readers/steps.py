"""The order of subtasks within a task, where the plan states one."""

from collections.abc import Iterable, Sequence

import msgspec

from app.domain.plan import Phase, Task, WrittenSubtask
from decomposer.readers.checks import check_cycle
from decomposer.readers.edges import StatedEdge
from decomposer.readers.index import Kind, PlanIndex


class StepOrder:
    """Prerequisites between subtasks of one task, kept apart from those between tasks."""

    def __init__(self, index: PlanIndex) -> None:
        self._index = index
        self._stated: dict[str, list[str]] = {}
        self._origins: dict[tuple[str, str], str] = {}

    def take(self, edges: Iterable[StatedEdge]) -> list[StatedEdge]:
        """Take the edges within a task, and answer the others."""
        return [edge for edge in edges if not self._is_taken(edge)]

    def _is_taken(self, edge: StatedEdge) -> bool:
        dependent, needed = self._index.find(edge.dependent), self._index.find(edge.prerequisite)
        if dependent is None or needed is None or dependent == needed:
            return False
        kinds = {self._index.kinds[dependent], self._index.kinds[needed]}
        if kinds != {Kind.SUBTASK} or not self._index.same_task(dependent, needed):
            return False
        if (dependent, needed) not in self._origins:
            self._origins[dependent, needed] = edge.where
            self._stated.setdefault(dependent, []).append(needed)
        return True

    def ordered(self, task: Task) -> list[WrittenSubtask]:
        """Give the subtasks of a task their prerequisites.

        One that has none of its own stays None (written order), unless an edge from elsewhere
        names it: then it waits for the one before it, and for what the edge says.
        """
        return [
            msgspec.structs.replace(item, prerequisites=self._of(item, before))
            for item, before in _pairs(task)
        ]

    def _of(self, item: WrittenSubtask, before: str | None) -> list[str] | None:
        stated = self._stated.get(item.subtask_id, [])
        if item.prerequisites is not None or not stated:
            return stated if item.prerequisites is not None else None
        written = [before] if before and before not in stated else []
        return written + stated

    def check(self, phases: Sequence[Phase]) -> None:
        """Refuse subtasks that wait for one another, with the written order counted in.

        Raises:
            InvalidPlan: There is a cycle.
        """
        edges: dict[str, list[str]] = {}
        origins = dict(self._origins)
        for task in (task for phase in phases for task in phase.tasks):
            for item, before in _pairs(task):
                written = [before] if before and item.prerequisites is None else []
                edges[item.subtask_id] = [*written, *self._stated.get(item.subtask_id, [])]
                for needed in written:
                    place = self._index.places[item.subtask_id]
                    origins.setdefault((item.subtask_id, needed), place)
        check_cycle(edges, origins, self._index.titles)


def _pairs(task: Task) -> Iterable[tuple[WrittenSubtask, str | None]]:
    items = task.written_subtasks
    before = [None, *(item.subtask_id for item in items)]
    return zip(items, before, strict=False)
