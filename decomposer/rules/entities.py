"""What a text names: people, addresses, dates, amounts, places, files, quantities.

Everything is read word by word, and a word of more than 200 letters is none of these, so the time
is in proportion to the text. What is not clearly one of these is left out rather than guessed.
Phone numbers are read by their form alone: a library would need to know each plan's country.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from decomposer.words import word_set

_LONGEST: Final = 200
_TRIMMED: Final = ".,;:!?()[]{}<>\"'\u201c\u201d\u2018\u2019*"

_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_URL: Final = re.compile(r"(?:https?://|www\.)\S{3,190}", re.IGNORECASE)
_DOMAIN: Final = re.compile(r"[a-z0-9-]{2,63}\.(?:com|org|net|io|dev|app|ai|eu|de|dk|uk|fr|cz|gl)")
_FILE: Final = re.compile(
    r"[\w./-]{1,120}\.(?:csv|xlsx?|pdf|docx?|md|txt|json|html?|pptx?|png|jpe?g|svg|zip|py|ya?ml)",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,4})?|\d{1,15}(?:\.\d{1,4})?")
_SCALE: Final = frozenset({"million", "billion", "thousand", "k", "m", "bn", "mio"})
_CURRENCY: Final = word_set(
    "usd eur gbp dkk sek nok chf jpy cny inr sgd aud cad czk pln "
    "dollar dollars euro euros pound pounds kroner crowns yuan"
)
_SIGNS: Final = "$€£¥"
_MONTHS: Final = word_set(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
_DAYS: Final = word_set("monday tuesday wednesday thursday friday saturday sunday")
_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_QUARTER: Final = re.compile(r"Q[1-4]")
_YEAR: Final = re.compile(r"(?:19|20)\d{2}")
_DAY: Final = re.compile(r"\d{1,2}(?:st|nd|rd|th)?")
_PHONE_PART: Final = re.compile(r"\+?\(?\d[\d().-]*|\d+")
_UNITS: Final = word_set(
    "km m cm mm kg g mg l ml kw kwh w v hz ghz gb tb mb ft sqft mile miles metres meters feet "
    "tonnes tons litres liters degrees % percent hours hour days day weeks week months month "
    "years year"
)
_SPANS: Final = word_set("hours hour days day weeks week months month years year")
_BEFORE_PLACE: Final = frozenset({"in", "at", "near", "around", "across", "within", "outside"})
_DISTANCES: Final = frozenset({"km", "miles", "mile", "minutes", "hours", "north", "south"})
_LANGUAGES: Final = word_set(
    "english danish german french spanish italian portuguese dutch swedish norwegian finnish "
    "polish czech russian chinese japanese korean arabic hindi turkish greek greenlandic"
)
_TITLES: Final = frozenset({"mr", "mrs", "ms", "dr", "prof", "professor"})
_CHANNELS: Final = word_set(
    "facebook instagram linkedin twitter tiktok youtube wechat reddit newsletter"
)

_TRIGGERS: Final = (
    _CURRENCY | _MONTHS | _DAYS | _LANGUAGES | _TITLES | _CHANNELS | _BEFORE_PLACE | {"of"}
)
"""Plain words that anything begins with; all others are passed over at once."""

_ANYTHING: Final = re.compile(
    r"[\d@]|www|http|\w\.[A-Za-z]"
    rf"|\b(?i:{'|'.join(sorted(_BEFORE_PLACE))})\s+(?:the\s+)?[^\W\d_a-z]"
    rf"|\b(?i:{'|'.join(sorted(_DAYS | _LANGUAGES | _TITLES | _CHANNELS))})\b"
)
"""What a text has to hold for anything to be in it: most texts are settled by one look."""

Entities = dict[str, Any]


class _Token(NamedTuple):
    text: str
    """As written, without what stands around it."""
    low: str
    ends: bool
    """Whether a comma, a full stop or the like follows."""


@functools.lru_cache(maxsize=256)
def entities_of(text: str) -> Mapping[str, Any]:
    """Gather what a text names, the first of each kind, and every file."""
    if not _ANYTHING.search(text):
        return MappingProxyType({})
    tokens = [_token(raw) for raw in text.split() if len(raw) <= _LONGEST]
    found: Entities = {}
    for name, value in _named(tokens):
        found.setdefault(name, value)
    files = [token.text for token in tokens if _is_file(token)]
    if files:
        found["files"] = list(dict.fromkeys(files))[:20]
    return MappingProxyType(found)


def _token(raw: str) -> _Token:
    text = raw.strip(_TRIMMED)
    return _Token(text, text.casefold(), bool(raw) and raw[-1] in ".,;:!?)")


def _named(tokens: Sequence[_Token]) -> Iterator[tuple[str, Any]]:
    titled = _is_titled(tokens)
    past_phone = 0
    for index, token in enumerate(tokens):
        if index < past_phone or not token.text:
            continue
        if token.text.isalpha() and token.low not in _TRIGGERS:
            continue
        if phone := _phone(tokens, index):
            past_phone = index + len(phone.split())
            yield "phone", phone
            continue
        yield from _by_itself(token)
        if token.text[0].isdigit() or token.text[0] in _SIGNS or token.text[0] == "+":
            yield from _numeric(tokens, index)
        elif token.low in _CURRENCY or token.low in _MONTHS or token.low in _DAYS:
            yield from _worded(tokens, index)
        else:
            yield from _names(tokens, index, titled=titled)


def _names(tokens: Sequence[_Token], index: int, *, titled: bool) -> Iterator[tuple[str, str]]:
    """Read what a small word announces: "into Danish", "Dr. Smith", "in Nuuk"."""
    token = tokens[index]
    if token.low in _LANGUAGES:
        if _at(tokens, index - 1) in {"to", "into", "in", "from"}:
            yield "language", token.text
    elif token.low in _TITLES:
        if name := _capitals(tokens, index + 1):
            yield "person", f"{token.text} {name}"
    elif _before_place(tokens, index) and not titled and (name := _place(tokens, index + 1)):
        yield "place", name


def _before_place(tokens: Sequence[_Token], index: int) -> bool:
    """Tell whether a place may follow: after "in" and the like, or "of" in "100 miles of"."""
    low = tokens[index].low
    return low in _BEFORE_PLACE or (low == "of" and _at(tokens, index - 1) in _DISTANCES)


def _by_itself(token: _Token) -> Iterator[tuple[str, str]]:
    if "@" in token.text:
        if _EMAIL.fullmatch(token.text):
            yield "email", token.text
    elif _URL.fullmatch(token.text) or _DOMAIN.fullmatch(token.low):
        yield "url", token.text
    elif _is_file(token):
        yield "file", token.text
    elif token.low in _CHANNELS:
        yield "channel", token.text
    elif _QUARTER.fullmatch(token.text):
        yield "date", token.text


def _is_file(token: _Token) -> bool:
    return "." in token.text and "@" not in token.text and bool(_FILE.fullmatch(token.text))


def _numeric(tokens: Sequence[_Token], index: int) -> Iterator[tuple[str, Any]]:
    token, after = tokens[index], _at(tokens, index + 1)
    if amount := _amount(tokens, index):
        yield "amount", amount
    elif _ISO_DATE.fullmatch(token.text):
        yield "date", token.text
    elif _DAY.fullmatch(token.low) and after in _MONTHS:
        year = _at(tokens, index + 2)
        tail = f" {year}" if _YEAR.fullmatch(year) else ""
        yield "date", f"{token.text} {tokens[index + 1].text}{tail}"
    elif after in _SPANS:
        yield "date", f"{token.text} {tokens[index + 1].text}"
    elif (count := _count(token)) and not token.ends and _is_counted(tokens, index + 1):
        yield "count", count


def _worded(tokens: Sequence[_Token], index: int) -> Iterator[tuple[str, str]]:
    """Read what begins with a word: "USD 500", "March 3, 2026", "by Friday"."""
    token, after = tokens[index], _at(tokens, index + 1)
    if token.low in _CURRENCY:
        if _NUMBER.fullmatch(after):
            yield "amount", f"{token.text} {after}"
    elif token.text[0].isupper() and _DAY.fullmatch(after):
        year = _at(tokens, index + 2)
        tail = f", {year}" if _YEAR.fullmatch(year) else ""
        yield "date", f"{token.text} {tokens[index + 1].text}{tail}"
    elif token.text[0].isupper() and _YEAR.fullmatch(after):
        yield "date", f"{token.text} {after}"
    elif token.low in _DAYS:
        yield "date", token.text


def _amount(tokens: Sequence[_Token], index: int) -> str:
    """Read "$500 million", "€1,000", "500 EUR", "2.5k USD"."""
    text = tokens[index].text
    signed = text[0] in _SIGNS or text[-1] in _SIGNS
    bare = text.strip(_SIGNS).rstrip("+kKmMbBnN")
    if not bare or not _NUMBER.fullmatch(bare):
        return ""
    after = _at(tokens, index + 1)
    if after in _SCALE and not tokens[index].ends:
        unit = _at(tokens, index + 2)
        if signed or unit in _CURRENCY:
            tail = f" {tokens[index + 2].text}" if unit in _CURRENCY else ""
            return f"{text} {tokens[index + 1].text}{tail}"
    if after in _CURRENCY:
        return f"{text} {tokens[index + 1].text}"
    return text if signed else ""


def _phone(tokens: Sequence[_Token], index: int) -> str:
    """Read a number with its country's, or one that a word such as "phone" announces."""
    announced = _at(tokens, index - 1) in {"phone", "tel", "telephone", "mobile", "call"}
    if not tokens[index].text.startswith("+") and not announced:
        return ""
    parts: list[str] = []
    for token in tokens[index : index + 7]:
        if not _PHONE_PART.fullmatch(token.text):
            break
        parts.append(token.text)
        if token.ends:
            break
    digits = sum(letter.isdigit() for part in parts for letter in part)
    return " ".join(parts) if 7 <= digits <= 15 else ""  # noqa: PLR2004 as E.164 has it


def _count(token: _Token) -> int:
    bare = token.text.rstrip("+").replace(",", "")
    small = bare.isascii() and bare.isdigit() and len(bare) < 8  # noqa: PLR2004 more is no count
    return int(bare) if small and not _YEAR.fullmatch(token.text) else 0


def _is_counted(tokens: Sequence[_Token], index: int) -> bool:
    """Tell whether things follow, as in "50 dog breeders", and no measure, as in "500 km"."""
    following = tokens[index : index + 2]
    is_measure = not following or following[0].low in _UNITS
    return not is_measure and any(token.low.endswith("s") for token in following)


def _is_titled(tokens: Sequence[_Token]) -> bool:
    """Tell whether All Words Have Capitals: then a capital says nothing."""
    written = [token.text for token in tokens if token.text and token.text[0].isalpha()]
    long = [text for text in written if len(text) > 3]  # noqa: PLR2004 "of", "the", "and"
    return len(long) > 2 and all(text[0].isupper() for text in long)  # noqa: PLR2004


def _place(tokens: Sequence[_Token], index: int) -> str:
    if _at(tokens, index) == "the":
        name = _capitals(tokens, index + 1)
        return f"the {name}" if name else ""
    return _capitals(tokens, index)


def _capitals(tokens: Sequence[_Token], index: int) -> str:
    """Join the words with capitals that stand here, at most four."""
    parts: list[str] = []
    for token in tokens[index : index + 4]:
        if not token.text or not token.text[0].isupper() or _is_time(token):
            break
        parts.append(token.text)
        if token.ends:
            break
    return " ".join(parts)


def _is_time(token: _Token) -> bool:
    is_quarter = bool(_QUARTER.fullmatch(token.text))
    return token.low in _MONTHS or token.low in _DAYS or is_quarter


def _at(tokens: Sequence[_Token], index: int) -> str:
    return tokens[index].low if 0 <= index < len(tokens) else ""
