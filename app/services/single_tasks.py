"""One task on its own: broken down anew, or judged after a person changed its breakdown."""

from collections.abc import Callable, Sequence

import msgspec

from app.domain.agents import Capability
from app.domain.plan import Breakdown, Plan, PlanWarning, Task
from app.services.strategies import Strategies
from decomposer.breakdown import is_given
from decomposer.revision import Revision
from decomposer.strategy import Defaults, Frame


class SingleTasks:
    """Makes and judges the breakdown of one task; stores nothing."""

    def __init__(
        self,
        strategies: Strategies,
        capabilities: Callable[[str, str | None], Sequence[Capability]],
        defaults: Defaults,
    ) -> None:
        """Keep what it takes; ``capabilities`` gives what an agent, or all of a workspace, can."""
        self._strategies = strategies
        self._capabilities = capabilities
        self.defaults = defaults

    def asks_model(self, task: Task) -> bool:
        """Tell whether a model is to break a task down; then workers do it."""
        return self._strategies.has_model and not is_given(task)

    def capabilities(self, workspace_id: str, task: Task) -> Sequence[Capability]:
        """Look up what the task's agent can do, or where it names none, all of the workspace.

        Ask before a plan is held, since it takes a connection.
        """
        return self._capabilities(workspace_id, task.agent_id)

    def again(
        self, plan: Plan, task: Task, capabilities: Sequence[Capability], note: str = ""
    ) -> Breakdown:
        """Break one task down anew by the rules."""
        frame = Frame(plan, capabilities, self.defaults)
        return made_anew(self._strategies.by_rules().task(task, frame), note)

    def judged(
        self, plan: Plan, revision: Revision, capabilities: Sequence[Capability]
    ) -> Breakdown:
        """Say how sure one can be of what a person has made of a breakdown."""
        return self._strategies.by_rules().revise(
            revision, Frame(plan, capabilities, self.defaults)
        )


def made_anew(made: Breakdown, note: str) -> Breakdown:
    """Tell of a breakdown that a person asked for: it waits for review, whatever its confidence.

    A note is for who reads: rules do not, and say so.
    """
    unused = PlanWarning("note-unused", "Rules do not read notes.", made.task_id, note)
    read = not note or made.strategy == "llm"
    return msgspec.structs.replace(
        made,
        needs_review=True,
        note=note,
        changes=["Broken down anew."],
        warnings=made.warnings if read else [*made.warnings, unused],
    )
