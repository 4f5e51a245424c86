"""What the tasks of one version are broken down with: whose capabilities, and beside what."""

from collections.abc import Callable, Mapping, Sequence

from app.domain.agents import Capability
from app.domain.plan import Breakdown, Plan, Task
from app.record.decompositions import Wanted
from decomposer.strategy import Defaults, Frame, Wished


class Frames:
    """Makes the frame of each task; agents are looked up once each."""

    def __init__(
        self,
        plan: Plan,
        wanted: Wanted,
        before: Mapping[str, Breakdown],
        capabilities: Callable[[str | None], Sequence[Capability]],
        defaults: Defaults,
    ) -> None:
        """Keep what frames are made of.

        Args:
            plan: Whose tasks.
            wanted: What the version is to do.
            before: The breakdowns that the tasks had; needed where some tasks keep theirs.
            capabilities: Gives what an agent can do; for None, what all of the workspace can.
            defaults: Of subtasks.
        """
        self._plan = plan
        self._wanted = wanted
        self._before = before
        self._capabilities = capabilities
        self._defaults = defaults
        self._elsewhere = _kept(wanted, before)
        self._made: dict[str | None, Frame] = {}

    def of(self, task: Task) -> Frame:
        """Give the frame of a task: of the agent asked for, else of its own, else of all."""
        agent_id = self._wanted.agent_id or task.agent_id
        if agent_id not in self._made:
            self._made[agent_id] = self._frame(self._capabilities(agent_id))
        frame = self._made[agent_id]
        wish = self._wanted.wish
        if wish is None or wish.task_id != task.task_id:
            return frame
        old = self._before.get(task.task_id)
        return self._frame(frame.capabilities, Wished(wish.note, old.subtasks if old else ()))

    def _frame(self, capabilities: Sequence[Capability], wished: Wished | None = None) -> Frame:
        return Frame(self._plan, capabilities, self._defaults, self._elsewhere, wished)


def _kept(wanted: Wanted, before: Mapping[str, Breakdown]) -> frozenset[str]:
    """Name the steps of the tasks that keep theirs."""
    asked = set(wanted.task_ids)
    if not asked:
        return frozenset()
    kept = (one.subtasks for name, one in before.items() if name not in asked)
    return frozenset(step.subtask_id for steps in kept for step in steps)
