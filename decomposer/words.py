"""Text as words: how rules, coverage and confidence read what a plan says.

A word is compared by its *stem*, so that "signing", "signed" and "signs" are one word. Everything
here takes time in proportion to the text.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple


def word_set(words: str) -> frozenset[str]:
    """Read a list of words from one line."""
    return frozenset(words.split())


_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019\-][^\W_]+)*")
_SENTENCE_END: Final = re.compile(r"[.!?;][\s]+|\n+")
_SHORTEST: Final = 4
"""Letters of the shortest word that has endings."""

_AROUND: Final = " \t\r\n-*•·.!?;"
"""What stands around a sentence: bullets, its end."""

_VOWELS: Final = frozenset("aeiou")
_KEPT: Final = word_set(
    "analysis basis bus business address access process building meeting marketing engineering "
    "pricing funding housing briefing hearing opening listing catering wedding during evening "
    "morning string thing king ring spring bring sing feed need speed seed exceed proceed "
    "succeed red bed news series species always this its was has status campus"
)
_IRREGULAR: Final = {
    "bought": "buy",
    "paid": "pay",
    "met": "meet",
    "held": "hold",
    "sent": "send",
    "sold": "sell",
    "chosen": "choos",
    "chose": "choos",
    "written": "writ",
    "wrote": "writ",
    "found": "find",
    "built": "build",
    "analyse": "analyz",
    "analyses": "analyz",
    "analysing": "analyz",
    "organisation": "organization",
    "centre": "center",
    "programme": "program",
}
_FUNCTION_WORDS: Final = word_set(
    "a an the and or but if then so of to for with by from in on at as into onto over under per "
    "via about than that this these those it its their they them his her our your we you i he she "
    "be is are was were been being do does did done has have had will would can could should may "
    "might must shall not no any all each every both some such other more most very also only own "
    "which who whom whose what when where how why there here between during before after while "
    "through within without against across up out off down including include includes ensure "
    "ensures ensuring ensured etc make makes making"
)
"""Words that carry a sentence, not its content."""

_ENGLISH: Final = word_set(
    "the and with by from that this about your our their will each into which of for are be"
)
_FOREIGN: Final = word_set(
    "der die das und für mit von den dem ein eine einen im zum zur nicht auf werden bei nach "
    "le les et des du une pour avec dans aux est y para una por gli di della che nel och att på "
    "av till som af til det er ikke het een voor niet zijn da das em uma ao się jest w z oraz "
    "dla bir için ja ei en de"
)


class Word(NamedTuple):
    """One word of a text: its stem, and where it stands."""

    stem: str
    start: int
    end: int


@functools.lru_cache(maxsize=65_536)
def stem_of(word: str) -> str:
    """Reduce an English word to what its forms have in common; others stay nearly as they are."""
    word = word.casefold().replace("\u2019", "'").removesuffix("'s")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _KEPT or len(word) < _SHORTEST or not word.isalpha():
        return word
    return _without_e(_without_ending(word))


def _without_ending(word: str) -> str:
    if word.endswith("ies") and len(word) > _SHORTEST:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
        if word in _KEPT:
            return word
    for ending in ("ing", "ied", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST - 1:
            bare = word[: -len(ending)]
            return bare + "y" if ending == "ied" else _undoubled(bare)
    return word


def _undoubled(word: str) -> str:
    doubled = word[-1] == word[-2] and word[-1] not in _VOWELS and word[-1] not in "lsz"
    return word[:-1] if doubled else word


def _without_e(word: str) -> str:
    return word[:-1] if word.endswith("e") and len(word) >= _SHORTEST else word


@functools.lru_cache(maxsize=64)
def words_of(text: str) -> Sequence[Word]:
    """List the words of a text in order."""
    return tuple(Word(stem_of(found[0]), *found.span()) for found in _WORD.finditer(text))


@functools.lru_cache(maxsize=256)
def content_of(text: str) -> frozenset[str]:
    """Gather the stems of the words that say something by themselves: no article, no "and"."""
    return frozenset(filter(None, map(_content_stem, _WORD.findall(text))))


@functools.lru_cache(maxsize=65_536)
def _content_stem(word: str) -> str:
    says_something = len(word) >= _SHORTEST - 1 or word.isdigit()
    return stem_of(word) if says_something and word.casefold() not in _FUNCTION_WORDS else ""


def sentences_of(text: str) -> list[str]:
    """Cut a text into its sentences and lines, without bullets."""
    found = (part.strip(_AROUND) for part in _SENTENCE_END.split(text))
    return [part for part in found if part]


def trimmed(text: str, most: int) -> str:
    """Give at most so many letters of a text, as ``sentences_of`` would give a single sentence.

    So what is counted once in a sentence is known for the text that holds no other.
    """
    return text[:most].strip(_AROUND)


def foreign_balance(text: str) -> int:
    """Weigh words of other languages against English ones: from 2 on, a text is not English.

    Only words that carry sentences count, and, twofold, those outside Latin script.
    """
    return sum(_weight(word) for word in _WORD.findall(text))


@functools.lru_cache(maxsize=65_536)
def _weight(word: str) -> int:
    word = word.casefold()
    if word in _ENGLISH:
        return -1
    return 1 if word in _FOREIGN else 2 * (not _is_latin(word))


def _is_latin(word: str) -> bool:
    return all(letter < "\u0250" for letter in _letters(word))


def _letters(word: str) -> Iterator[str]:
    return (letter for letter in word if letter.isalpha())


def unbracketed(text: str) -> str:
    """Leave out what stands in round brackets, closed or not; all of a text that is nothing else.

    "her workflow (carol@example.org" is "her workflow": what the brackets hold is read apart.
    """
    kept: list[str] = []
    depth = 0
    for letter in text:
        depth += letter == "("
        if not depth:
            kept.append(letter)
        depth -= letter == ")" and depth > 0
    return " ".join("".join(kept).split()) or text
