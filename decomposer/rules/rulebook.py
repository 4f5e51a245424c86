"""The rules as they are applied: catalogue, kinds of plan, and what only a person can do.

Read once at the start of a process from the files in ``decomposer/data`` and, over them, from a
folder of the user's. Whatever is wrong with a file is told before anything else starts.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from decomposer.errors import PhraseError
from decomposer.rules.catalogue import MOST_HOURS, Action, Catalogue, read_actions
from decomposer.rules.files import built_in, convert, fault, of_folder
from decomposer.rules.patterns import Found, Phrase
from decomposer.rules.templates import SOURCES, names_in
from decomposer.words import Word, stem_of

ACTIONS: Final = "actions"
PEOPLE: Final = "people"
GENERIC: Final = "generic"
MOST_STEPS: Final = 20
"""Most steps of one rule."""


class StepTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a rule. Without a title it has that of its item."""

    action: str
    title: str = ""
    description: str = ""
    params: dict[str, str | int | float | bool] = {}
    success_criteria: list[str] = []
    timeout_hours: float | None = None
    requires_approval: bool = False


class _RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    phrases: list[str]
    steps: list[StepTemplate]
    only: bool = False
    firm: bool = False


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a text is to become; ``params`` are looked for among those of all its steps."""

    text: str
    actions: list[str]
    params: dict[str, Any] = {}


class _KindFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    description: str
    words: list[str]
    rule: list[_RuleFile] = []
    example: list[Example] = []


class _PersonFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: str
    title: list[str] = []
    text: list[str] = []


class _PeopleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    preparing: list[str] = []
    vague: list[str] = []
    person: list[_PersonFile] = []
    example: list[Example] = []


class Rule(msgspec.Struct, frozen=True):
    """Phrases and what becomes of an item that begins with one; ``kind`` is whose rule it is.

    One for its kind ``only`` holds in no other plan; a ``firm`` one holds whatever ``people`` say.
    """

    kind: str
    name: str
    phrases: list[Phrase]
    steps: list[StepTemplate]
    only: bool = False
    firm: bool = False


class Kind(msgspec.Struct, frozen=True):
    """A kind of plan: the stems of its words, and its rules."""

    name: str
    description: str
    words: dict[str, str]
    rules: list[Rule]
    examples: list[Example]


class PersonRule(msgspec.Struct, frozen=True):
    """Words that say that only a person can do something: in a title, in a text."""

    action: str
    title: list[Phrase]
    text: list[Phrase]


class People(msgspec.Struct, frozen=True):
    """What only a person can do.

    A verb that is ``preparing`` makes anything an agent's; after one that is ``vague`` the text
    tells what is meant.
    """

    rules: list[PersonRule]
    preparing: frozenset[str]
    vague: frozenset[str]
    examples: list[Example]

    @property
    def verbs(self) -> frozenset[str]:
        """Give the stems that such a phrase may begin with in a title."""
        return frozenset(s for rule in self.rules for phrase in rule.title for s in phrase.first)


class Duty(msgspec.Struct, frozen=True):
    """What only a person can do, with the words that said so."""

    action: str
    words: str


class Match(msgspec.Struct, frozen=True):
    """The rule that an item begins with, and where."""

    rule: Rule
    found: Found


class Rulebook:
    """All rules, ready to be asked."""

    def __init__(
        self,
        catalogue: Catalogue,
        kinds: Sequence[Kind],
        people: People,
    ) -> None:
        self.catalogue = catalogue
        self.kinds = {kind.name: kind for kind in kinds}
        self.people = people
        self.persons_verbs = people.verbs
        self._persons_title = _duties((rule.action, rule.title) for rule in people.rules)
        self._persons_text = _duties((rule.action, rule.text) for rule in people.rules)
        self._by_first = {name: self._in_order(name) for name in self.kinds}

    def match(self, kind: str, text: str, words: Sequence[Word]) -> Match | None:
        """Find the first rule with a phrase that a text begins with.

        Rules of the plan's own kind go first, then those of the others, then those of any plan.
        """
        if words:
            for rule, phrase in self._by_first[kind].get(words[0].stem, ()):
                if found := phrase.match(text, words):
                    return Match(rule, found)
        return None

    def _in_order(self, kind: str) -> dict[str, list[tuple[Rule, Phrase]]]:
        others = [name for name in self.kinds if name not in (kind, GENERIC)]
        order = dict.fromkeys([kind, *others, GENERIC])
        rules = (rule for name in order for rule in self.kinds[name].rules)
        return _by_first([rule for rule in rules if rule.kind == kind or not rule.only])

    def duty(self, text: str, words: Sequence[Word], *, titled: bool) -> Duty | None:
        """Find what only a person can do: of several, what stands first in the rules."""
        phrases = self._persons_title if titled else self._persons_text
        best: tuple[int, Duty] | None = None
        for begin, word in enumerate(words):
            for rank, action, phrase in phrases.get(word.stem, ()):
                if best and best[0] <= rank:
                    break
                if found := phrase.match(text, words, begin):
                    best = rank, Duty(action, text[found.start : found.end])
                    break
        return best[1] if best else None


def _duties(
    rules: Iterable[tuple[str, Sequence[Phrase]]],
) -> dict[str, list[tuple[int, str, Phrase]]]:
    """Sort phrases by the stems they begin with, in the order of the rules."""
    found: dict[str, list[tuple[int, str, Phrase]]] = {}
    for rank, (action, phrases) in enumerate(rules):
        for phrase in phrases:
            for stem in phrase.first:
                found.setdefault(stem, []).append((rank, action, phrase))
    return found


def _by_first(rules: Sequence[Rule]) -> dict[str, list[tuple[Rule, Phrase]]]:
    found: dict[str, list[tuple[Rule, Phrase]]] = {}
    for rule in rules:
        for phrase in rule.phrases:
            for stem in phrase.first:
                found.setdefault(stem, []).append((rule, phrase))
    return found


def load_rulebook(folder: Path | None = None) -> Rulebook:
    """Read the rules that come along and, over them, those of a folder.

    Raises:
        RulesError: A file cannot be used; the message names it, the key and the value.
    """
    return _load(folder) if folder else default_rulebook()


@functools.cache
def default_rulebook() -> Rulebook:
    """Give the rules that come along."""
    return _load(None)


def _load(folder: Path | None) -> Rulebook:
    files = [*built_in(), *(of_folder(folder) if folder else [])]
    actions: dict[str, Action] = {}
    for name, document in files:
        if Path(name).stem == ACTIONS:
            actions |= read_actions(name, document)
    catalogue = Catalogue(actions)
    kinds: dict[str, Kind] = {}
    people = People([], frozenset(), frozenset(), [])
    for name, document in files:
        stem = Path(name).stem
        if stem == PEOPLE:
            people = _people(name, document, catalogue, people)
        elif stem != ACTIONS:
            kinds[stem] = _over(kinds.get(stem), _kind(name, stem, document, catalogue))
    return Rulebook(catalogue, list(kinds.values()), people)


def _kind(name: str, stem: str, document: Mapping[str, Any], catalogue: Catalogue) -> Kind:
    read = convert(name, "", document, _KindFile)
    rules = [_rule(name, stem, one, catalogue) for one in read.rule]
    words = {stem_of(word): word for word in read.words}
    return Kind(stem, read.description, words, rules, _examples(name, read.example, catalogue))


def _over(before: Kind | None, kind: Kind) -> Kind:
    """Put a user's kind over one that comes along: its rules first, same names replaced."""
    if before is None:
        return kind
    names = {rule.name for rule in kind.rules}
    rules = [*kind.rules, *(rule for rule in before.rules if rule.name not in names)]
    return Kind(kind.name, kind.description, before.words | kind.words, rules, kind.examples)


def _rule(name: str, kind: str, read: _RuleFile, catalogue: Catalogue) -> Rule:
    key = f"rule {read.name!r}"
    if not read.phrases:
        raise fault(name, f"{key}.phrases", read.phrases, "needs at least one phrase")
    if not 0 < len(read.steps) <= MOST_STEPS:
        told = f"needs 1 to {MOST_STEPS} steps"
        raise fault(name, f"{key}.steps", len(read.steps), told)
    phrases = _phrases(name, f"{key}.phrases", read.phrases)
    for number, step in enumerate(read.steps):
        _check_step(name, f"{key}.steps[{number}]", step, catalogue)
    return Rule(kind, read.name, phrases, read.steps, read.only, read.firm)


def _check_step(name: str, key: str, step: StepTemplate, catalogue: Catalogue) -> None:
    action = catalogue.get(step.action)
    if action is None:
        raise fault(name, f"{key}.action", step.action, "is no action of actions.toml")
    for param, value in step.params.items():
        if param not in action.params:
            raise fault(name, f"{key}.params", param, f"{step.action} has no such param")
        _check_gaps(name, f"{key}.params.{param}", str(value))
    _check_gaps(name, f"{key}.title", step.title)
    if step.timeout_hours is not None and not 0 < step.timeout_hours <= MOST_HOURS:
        told = f"must be more than 0 and at most {MOST_HOURS}"
        raise fault(name, f"{key}.timeout_hours", step.timeout_hours, told)


def _check_gaps(name: str, key: str, text: str) -> None:
    for gap in names_in(text):
        if gap not in SOURCES:
            raise fault(name, key, text, f"{{{gap}}} is none of {', '.join(sorted(SOURCES))}")


def _phrases(name: str, key: str, written: Sequence[str]) -> list[Phrase]:
    found: list[Phrase] = []
    for one in written:
        try:
            found.append(Phrase(one))
        except PhraseError as error:
            raise fault(name, key, one, str(error)) from error
    return found


def _people(name: str, document: Mapping[str, Any], catalogue: Catalogue, before: People) -> People:
    read = convert(name, "", document, _PeopleFile)
    return People(
        [*(_person(name, one, catalogue) for one in read.person), *before.rules],
        before.preparing | {stem_of(word) for word in read.preparing},
        before.vague | {stem_of(word) for word in read.vague},
        [*before.examples, *_examples(name, read.example, catalogue)],
    )


def _person(name: str, read: _PersonFile, catalogue: Catalogue) -> PersonRule:
    if catalogue.get(read.action) is None:
        raise fault(name, "person.action", read.action, "is no action of actions.toml")
    key = f"person {read.action!r}"
    title = _phrases(name, f"{key}.title", read.title)
    return PersonRule(read.action, title, _phrases(name, f"{key}.text", read.text))


def _examples(name: str, read: Sequence[Example], catalogue: Catalogue) -> list[Example]:
    for example in read:
        for action in example.actions:
            if catalogue.get(action) is None:
                raise fault(name, "example.actions", action, "is no action of actions.toml")
    return list(read)
