"""Phrases: what a rule looks for in a text, and what it takes from it.

A phrase is words in a row. ``a|b`` is either word, ``..`` up to six words that do not matter, and
``<name>`` keeps what stands there up to the next word of the phrase, or to the end of the text.
``interview <person> about|on <topic>`` finds "Interview Carol about her workflow".

There is no backtracking: each word is looked for once, from left to right, so a phrase takes time
in proportion to the text, whatever both hold.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from decomposer.errors import PhraseError
from decomposer.words import Word, stem_of, unbracketed, word_set, words_of

GAP: Final = 6
"""Most words that ``..`` passes over."""

REACH: Final = 30
"""Most words a capture spans before the next word of its phrase."""

LONGEST: Final = 200
"""Most characters a capture keeps: it is to name a thing, not to hold a text."""

_NAMES: Final = frozenset({"person", "party"})
_AFTER_NAME: Final = word_set(
    "for at on by to about before after until regarding concerning via during within when if"
)
"""Words that a name does not go on over."""

_NAME: Final = re.compile(r"<([a-z_]{1,30})>")
_TRIMMED: Final = " \t\r\n,.;:!?()[]\"'\u201c\u201d"


class Found(NamedTuple):
    """Where a phrase stands in a text, and what it kept."""

    start: int
    end: int
    captures: Mapping[str, str]


class Phrase:
    """One phrase, ready to be looked for."""

    __slots__ = ("_elements", "first", "written")

    def __init__(self, written: str) -> None:
        """Read a phrase.

        Raises:
            PhraseError: It is empty, does not begin with a word, or two captures meet.
        """
        self.written = written
        self._elements = [_element(part) for part in written.split()]
        first = self._elements[0] if self._elements else None
        if not isinstance(first, frozenset):
            raise PhraseError(f"phrase {written!r} must begin with a word")
        for one, other in zip(self._elements, self._elements[1:], strict=False):
            if isinstance(one, str) and isinstance(other, str):
                raise PhraseError(f"phrase {written!r} needs a word between {one!r} and {other!r}")
        if self._elements[-1] == "..":
            raise PhraseError(f"phrase {written!r} must not end with '..'")
        self.first: frozenset[str] = first

    def match(self, text: str, words: Sequence[Word], begin: int = 0) -> Found | None:
        """Try the phrase at one word of a text."""
        here, captures = begin, dict[str, str]()
        for index, element in enumerate(self._elements):
            if isinstance(element, frozenset):
                if here >= len(words) or words[here].stem not in element:
                    return None
                here += 1
                continue
            until = self._next_word(words, here, index)
            if until is None:
                return None
            if element != "..":
                kept = _kept(text, words, here, until)
                if not kept:
                    return None
                captures[element] = kept
            here = until
        return Found(words[begin].start, words[here - 1].end, captures)

    def _next_word(self, words: Sequence[Word], here: int, index: int) -> int | None:
        """Find where the word after a gap or a capture stands; the end, where none is to come."""
        if index + 1 == len(self._elements):
            return _end_of_name(words, here) if self._elements[index] in _NAMES else len(words)
        wanted = self._elements[index + 1]
        furthest = here + 1 + (GAP if self._elements[index] == ".." else REACH)
        for place in range(here, min(furthest, len(words))):
            if words[place].stem in wanted:
                return place
        return None


def _end_of_name(words: Sequence[Word], here: int) -> int:
    """Find where a name at the end of a phrase ends: "Carol" of "Carol for $1,200"."""
    for place in range(here + 1, len(words)):
        if words[place].stem in _AFTER_NAME:
            return place
    return len(words)


def _element(part: str) -> frozenset[str] | str:
    if part == "..":
        return part
    if part.startswith("<"):
        name = _NAME.fullmatch(part)
        if name is None:
            raise PhraseError(f"{part!r} is no capture: write <name> with small letters")
        return name[1]
    stems = frozenset(stem_of(word) for word in part.split("|"))
    if not all(len(words_of(word)) == 1 for word in part.split("|")):
        raise PhraseError(f"{part!r} is neither a word, words joined by '|', '..' nor <name>")
    return stems


def _kept(text: str, words: Sequence[Word], here: int, until: int) -> str:
    if here >= until:
        return ""
    return unbracketed(text[words[here].start : words[until - 1].end][:LONGEST]).strip(_TRIMMED)
