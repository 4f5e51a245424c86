"""One item of a plan as the rules read it: which of them holds, and what only a person can do."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from decomposer.rules.entities import entities_of
from decomposer.rules.rulebook import Duty, Match, Rulebook
from decomposer.words import (
    Word,
    foreign_balance,
    sentences_of,
    trimmed,
    unbracketed,
    word_set,
    words_of,
)

MOST_READ: Final = 20_000
"""Letters of one item that are read for rules; all of them go along as its text."""

FOREIGN_FROM: Final = 2
"""Words of another language, beyond the English ones, from which a text is not English."""

_JOINING: Final = frozenset({"and", "then"})
_BETWEEN: Final = _JOINING | {"for", "to", "up", "on", "with", "out", "of", "about", "or", "off"}
_LEADING: Final = frozenset({"final", "initial", "then", "next", "first", "step"})


class Item(msgspec.Struct, frozen=True):
    """What the plan wrote: a subtask, a sentence, or a task itself."""

    title: str
    description: str = ""
    resources: list[str] = []


class Reading(msgspec.Struct, frozen=True):
    """An item as it was read. ``values`` fill the gaps of its templates.

    ``instead`` is a person's work in place of the rule's, ``besides`` comes after it and is asked
    for in a ``clause`` of its own.
    """

    match: Match | None
    values: dict[str, Any]
    instead: Duty | None = None
    besides: Duty | None = None
    clause: str = ""
    foreign: bool = False


def read(item: Item, rulebook: Rulebook, kind: str, *, foreign: bool = False) -> Reading:
    """Read one item.

    Args:
        item: What was written.
        rulebook: The rules.
        kind: The kind of its plan.
        foreign: Whether the plan is not English: it decides where the item does not tell.
    """
    title, text = item.title[:MOST_READ], item.description[:MOST_READ]
    words = _without_lead(words_of(title))
    balance = foreign_balance(f"{title} {text}")
    if balance >= FOREIGN_FROM or (foreign and balance >= 0):
        return Reading(None, _values(item, title, words, None), foreign=True)
    main, rest = _clauses(words, rulebook)
    titled = rulebook.match(kind, title, main)
    # A template of several steps knows better than one word; a firm rule says so itself.
    settled = titled is not None and (titled.rule.firm or len(titled.rule.steps) > 1)
    match = titled or _first_sentence(rulebook, kind, text)
    instead = None if settled else _persons(title, text, main, match, rulebook)
    besides = rulebook.duty(title, rest, titled=True) if rest else None
    if instead and besides and instead.action == besides.action:
        besides = None
    kept = None if instead else match
    clause = title[rest[0].start : rest[-1].end] if rest else ""
    return Reading(kept, _values(item, title, main, kept), instead, besides, clause)


def _without_lead(words: Sequence[Word]) -> Sequence[Word]:
    """Pass over numbers and adverbs in front: "1.2 Carefully position"."""
    begin = 0
    while begin < min(3, len(words) - 1) and _leads(words[begin].stem):
        begin += 1
    return words[begin:]


def _leads(stem: str) -> bool:
    return stem.isdigit() or stem in _LEADING or (stem.endswith("ly") and stem != "apply")


def _clauses(words: Sequence[Word], rulebook: Rulebook) -> tuple[Sequence[Word], Sequence[Word]]:
    """Part "Review the lease and sign it" before what only a person can do."""
    for index in range(1, len(words) - 1):
        follows = words[index + 1].stem in rulebook.persons_verbs
        if follows and words[index].stem in _JOINING:
            # Of "Review and approve the report" both are about the report.
            main = words[:index] if index > 1 else [words[0], *words[index + 2 :]]
            return main, words[index + 1 :]
    return words, ()


def _first_sentence(rulebook: Rulebook, kind: str, text: str) -> Match | None:
    """Ask the text where the title begins with nothing known."""
    first = next(iter(sentences_of(text[:1000])), "")
    return rulebook.match(kind, first, words_of(first))


def _persons(
    title: str, text: str, main: Sequence[Word], match: Match | None, rulebook: Rulebook
) -> Duty | None:
    first = main[0].stem if main else ""
    if first in rulebook.people.preparing:
        return None
    if found := rulebook.duty(title, main, titled=True):
        return found
    if match and first not in rulebook.people.vague:
        return None
    return rulebook.duty(text, words_of(text), titled=False)


def _values(item: Item, title: str, words: Sequence[Word], match: Match | None) -> dict[str, Any]:
    """Gather what the item names; what its phrase kept goes before what was found by form."""
    named = {**entities_of(trimmed(item.description, MOST_READ)), **entities_of(title)}
    party = _party(title, words)
    people = [one for one in item.resources if _is_person(one)]
    values: dict[str, Any] = {
        **named,
        "title": title,
        "object": _object(title, words),
        "description": item.description,
        "resources": item.resources,
        "resources_people": ", ".join(people[:5]),
    }
    if party:
        values["party"] = party
    if match:
        values = {**match.found.captures, "object": values["object"]} | {
            name: value for name, value in values.items() if name not in match.found.captures
        }
    return {name: value for name, value in values.items() if value}


def _object(title: str, words: Sequence[Word]) -> str:
    """Give the title without its verbs: "Review and sign the lease" is about "the lease"."""
    begin = 1
    while begin < len(words) - 1 and words[begin].stem in _BETWEEN:
        begin += 2 if words[begin].stem in _JOINING else 1
    if begin >= len(words):
        return title.strip()
    return unbracketed(title[words[begin].start : words[-1].end])


def _party(title: str, words: Sequence[Word]) -> str:
    """Give who is named after "with" or "from", up to the next such word."""
    for index, word in enumerate(words[:-1]):
        if word.stem in {"with", "from"} and index:
            end = index + 1
            while end < len(words) and words[end].stem not in _ENDING and end - index < 8:  # noqa: PLR2004
                end += 1
            return title[words[index + 1].start : words[end - 1].end] if end > index + 1 else ""
    return ""


_ENDING: Final = word_set("about on for to in at by and regarding concerning from with")
_PERSONS: Final = word_set(
    "manager specialist counsel consultant lawyer engineer team lead director officer expert "
    "advisor analyst designer developer coordinator members stakeholders executor architect "
    "technician scientist researcher accountant staff board committee owner customers"
)


def _is_person(resource: str) -> bool:
    return any(word.casefold().strip("().,") in _PERSONS for word in resource[:200].split())
