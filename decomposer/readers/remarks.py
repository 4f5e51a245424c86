"""What people write beside a task: labels, durations, what it waits for.

Every expression runs on text whose white space has been made single, and none nests repeats, so
that each costs time in proportion to the text.
"""

import itertools
import re
from collections.abc import Iterator

import msgspec

from app.domain.plan import Estimate

_WORDS = (
    "phase|stage|milestone|sprint|epic|workstream|part|task|activity|subtask|sub-task|step|item"
)
_LABEL = re.compile(
    rf"(?P<word>{_WORDS}) ?#?(?P<number>\d+(?:\.\d+)*|(?-i:[A-Z]{{1,4}})(?= ?[:.)\u2013\u2014-]))"
    r"[.:)]*(?: ?[\u2013\u2014-])?(?= |$)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?P<number>\d+(?:\.\d+)+|\d+(?=[.):]))[.:)]*(?= |$)")
_GROUP = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_DURATION = re.compile(
    r"(?:~|about |approx\.? |ca\.? )?(?P<low>\d{1,6}(?:[.,]\d{1,3})?)"
    r"(?: ?(?:-|\u2013|to) ?(?P<high>\d{1,6}(?:[.,]\d{1,3})?))? ?"
    r"(?P<unit>minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|wks?|w)(?: each| of work)?\.?",
    re.IGNORECASE,
)
_WAITS = re.compile(
    r"(?:depends? (?:up)?on|dependent on|dependenc(?:y|ies)|after|requires|needs|blocked by|"
    r"waits for|prerequisites?|predecessors?|follows):? (?P<needed>.+)",
    re.IGNORECASE,
)
_LABELLED_WAIT = re.compile(
    rf"[ ,;]*[\u2013\u2014-]? ?\b(?:after|depends on|requires|blocked by) "
    rf"(?P<needed>(?:(?:{_WORDS}) ?#?\d+(?:\.\d+)*|\d+\.\d+(?:\.\d+)*)"
    rf"(?:(?:, ?| and | & )(?:(?:{_WORDS}) ?#?)?\d+(?:\.\d+)*)*)\.?$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r", ?and |, ?|; ?| and | & | \+ ")
_REFERENCE = re.compile(
    rf"(?:the )?(?:(?P<word>{_WORDS}) ?)?#?(?P<number>\d+(?:\.\d+)*)", re.IGNORECASE
)
_FIELD = re.compile(r"(?P<name>[A-Za-z][A-Za-z ()/_-]{1,30}?) ?: ?(?P<value>.*)")
_NOTHING = {"", "-", "\u2013", "\u2014", "none", "n/a", "na", "nil", "nothing"}
_HOURS = {"m": 1 / 60, "h": 1.0}
_WEEK_DAYS = 5


class Label(msgspec.Struct, frozen=True):
    """How a text names an item: ``word`` phase, task, step …, or empty; ``number`` 1.2 or B."""

    word: str
    number: str


class Remarks(msgspec.Struct):
    """A title without what stood beside it, and that; ``bare`` where it was but a label."""

    title: str
    bare: bool = False
    label: Label | None = None
    estimate: Estimate | None = None
    needed: list[str] = []


def read_remarks(text: str, hours_per_day: float) -> Remarks:
    """Take label, duration and prerequisites out of a title; what is not known stays in it."""
    text = " ".join(text.split())
    label = _LABEL.match(text) or _NUMBER.match(text)
    remarks = Remarks(text)
    if label and (rest := text[label.end() :].strip()):
        word = (label.groupdict().get("word") or "").casefold()
        remarks.label, text = Label(word, label["number"]), rest
    elif label:
        remarks.bare = True
        remarks.label = Label((label.groupdict().get("word") or "").casefold(), label["number"])
    if wait := _LABELLED_WAIT.search(text):
        remarks.needed += split_needed(wait["needed"])
        text = text[: wait.start()]
    remarks.title = _GROUP.sub(lambda group: _taken(group, remarks, hours_per_day), text).strip()
    remarks.title = remarks.title.strip(" -\u2013\u2014") or remarks.title or text
    return remarks


def _taken(group: re.Match[str], remarks: Remarks, hours_per_day: float) -> str:
    """Read one group in brackets whole, or leave it where it is."""
    whole = (group[1] or group[2] or "").strip()
    estimate, needed = read_duration(whole, hours_per_day), list[str]()
    for part in () if estimate else _BETWEEN.split(whole):
        if found := read_duration(part, hours_per_day):
            estimate = found
        elif wait := _WAITS.fullmatch(part):
            needed.append(wait["needed"])
        elif needed and _REFERENCE.fullmatch(part):
            needed.append(part)
        else:
            return group[0]
    remarks.estimate = estimate or remarks.estimate
    remarks.needed += needed
    return ""


def read_duration(text: str, hours_per_day: float) -> Estimate | None:
    """Read "3 days", "2-4 h", "1 week" as working hours; None for anything else."""
    found = _DURATION.fullmatch(" ".join(text.split()))
    if found is None:
        return None
    unit = found["unit"][0].lower()
    scale = _HOURS.get(unit) or hours_per_day * (_WEEK_DAYS if unit == "w" else 1)
    low = float(found["low"].replace(",", ".")) * scale
    derived = unit not in _HOURS
    if found["high"] is None:
        return Estimate(realistic_hours=low, derived=derived)
    high = float(found["high"].replace(",", ".")) * scale
    return Estimate(min_hours=low, max_hours=high, derived=derived)


def read_waiting(text: str) -> list[str] | None:
    """Read "after 1.2 and 1.3" as what is waited for; None where it says something else."""
    found = _WAITS.fullmatch(" ".join(text.split()).rstrip("."))
    return split_needed(found["needed"]) if found else None


def split_needed(text: str) -> list[str]:
    """Split a list of what is waited for; words that say "nothing" are left out.

    Where semicolons divide it, commas and "and" belong to titles.
    """
    text = " ".join(text.split())
    pieces = text.split(";") if ";" in text else _BETWEEN.split(text)
    parts = [part.strip(" .") for part in pieces]
    return [part for part in parts if part.casefold() not in _NOTHING]


def read_reference(text: str) -> Label | None:
    """Read "Task 1.2", "#3" or "phase 2"; None for a title."""
    found = _REFERENCE.fullmatch(" ".join(text.split()))
    return Label((found["word"] or "").casefold(), found["number"]) if found else None


def read_field(text: str) -> tuple[str, str] | None:
    """Read "Owner: Jo" as a name, in lower case, and its value."""
    found = _FIELD.fullmatch(" ".join(text.split()))
    return (found["name"].casefold().strip(), found["value"]) if found else None


def read_edges(text: str) -> Iterator[tuple[str, str]]:
    """Read "B depends on A" and "A -> B" as pairs of a dependent and what it waits for."""
    text = " ".join(text.split()).rstrip(".")
    for sign in ("\u2192", "->", "=>"):
        if sign in text:
            chain = [part.strip() for part in text.split(sign)]
            for needed, dependent in itertools.pairwise(chain):
                yield from ((dependent, one) for one in split_needed(needed))
            return
    found = _WAITING_PAIR.search(text)
    if found:
        dependent = text[: found.start()].strip(" :")
        yield from ((dependent, one) for one in split_needed(text[found.end() :]))


_WAITING_PAIR = re.compile(
    r" (?:depends? (?:up)?on|is blocked by|blocked by|requires|needs|waits for|comes after|"
    r"must follow|follows|after):? ",
    re.IGNORECASE,
)
