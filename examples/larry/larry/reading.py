"""What people say, read by simple rules: whether they are interested, and when they have time."""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Final

YES: Final = "yes"
NO: Final = "no"
UNCLEAR: Final = "unclear"

_NO_WORDS: Final = re.compile(
    r"\b(not interested|no thanks?|no,? thank you|not for (?:me|us)|stop (?:calling|writing)"
    r"|don'?t (?:call|write|need|want)|not now|unsubscribe|remove me|we are fine)\b",
    re.IGNORECASE,
)
_YES_WORDS: Final = re.compile(
    r"\b(interested|tell me more|send me|let'?s talk|sounds (?:good|great|interesting)|yes"
    r"|love to|happy to|when can|call me|deal|agreed|go ahead|sure)\b",
    re.IGNORECASE,
)
_CLOSED: Final = re.compile(r"\b(agreed|signed|accepted|it(?:'| i)s a deal)\b", re.IGNORECASE)
_SUM: Final = r"(\d{1,3}(?:,\d{3})+(?:\.\d\d)?|\d{1,9}(?:\.\d\d)?)"
_DOLLARS: Final = re.compile(rf"\$\s?{_SUM}|\b{_SUM} (?:dollars|usd)\b", re.IGNORECASE)
_DAYS: Sequence[str] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_DAY: Final = re.compile(rf"\b({'|'.join(_DAYS)})\b", re.IGNORECASE)
_TIME: Final = re.compile(
    r"\b(\d{1,2})(?::(\d\d))?\s*([ap]\.?m\.?)\b|\b(\d{1,2}):(\d\d)\b", re.IGNORECASE
)
_MONTHS: Sequence[str] = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONTH_DAY: Final = re.compile(rf"\b{_MONTH}\.? (?P<day>\d{{1,2}})\b", re.IGNORECASE)
_DAY_MONTH: Final = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th)?(?: of)? {_MONTH}\b", re.IGNORECASE
)
_DATE: Final = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d)?")
_QUOTED: Final = re.compile(r"^(>.*|On .{5,200} wrote:|-+ ?Original Message ?-+)$", re.IGNORECASE)
_NOON: Final = 12
_USUAL_HOUR: Final = 10


def interest(text: str) -> str:
    """Tell whether somebody is interested: ``yes``, ``no`` or ``unclear``.

    Who proposes a time is.
    """
    if _NO_WORDS.search(text):
        return NO
    proposes = _DAY.search(text) and _TIME.search(text)
    return YES if proposes or _YES_WORDS.search(text) else UNCLEAR


def deal(text: str) -> float | None:
    """Read for how much somebody closes a deal; None where none is closed, or no sum is said."""
    amount = _DOLLARS.search(text) if _CLOSED.search(text) else None
    return float((amount[1] or amount[2]).replace(",", "")) if amount else None


def own_words(body: str) -> str:
    """Leave out of a letter what it quotes."""
    kept: list[str] = []
    for line in body.replace("\r\n", "\n").split("\n"):
        if _QUOTED.match(line.strip()):
            if not line.startswith(">"):
                break
            continue
        kept.append(line)
    return "\n".join(kept).strip()


def appointment(text: str, today: dt.datetime) -> dt.datetime | None:
    """Find the time that a text proposes, after ``today``; None where it names none.

    Understands a date as ``2026-12-03 14:00``, a weekday as "Thursday 2 PM" (the next one), and
    what else names a month.
    """
    date = _DATE.search(text)
    if date:
        found = _iso(date[0], today)
        return found if found is None or ":" in date[0] else _at(found, _USUAL_HOUR)
    day = _DAY.search(text)
    if day:
        ahead = (_DAYS.index(day[1].lower()) - today.weekday() - 1) % 7 + 1
        return _at_time(today + dt.timedelta(days=ahead), text)
    return _written(text, today)


def _at_time(day: dt.datetime, text: str) -> dt.datetime:
    found = _TIME.search(text)
    if not found:
        return _at(day, _USUAL_HOUR)
    if found[4]:
        hour, minute = int(found[4]), int(found[5])
    else:
        later = _NOON if found[3].lower().startswith("p") else 0
        hour, minute = int(found[1]) % _NOON + later, int(found[2] or 0)
    return _at(day, min(hour, 23), min(minute, 59))


def _written(text: str, today: dt.datetime) -> dt.datetime | None:
    """Read "December 3" or "3 Dec", the next one there is."""
    found = _MONTH_DAY.search(text) or _DAY_MONTH.search(text)
    if not found:
        return None
    named = found.groupdict()
    month = _MONTHS.index(named["month"][:3].lower()) + 1
    for year in (today.year, today.year + 1):
        day = _iso(f"{year}-{month:02}-{int(named['day']):02}", today)
        if day is not None and day.date() >= today.date():
            return _at_time(day, text)
    return None


def _iso(text: str, today: dt.datetime) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=today.tzinfo)


def _at(day: dt.datetime, hour: int, minute: int = 0) -> dt.datetime:
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)
