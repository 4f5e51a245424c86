"""What every way of breaking a task down is given, and what it gives back.

A strategy proposes subtasks. Matching them with agents, confidence, coverage and validity are
worked out afterwards (``breakdown``) by code that does not know which strategy it was.
"""

import functools
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import msgspec

from app.domain.agents import Capability
from app.domain.matching import Matcher
from app.domain.plan import Plan, PlanWarning, Subtask, Task
from app.domain.revision import Defaults


class Wished(msgspec.Struct, frozen=True):
    """A reviewer's note on the steps that a task has, for who makes others."""

    note: str
    steps: Sequence[Subtask] = ()


class Frame:
    """What a strategy is given besides the task; made once for all tasks of a plan.

    ``capabilities`` are those of the agents that may carry the plan out; none known is no fault.
    ``elsewhere`` are ids of steps that stay as they are. ``wished`` is what a reviewer says who has
    a task made anew, with the steps that it had.
    """

    def __init__(
        self,
        plan: Plan,
        capabilities: Sequence[Capability] = (),
        defaults: Defaults | None = None,
        elsewhere: Collection[str] = (),
        wished: Wished | None = None,
    ) -> None:
        self.plan = plan
        self.capabilities = list(capabilities)
        self.defaults = defaults or Defaults()
        self.elsewhere = elsewhere
        self.wished = wished

    @functools.cached_property
    def ids(self) -> frozenset[str]:
        """All ids that are taken: those made up keep clear of them."""
        tasks = self.plan.tasks
        return frozenset(
            [
                *(phase.phase_id for phase in self.plan.phases),
                *(task.task_id for task in tasks),
                *(item.subtask_id for task in tasks for item in task.written_subtasks),
                *self.elsewhere,
            ]
        )

    @functools.cached_property
    def brought(self) -> frozenset[str]:
        """Name the subtasks that the plan brings with an action: nobody changes those."""
        return frozenset(
            item.subtask_id
            for task in self.plan.tasks
            for item in task.written_subtasks
            if item.action
        )

    @functools.cached_property
    def matcher(self) -> Matcher:
        """Give the capabilities, ready to be asked."""
        return Matcher(self.capabilities)

    def free_id(self, stem: str, number: int) -> tuple[str, int]:
        """Find ``stem`` with the first number from this one on that is no id of the plan."""
        while f"{stem}{number}" in self.ids:
            number += 1
        return f"{stem}{number}", number


class Proposal(msgspec.Struct, frozen=True):
    """Proposed subtasks, before they are matched and judged.

    ``estimate`` is the strategy's own confidence from 0 to 1, where it has one. ``rival`` are the
    subtasks another strategy proposed for the same task, where both ran. ``doubtful`` asks for a
    review, however sure all else is.
    """

    strategy: str
    subtasks: list[Subtask]
    estimate: float | None = None
    rival: list[Subtask] | None = None
    notes: str = ""
    warnings: list[PlanWarning] = []
    usage: dict[str, Any] = {}
    doubtful: bool = False


class Strategy(Protocol):
    """A way to break a task down."""

    def propose(self, task: Task, frame: Frame) -> Proposal:
        """Propose subtasks for one task: at least one, waiting only for each other or the plan's.

        The same task and frame give the same answer where the strategy is deterministic.
        """
        ...
