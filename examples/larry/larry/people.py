"""Who is meant: from the words of a plan to people with an address.

A plan says "Carol", "the top five breeders" or "each of them". The tables in the work folder are
the address book: the newest one whose rows fit is meant.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from larry.folder import Row, WorkFolder
from larry.ports import Refused

NAME: Final = ("contact", "person", "owner", "name")
"""Columns that may name a person, the most telling first."""

NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_FILLING: Final = frozenset(
    {
        "a",
        "an",
        "and",
        "at",
        "for",
        "from",
        "her",
        "him",
        "his",
        "in",
        "of",
        "on",
        "our",
        "the",
        "their",
        "them",
        "they",
        "this",
        "to",
        "who",
        "with",
    }
)

_EVERYBODY: Final = frozenset(
    {"all", "each", "every", "everybody", "everyone", "those", "these", "prospects", "leads"}
    | {"candidates", "contacts", "people", "customers", "clients"}
)
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth")
_ONE: Final = re.compile(rf"\b({'|'.join(_ORDINALS)})\b(?!\s+(?:\d|{'|'.join(NUMBERS)}))")
_FIRST: Final = re.compile(rf"\b(?:top|first|best)\s+(\d+|{'|'.join(NUMBERS)})\b")
_TOLD: Final = frozenset({"interested", "answered", "replied"})
_ANSWERED: Final = re.compile(r"\b(not |never |n't )?(?:yet )?(?:answered|replied)\b")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE: Final = re.compile(r"\+?\d[\d ()./-]{6,}\d")


@dataclass(frozen=True)
class Contact:
    """Somebody who can be reached; ``table`` and ``row`` say where that is known from."""

    name: str
    email: str = ""
    phone: str = ""
    table: str = ""
    row: Row = field(default_factory=dict)

    @property
    def known(self) -> Row:
        """What texts may say of him; ``business`` is the name of the row where it is not his."""
        return {"business": self.row.get("name", ""), **self.row, "name": self.name}


class People:
    """The people of one execution."""

    def __init__(self, folder: WorkFolder) -> None:
        self._folder = folder

    def find(
        self, whom: str, means: str, among: Mapping[str, object] | None = None
    ) -> list[Contact]:
        """Find who is meant and can be reached by ``means``.

        Args:
            whom: Names, an address, a group, "the top five", "those who are interested".
            means: ``email`` or ``phone``.
            among: ``file`` names the table; ``where`` columns and their values; ``top`` how many.
        """
        pattern = _EMAIL if means == "email" else _PHONE
        stated = pattern.findall(whom)
        if stated:
            return [_stated(one, means) for one in stated]
        asked = dict(among or {})
        tables = [str(asked["file"])] if asked.get("file") else self._folder.tables()
        for table in tables:
            rows = [row for row in self._folder.rows(table) if row.get(means)]
            chosen = choose(whom, narrowed(rows, asked))
            if chosen:
                return [_contact(table, row) for row in chosen]
        return []

    def note(self, contact: Contact, changes: Mapping[str, str]) -> None:
        """Keep what was learned of somebody in the table he is known from."""
        if contact.table:
            key = {column: contact.row.get(column, "") for column in ("name", "email", "phone")}
            self._folder.amend(contact.table, {k: v for k, v in key.items() if v}, changes)


def narrowed(rows: Sequence[Row], asked: Mapping[str, object]) -> list[Row]:
    """Leave of the rows those that ``where`` and ``top`` leave."""
    where = asked.get("where")
    wanted = dict(where) if isinstance(where, Mapping) else {}
    found = [row for row in rows if all(_equal(row.get(str(k)), v) for k, v in wanted.items())]
    top = asked.get("top")
    return found[: _count(str(top).lower())] if top else found


def choose(whom: str, rows: Sequence[Row]) -> list[Row]:
    """Choose the rows that a plan's words mean, none where they fit none."""
    words = whom.lower()
    rows = [row for row in rows if _is_as_told(row, words)]
    if first := _FIRST.search(words):
        return list(rows[: _count(first[1])])
    if one := _ONE.search(words):
        place = _ORDINALS.index(one[1])
        return list(rows[place : place + 1])
    asked = {word for word in re.findall(r"\w+", words) if word not in _FILLING}
    named = [row for row in rows if _is_named(row, words)]
    if named:
        return named
    if not asked or asked & _EVERYBODY or asked & _TOLD:
        return list(rows)
    return _best(asked, rows) or (list(rows) if _is_group(whom) else [])


def top_of(text: str) -> int | None:
    """Read how many are meant: 10 of "the top ten breeders"; None where that is not said."""
    first = _FIRST.search(text.lower())
    return _count(first[1]) if first else None


def name_of(row: Mapping[str, str]) -> str:
    """Say whom a row is about."""
    return next((row[column] for column in NAME if row.get(column)), "")


def fill(text: str, row: Mapping[str, str]) -> str:
    """Put what is known of somebody into a text: ``{town}`` becomes his town."""
    return re.sub(r"\{(\w+)\}", lambda gap: row.get(gap[1], gap[0]), text)


def _is_as_told(row: Mapping[str, str], words: str) -> bool:
    """Tell whether somebody is interested, and has answered or not, where that is asked for."""
    if "interested" in words and not _equal(row.get("interested"), "yes"):
        return False
    asked = _ANSWERED.search(words)
    return asked is None or bool(row.get("reply")) is (asked[1] is None)


def _is_named(row: Mapping[str, str], words: str) -> bool:
    for column in NAME:
        name = row.get(column, "").lower()
        forms = {name, name.partition(" ")[0]} - _FILLING - {""}
        if any(re.search(rf"\b{re.escape(form)}\b", words) for form in forms):
            return True
    return False


def _is_group(whom: str) -> bool:
    """Tell a kind of people from a person nobody knows: "breeders", but never "James"."""
    words = re.findall(r"\w+", whom)
    return bool(words) and words[-1].endswith("s") and words[-1].islower()


def _best(asked: set[str], rows: Sequence[Row]) -> list[Row]:
    """Choose the rows that hold most of the words, as "the alpaca owner" holds one of a farm."""
    counts = [len(asked & set(re.findall(r"\w+", " ".join(row.values()).lower()))) for row in rows]
    most = max(counts, default=0)
    return [row for row, count in zip(rows, counts, strict=True) if most and count == most]


def _contact(table: str, row: Row) -> Contact:
    return Contact(name_of(row), row.get("email", ""), row.get("phone", ""), table, row)


def _stated(address: str, means: str) -> Contact:
    if means == "email":
        return Contact(address.partition("@")[0], email=address)
    return Contact(address, phone=address)


def _count(text: str) -> int:
    if text in NUMBERS:
        return NUMBERS.index(text) + 1
    if not (text.isascii() and text.isdigit()):
        raise Refused(f"{text!r} is no number of people")
    return int(text)


def _equal(have: str | None, wanted: object) -> bool:
    return (have or "").strip().lower() == str(wanted).strip().lower()
