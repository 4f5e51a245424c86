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

    def capabilities(self, workspace_id: str) -> Sequence[Capability]:
        """Look up what agents can do; ask before a plan is held, since it takes a connection."""
        return self._capabilities(workspace_id)

    def again(
        self, plan: Plan, task: Task, capabilities: Sequence[Capability], note: str = ""
    ) -> Breakdown:
        """Break one task down anew.

        A person's note is for who reads: rules do not, and say so.
        """
        made = self._decomposer.task(task, Frame(plan, capabilities, self.defaults))
        unused = PlanWarning("note-unused", "Rules do not read notes.", task.task_id, note)
        warnings = [*made.warnings, unused] if note else made.warnings
        return msgspec.structs.replace(made, warnings=warnings)

    def judged(
        self, plan: Plan, revision: Revision, capabilities: Sequence[Capability]
    ) -> Breakdown:
        """Say how sure one can be of what a person has made of a breakdown."""
        return self._decomposer.revise(revision, Frame(plan, capabilities, self.defaults))
