"""Look-ups over the phases of a plan being read: what an id stands for, and where it stands."""

import enum
from collections.abc import Sequence

from app.domain.plan import Phase
from decomposer.readers.closest import Closest
from decomposer.readers.ids import Ids, key_of


class Kind(enum.Enum):
    """What an id names."""

    PHASE = enum.auto()
    TASK = enum.auto()
    SUBTASK = enum.auto()


class PlanIndex:
    """Resolves references as they are written to what they stand for in the plan."""

    def __init__(self, phases: Sequence[Phase], ids: Ids, root_id: object = None) -> None:
        self._known = ids.known
        self._closest = Closest(ids.known)
        self._titled: dict[str, str] = {}
        self.places = ids.places
        self.root_key = None if root_id is None else key_of(root_id)
        self.kinds: dict[str, Kind] = {}
        self.titles: dict[str, str] = {}
        self.members: dict[str, list[str]] = {}
        """Tasks an id stands for: all of a phase, itself for a task, its task for a subtask."""
        self.phase_of: dict[str, str] = {}
        self._rank: dict[str, int] = {}
        for phase in phases:
            self._add_phase(phase)

    def _add_phase(self, phase: Phase) -> None:
        tasks = [task.task_id for task in phase.tasks]
        self._add(phase.phase_id, phase.name, Kind.PHASE, tasks)
        for task in phase.tasks:
            self._add(task.task_id, task.title, Kind.TASK, [task.task_id])
            self.phase_of[task.task_id] = phase.phase_id
            self._rank[task.task_id] = len(self._rank)
            for item in task.written_subtasks:
                self._add(item.subtask_id, item.title, Kind.SUBTASK, [task.task_id])
                self.phase_of[item.subtask_id] = phase.phase_id

    def _add(self, item_id: str, title: str, kind: Kind, members: list[str]) -> None:
        self.kinds[item_id] = kind
        self.titles[item_id] = title
        self.members[item_id] = members
        self._titled.setdefault(key_of(title), item_id)

    def find(self, raw: object) -> str | None:
        """Find the plan's id for a reference: trimmed, and whatever its case."""
        found = self._known.get(key_of(raw))
        return found if found in self.kinds else None

    def suggest(self, raw: object) -> str | None:
        """Suggest what a dangling reference may mean: a close id, or the item of that title."""
        return self._closest.to(raw) or self._titled.get(key_of(raw))

    def first_rank(self, item_id: str) -> int:
        """Tell the place in written order of the first task an id stands for; -1 for none."""
        members = self.members[item_id]
        return self._rank[members[0]] if members else -1

    def breadth(self, dependent: str, prerequisite: str) -> int:
        """Count the edges between tasks that one edge between these stands for."""
        return len(self.members[dependent]) * len(self.members[prerequisite])

    def same_task(self, one: str, other: str) -> bool:
        """Tell whether both are parts of one task, or a part and the task itself."""
        kinds = {self.kinds[one], self.kinds[other]}
        return Kind.PHASE not in kinds and self.members[one] == self.members[other]
