"""One task on its own: broken down anew, or judged after a person changed its breakdown."""

from collections.abc import Callable, Sequence

import msgspec

from app.domain.agents import Capability
from app.domain.plan import Breakdown, Plan, PlanWarning, Task
from decomposer.breakdown import Decomposer
from decomposer.revision import Revision
from decomposer.strategy import Defaults, Frame


class SingleTasks:
    """Makes and judges the breakdown of one task; stores nothing."""

    def __init__(
        self,
        decomposer: Decomposer,
        capabilities: Callable[[str], Sequence[Capability]],
        defaults: Defaults,
    ) -> None:
        """Keep what it takes; ``capabilities`` gives what all agents of a workspace can do."""
        self._decomposer = decomposer
        self._capabilities = capabilities
        self.defaults = defaults

    def again(self, workspace_id: str, plan: Plan, task: Task, note: str = "") -> Breakdown:
        """Break one task down anew.

        A person's note is for who reads: rules do not, and say so.
        """
        made = self._decomposer.task(task, self._frame(workspace_id, plan))
        unused = PlanWarning("note-unused", "Rules do not read notes.", task.task_id, note)
        warnings = [*made.warnings, unused] if note else made.warnings
        return msgspec.structs.replace(made, warnings=warnings)

    def judged(self, workspace_id: str, plan: Plan, revision: Revision) -> Breakdown:
        """Say how sure one can be of what a person has made of a breakdown."""
        return self._decomposer.revise(revision, self._frame(workspace_id, plan))

    def _frame(self, workspace_id: str, plan: Plan) -> Frame:
        return Frame(plan, self._capabilities(workspace_id), self.defaults)
