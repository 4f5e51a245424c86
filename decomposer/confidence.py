"""How sure one can be that a breakdown is executable as it stands.

The weighted mean of named parts, each a share from 0 to 1. A part that does not exist for a
breakdown is left out, and the others count for more. No part asks which strategy it was.

=============  ======  ========================================================================
part           weight  share
=============  ======  ========================================================================
structure      0.10    0 where ids repeat, an edge leads nowhere or a circle closes; else the
                       different titles among all, less where there are more than 20 steps;
                       0.5 for a single step
action         0.35    chain of the steps: 1 where words of the step's title speak for its
                       action (0.9 where there is no text besides), 0.8 where only its text
                       does, 0.5 where nothing does, 0.2 for ``perform_task``, 0 for an action
                       nobody knows; then times how agents match
params         0.15    chain of the steps: params they have of those they need; what they would
                       have to find out counts half; 0.5 where they need nothing in particular
coverage       0.10    mean over the sentences of the task: content words the steps hold
specificity    0.30    mean over the steps of what they say: described (0.20), concrete (0.20),
                       checkable (0.15), sized (0.30), plain (0.15)
estimate       0.15    the strategy's own confidence; absent for rules
agreement      0.15    what two strategies have in common; absent where one ran
=============  ======  ========================================================================

A *chain* is the mean of the steps' mean and the worst of them: one bad link stops it.
How agents match: by name or ``*`` 1, synonym 0.95, description 0.7; a person in place of an agent
0.6; nobody 0; 1 where no agent is known. Why these numbers: ``docs/decomposition.md``.
"""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log2
from typing import Final, NamedTuple

from app.domain.graph import find_cycle
from app.domain.matching import Fit
from app.domain.plan import Assignee, ConfidencePart, Subtask, Task
from decomposer.coverage import Coverage
from decomposer.rules.catalogue import PERFORM_TASK, Catalogue
from decomposer.rules.entities import entities_of
from decomposer.strategy import Proposal
from decomposer.words import content_of, sentences_of, trimmed, word_set, words_of

WEIGHTS: Final = {
    "structure": 0.10,
    "action": 0.35,
    "params": 0.15,
    "coverage": 0.10,
    "specificity": 0.30,
    "estimate": 0.15,
    "agreement": 0.15,
}

FULL_DESCRIPTION: Final = 20
"""Content words that describe a step fully."""

ATOMIC_HOURS: Final = 8.0
"""Working hours up to which a step is one sitting; each doubling takes a fifth away."""

MANY_STEPS: Final = 20
_ONE_STEP: Final = 0.5
_NAME_ONLY: Final = 0.9
_FITS: Final = {
    "name": 1.0,
    "any": 1.0,
    "unknown": 1.0,
    "synonym": 0.95,
    "description": 0.7,
    "none": 0.0,
}
_PERSON_INSTEAD: Final = 0.6
_UNSURE: Final = 0.5
_READ: Final = 2000
_VAGUE: Final = word_set(
    "appropriat relevant necessary potential various effectiv suitabl proper properly needed "
    "possibl adequat thorough thoroughly accordingly effectively efficiently comprehensiv "
    "optimal successful successfully smooth smoothly significant several general"
)
_CHECKS: Final = word_set(
    "least within until confirm verify confirmation deadline minimum maximum exactly pass meet "
    "criteria standard target threshold"
)

Share = tuple[float, str]


class Judged(NamedTuple):
    """What is judged: a proposal after matching, and what was found out about it."""

    task: Task
    subtasks: Sequence[Subtask]
    fits: Mapping[str, Fit]
    catalogue: Catalogue
    coverage: Coverage
    proposal: Proposal
    ids: frozenset[str]


def confidence_of(judged: Judged) -> tuple[float, list[ConfidencePart]]:
    """Answer the confidence, rounded to hundredths, and the parts it is made of."""
    found: dict[str, Share] = {
        "structure": _structure(judged),
        "action": _action(judged),
        "params": _params(judged),
        "coverage": _coverage(judged),
        "specificity": _specificity(judged),
    }
    if judged.proposal.estimate is not None:
        share = min(1.0, max(0.0, judged.proposal.estimate))
        found["estimate"] = share, "what the strategy itself says"
    if judged.proposal.rival is not None:
        share = agreement(judged.proposal.subtasks, judged.proposal.rival)
        found["agreement"] = share, "what two strategies have in common"
    whole = sum(WEIGHTS[name] for name in found)
    parts = [
        ConfidencePart(name, round(WEIGHTS[name] / whole, 4), round(share, 4), explanation)
        for name, (share, explanation) in found.items()
    ]
    total = sum(WEIGHTS[name] * share for name, (share, _) in found.items()) / whole
    return round(total, 2), parts


def reason_of(part: ConfidencePart) -> str:
    """Say a part in one line, with what it adds of what it could."""
    added = part.weight * part.share
    return f"{part.name}: {part.explanation} (+{added:.2f} of {part.weight:.2f})"


def agreement(one: Sequence[Subtask], other: Sequence[Subtask]) -> float:
    """Compare two breakdowns of one task: by the actions they take, and by what they are about."""
    actions = _jaccard(Counter(step.action for step in one), Counter(step.action for step in other))
    words = _jaccard(
        Counter(content_of(" ".join(step.title for step in one))),
        Counter(content_of(" ".join(step.title for step in other))),
    )
    return 0.7 * actions + 0.3 * words


def _jaccard(one: Counter[str], other: Counter[str]) -> float:
    union = (one | other).total()
    return (one & other).total() / union if union else 1.0


def _structure(judged: Judged) -> Share:
    steps = judged.subtasks
    own = {step.subtask_id for step in steps}
    if not steps or len(own) < len(steps):
        return 0.0, "there are no steps, or their ids repeat"
    if any(one not in own and one not in judged.ids for step in steps for one in step.dependencies):
        return 0.0, "a step waits for what does not exist"
    if find_cycle({step.subtask_id: step.dependencies for step in steps}):
        return 0.0, "steps wait for each other in a circle"
    different = len({step.title.strip().casefold() for step in steps})
    if len(steps) == 1:
        return _ONE_STEP, "one step is hardly a breakdown"
    share = different / len(steps) * min(1.0, MANY_STEPS / len(steps))
    return share, f"{len(steps)} steps in order, {different} different titles"


def _action(judged: Judged) -> Share:
    shares = [_certainty(step, judged) for step in judged.subtasks]
    unsure = Counter(
        step.action for step, share in zip(judged.subtasks, shares, strict=True) if share <= _UNSURE
    )
    told = ", ".join(f"{name} ({count})" for name, count in unsure.most_common(3))
    clear = len(shares) - unsure.total()
    told = f"; unsure: {told}" if told else ""
    neutral = "" if any(fit.how != "unknown" for fit in judged.fits.values()) else _NO_AGENTS
    said = f"{clear} of {len(shares)} steps have an action that is clear{told}{neutral}"
    return _chain(shares), said


_NO_AGENTS: Final = "; no agent is known yet, so none was matched"


def _certainty(step: Subtask, judged: Judged) -> float:
    fit = judged.fits.get(step.subtask_id)
    if fit is None:
        return _clarity(step, step.action, judged.catalogue)
    matched = _FITS[fit.how]
    if not fit.matched and step.assignee is Assignee.HUMAN:
        matched = _PERSON_INSTEAD
    named = fit.how == "name" and judged.catalogue.get(fit.asked) is None
    return matched * (_DECLARED if named else _clarity(step, fit.asked, judged.catalogue))


_DECLARED: Final = 0.8
"""An action that only an agent's declaration knows: no words are known that speak for it."""


def _clarity(step: Subtask, action: str, catalogue: Catalogue) -> float:
    if action == PERFORM_TASK:
        return 0.2
    words = catalogue.words(action)
    if not words.isdisjoint(_facts(trimmed(step.title, _READ)).stems):
        return 1.0 if step.description else _NAME_ONLY
    text = step.source.quote if step.source else step.description[:_READ]
    if not words.isdisjoint(_facts(text).stems):
        return 0.8
    return _UNSURE if words else 0.0


def _params(judged: Judged) -> Share:
    shares: list[float] = []
    missing: Counter[str] = Counter()
    for step in judged.subtasks:
        share, open_params = _filled(step, judged)
        shares.append(share)
        missing.update(f"{step.action}.{name}" for name in open_params)
    told = ", ".join(name for name, _ in missing.most_common(4))
    return _chain(shares), f"left open: {told}" if told else "every step has the params it needs"


def _filled(step: Subtask, judged: Judged) -> tuple[float, list[str]]:
    fit = judged.fits.get(step.subtask_id)
    faults = fit.faults if fit else []
    asked = fit.asked if fit else step.action
    action = judged.catalogue.get(asked)
    if action is None or asked == PERFORM_TASK:
        return 0.0 if faults else 0.5, list(faults)
    needed = 2 * len(action.required) + len(action.expected)
    absent = [name for name in action.required if not step.params.get(name)]
    unknown = [name for name in action.expected if not step.params.get(name)]
    share = 1 - (2 * len(absent) + len(unknown)) / needed if needed else 1.0
    return max(0.0, share - 0.5 * bool(faults)), [*faults, *absent, *unknown]


def _coverage(judged: Judged) -> Share:
    found = judged.coverage
    told = f"{len(found.uncovered)} of {found.sentences} sentences of the plan are not served"
    return found.share, told if found.uncovered else "every sentence of the plan is served"


def _specificity(judged: Judged) -> Share:
    steps = judged.subtasks
    described = _mean([_described(step) for step in steps])
    concrete = _mean([_concrete(step) for step in steps])
    checkable = _mean([_checkable(step) for step in steps])
    plain = _mean([_plain(step) for step in steps])
    sized, size = _sized(judged.task, len(steps))
    share = 0.2 * described + 0.2 * concrete + 0.15 * checkable + 0.3 * sized + 0.15 * plain
    told = (
        f"described {described:.0%}, concrete {concrete:.0%}, checkable {checkable:.0%}, "
        f"sized {sized:.0%} ({size}), plain {plain:.0%}"
    )
    return share, told


class _Facts(NamedTuple):
    """What is counted in a text."""

    stems: frozenset[str]
    content: frozenset[str]
    named: frozenset[str]
    vague: int
    sentences: int


@functools.lru_cache(maxsize=256)
def _facts(text: str) -> _Facts:
    """Count in a text; the steps of one item share theirs."""
    stems = [word.stem for word in words_of(text)]
    return _Facts(
        frozenset(stems),
        content_of(text),
        frozenset(entities_of(text)),
        sum(stem in _VAGUE for stem in stems),
        len(sentences_of(text)),
    )


def _both(step: Subtask) -> tuple[_Facts, _Facts]:
    return _facts(trimmed(step.title, _READ)), _facts(trimmed(step.description, _READ))


def _described(step: Subtask) -> float:
    title, text = _both(step)
    return min(1.0, len(title.content | text.content) / FULL_DESCRIPTION)


def _concrete(step: Subtask) -> float:
    """Count what is named: numbers, dates, amounts, places, addresses, files, people."""
    title, text = _both(step)
    filled = {name for name in ("person", "topic", "location") if step.params.get(name)}
    return min(1.0, len(title.named | text.named | filled) / 3)


def _checkable(step: Subtask) -> float:
    if step.success_criteria:
        return 1.0
    return 0.0 if _CHECKS.isdisjoint(_both(step)[1].stems) else 0.5


def _plain(step: Subtask) -> float:
    """Take off for words that leave open what is meant, and for more sentences than two."""
    _, text = _both(step)
    return max(0.0, 1 - 0.25 * text.vague - 0.2 * max(0, text.sentences - 2))


def _sized(task: Task, steps: int) -> Share:
    hours = task.estimate.realistic_hours
    if hours is None or not steps:
        return 0.5, "no estimate"
    each = hours / steps
    share = 1.0 if each <= ATOMIC_HOURS else max(0.0, 1 - 0.2 * log2(each / ATOMIC_HOURS))
    return share, f"{each:.0f} hours a step"


def _chain(shares: Sequence[float]) -> float:
    """Weigh the steps' mean and the worst of them alike: one bad link stops the chain."""
    return (_mean(shares) + min(shares, default=0.0)) / 2


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0
