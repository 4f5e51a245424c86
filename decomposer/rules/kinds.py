"""Which kind of plan it is, told by its words, with the evidence."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from app.domain.plan import Plan
from decomposer.rules.rulebook import GENERIC, Rulebook
from decomposer.words import words_of

MOST_WORDS: Final = 20_000
"""Words that are read at most: enough to tell, in the largest plan too."""

LEAST: Final = 3
"""Fewer words of a kind are no evidence."""

_SHOWN: Final = 5


class KindOfPlan(msgspec.Struct, frozen=True):
    """A kind and the words that said so, most frequent first."""

    name: str
    evidence: dict[str, int]

    def __str__(self) -> str:
        """Say it in a sentence."""
        if not self.evidence:
            return "Kind of plan: generic, as no words tell another."
        told = ", ".join(f"{word} ({count})" for word, count in self.evidence.items())
        return f"Kind of plan: {self.name}, by its words {told}."


def kind_of(plan: Plan, rulebook: Rulebook) -> KindOfPlan:
    """Tell the kind of a plan: the one whose words are most of all its words."""
    counts = Counter(_stems(plan))
    best, score = KindOfPlan(GENERIC, {}), 0.0
    for kind in rulebook.kinds.values():
        found = {word: counts[stem] for stem, word in kind.words.items() if counts[stem]}
        # Many different words say more than one word many times.
        total = sum(count**0.5 for count in found.values())
        if total > score and sum(found.values()) >= LEAST:
            ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
            best, score = KindOfPlan(kind.name, dict(ranked[:_SHOWN])), total
    return best


def _stems(plan: Plan) -> Iterator[str]:
    left = MOST_WORDS
    for text in _texts(plan):
        for word in words_of(text[: left * 8]):
            yield word.stem
            left -= 1
        if left <= 0:
            return


def _texts(plan: Plan) -> Iterator[str]:
    yield from (plan.title, plan.goal, plan.final_deliverable)
    yield from (phase.name for phase in plan.phases)
    for task in plan.tasks:
        yield task.title
        yield task.description
    for task in plan.tasks:
        yield from (item.title for item in task.written_subtasks)
