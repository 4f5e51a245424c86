"""A breakdown after a person's hand was on it: judged anew, by what code can find out.

What the person decided stands: no step is given to somebody else, only asked for by an agent's own
word for its action. What a strategy said of its proposal holds as long as the steps are the same.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from app.domain.matching import Fit
from app.domain.plan import Assignee, Breakdown, ConfidencePart, Subtask, Task
from decomposer.confidence import WEIGHTS, Judged, confidence_of, reason_of
from decomposer.coverage import coverage_of
from decomposer.doubts import doubts_of
from decomposer.rules.catalogue import Catalogue
from decomposer.strategy import Frame, Proposal

BY_HAND: Final = "manual"
"""The strategy of a breakdown that a person wrote."""

_BROUGHT: Final = "given"
_OF_STRATEGY: Final = frozenset({"estimate", "agreement"})


class Revision(msgspec.Struct, frozen=True):
    """A task whose breakdown was revised, and what is around it.

    ``elsewhere`` are the ids of all steps of other tasks: a step may wait for them.
    """

    task: Task
    base: Breakdown
    subtasks: Sequence[Subtask]
    elsewhere: Collection[str] = ()


def judge_revision(revision: Revision, frame: Frame, catalogue: Catalogue) -> Breakdown:
    """Say how sure one can be of a revised breakdown; it waits for review.

    Its strategy stays, save that what the plan brought is manual once it was changed.
    """
    base = revision.base
    steps, fits = _matched(revision.subtasks, frame, catalogue)
    same = _asked(steps) == _asked(base.subtasks)
    strategy = BY_HAND if base.strategy == _BROUGHT and not same else base.strategy
    coverage = coverage_of(revision.task, steps)
    ids = frame.ids | frozenset(revision.elsewhere)
    proposal = Proposal(strategy, steps)
    judged = Judged(revision.task, steps, fits, catalogue, coverage, proposal, ids)
    kept = [part for part in base.parts if same and part.name in _OF_STRATEGY]
    parts = _weighed([*confidence_of(judged)[1], *kept])
    return msgspec.structs.replace(
        base,
        strategy=strategy,
        confidence=round(sum(part.weight * part.share for part in parts), 2),
        confidence_reasons=[reason_of(part) for part in parts],
        subtasks=steps,
        needs_review=True,
        approved_by=None,
        approved_at=None,
        warnings=doubts_of(revision.task, steps, fits, catalogue),
        usage={},
        parts=parts,
        uncovered=coverage.uncovered,
    )


def _asked(steps: Sequence[Subtask]) -> Mapping[str, Any]:
    """Give what steps ask for, whatever their order."""
    return {
        step.subtask_id: (step.title, step.action, step.params, step.assignee) for step in steps
    }


def _weighed(parts: Sequence[ConfidencePart]) -> list[ConfidencePart]:
    whole = sum(WEIGHTS[part.name] for part in parts)
    return [
        msgspec.structs.replace(part, weight=round(WEIGHTS[part.name] / whole, 4)) for part in parts
    ]


def _matched(
    steps: Sequence[Subtask], frame: Frame, catalogue: Catalogue
) -> tuple[list[Subtask], dict[str, Fit]]:
    found: list[Subtask] = []
    fits: dict[str, Fit] = {}
    for step in steps:
        if step.assignee is Assignee.HUMAN:
            found.append(step)
            continue
        known = catalogue.get(step.action)
        one = frame.matcher.fit(step.action, step.params, known.synonyms if known else ())
        fits[step.subtask_id] = one
        found.append(_told(step, one))
    return found, fits


def _told(step: Subtask, found: Fit) -> Subtask:
    if found.action != step.action:
        told = f"{found.action}: what an agent calls {step.action}"
        return msgspec.structs.replace(step, action=found.action, reasons=[*step.reasons, told])
    told = f"no known agent performs {step.action}: it waits for one"
    if found.matched or told in step.reasons:
        return step
    return msgspec.structs.replace(step, reasons=[*step.reasons, told])
