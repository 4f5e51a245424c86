"""A proposal as a breakdown: matched with agents, judged, and told.

What the plan itself brings with actions is kept as it is and never judged (strategy ``given``).
Everything else is some strategy's proposal, and treated alike.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from app.domain.matching import Fit
from app.domain.plan import Assignee, Breakdown, ConfidencePart, Plan, Subtask, Task
from decomposer.confidence import Judged, confidence_of, reason_of
from decomposer.coverage import coverage_of
from decomposer.doubts import doubts_of
from decomposer.instructions import warnings_of
from decomposer.revision import Revision, judge_revision
from decomposer.rules.catalogue import Catalogue
from decomposer.rules.strategy import RuleStrategy, given_subtask
from decomposer.strategy import Defaults, Frame, Proposal, Strategy

_GIVEN: Final = "given"


class Decomposer:
    """Breaks tasks down by a strategy, and says how sure it is."""

    def __init__(self, strategy: Strategy, catalogue: Catalogue, threshold: float) -> None:
        """Keep what is the same for every plan; ``threshold`` is from 0 to 1."""
        self._strategy = strategy
        self._catalogue = catalogue
        self._threshold = threshold

    def plan(self, frame: Frame) -> list[Breakdown]:
        """Break all tasks of a plan down, in written order."""
        return [self.task(task, frame) for task in frame.plan.tasks]

    def task(self, task: Task, frame: Frame) -> Breakdown:
        """Break one task down."""
        if is_given(task):
            return _given(task, frame)
        return self.judge(task, frame, self._strategy.propose(task, frame))

    def judge(self, task: Task, frame: Frame, proposal: Proposal) -> Breakdown:
        """Match a proposal with agents and say how sure one can be of it."""
        subtasks, fits = match(proposal.subtasks, frame, self._catalogue)
        coverage = coverage_of(task, subtasks)
        judged = Judged(task, subtasks, fits, self._catalogue, coverage, proposal, frame.ids)
        confidence, parts = confidence_of(judged)
        doubts = doubts_of(task, subtasks, fits, self._catalogue)
        return Breakdown(
            task_id=task.task_id,
            strategy=proposal.strategy,
            confidence=confidence,
            confidence_reasons=[reason_of(part) for part in parts],
            subtasks=subtasks,
            # Text that speaks to its reader, and what nobody knows how to do, are a person's to
            # judge, however sure all else is.
            needs_review=confidence < self._threshold or bool(doubts) or proposal.doubtful,
            notes=proposal.notes,
            warnings=[*proposal.warnings, *doubts],
            usage=proposal.usage,
            parts=parts,
            uncovered=coverage.uncovered,
        )

    def revise(self, revision: Revision, frame: Frame) -> Breakdown:
        """Say how sure one can be of what a person has made of a breakdown."""
        return judge_revision(revision, frame, self._catalogue)


def is_given(task: Task) -> bool:
    """Tell whether the plan itself brings all subtasks of a task, each with its action."""
    return bool(task.written_subtasks) and all(item.action for item in task.written_subtasks)


def match(
    subtasks: Sequence[Subtask], frame: Frame, catalogue: Catalogue
) -> tuple[list[Subtask], dict[str, Fit]]:
    """Find the capability for each subtask, and ask for it by the agent's own name.

    A step that no known agent performs becomes a person's where the catalogue says that a person
    can do it as well; else it stays, and is told as a blocker at the start.
    """
    found: list[Subtask] = []
    fits: dict[str, Fit] = {}
    for subtask in subtasks:
        if subtask.assignee is Assignee.HUMAN or subtask.subtask_id in frame.brought:
            found.append(subtask)
            continue
        action = catalogue.get(subtask.action)
        synonyms = action.synonyms if action else ()
        one = frame.matcher.fit(subtask.action, subtask.params, synonyms)
        fits[subtask.subtask_id] = one
        found.append(_matched(subtask, one, catalogue))
    return found, fits


def _matched(subtask: Subtask, found: Fit, catalogue: Catalogue) -> Subtask:
    if found.how in ("synonym", "description"):
        told = f"{found.action}: what an agent calls {subtask.action} (by {found.how})"
        reasons = [*subtask.reasons, told]
        return msgspec.structs.replace(subtask, action=found.action, reasons=reasons)
    if found.matched:
        return subtask
    action = catalogue.get(subtask.action)
    if action and action.without_agent == "human":
        told = f"no known agent performs {subtask.action}: a person does it"
        reasons = [*subtask.reasons, told]
        return msgspec.structs.replace(
            subtask, assignee=Assignee.HUMAN, requires_approval=False, reasons=reasons
        )
    told = f"no known agent performs {subtask.action}: it waits for one"
    return msgspec.structs.replace(subtask, reasons=[*subtask.reasons, told])


def _given(task: Task, frame: Frame) -> Breakdown:
    before: list[str] = []
    subtasks: list[Subtask] = []
    for item in task.written_subtasks:
        waits = before if item.prerequisites is None else list(item.prerequisites)
        subtasks.append(given_subtask(item, waits, frame.defaults, task.task_id))
        before = [item.subtask_id]
    told = f"the plan brings {len(subtasks)} subtasks with actions"
    return Breakdown(
        task_id=task.task_id,
        strategy=_GIVEN,
        confidence=1.0,
        confidence_reasons=[f"{_GIVEN}: {told}"],
        subtasks=subtasks,
        warnings=warnings_of(task),
        parts=[ConfidencePart(_GIVEN, 1.0, 1.0, told)],
    )


def decompose_plan(
    plan: Plan, threshold: float, defaults: Defaults | None = None
) -> list[Breakdown]:
    """Break a plan down by the rules that come along, with no agent known."""
    strategy = RuleStrategy()
    decomposer = Decomposer(strategy, strategy.rulebook.catalogue, threshold)
    return decomposer.plan(Frame(plan, defaults=defaults))
