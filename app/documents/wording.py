"""How values are written in documents."""

import datetime as dt
from typing import Any, Final

import msgspec

LONGEST: Final = 2000
"""Characters of a result or message in a document; JSON has all of them."""

_MARKED: Final = frozenset("\\`*_[]<>#|&~")
_BEGINNING_A_LIST: Final = frozenset("-+=0123456789")


def moment(at: dt.datetime | None) -> str:
    """Write a time to the second, in UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""


def duration(seconds: float) -> str:
    """Write a duration with its two largest units."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= _TENTHS or not seconds else f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, less, small in _UNITS:
        if whole >= size:
            rest = whole % size // less
            return f"{whole // size} {name} {rest} {small}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def lateness(seconds: float | None) -> str:
    """Say how much later or earlier than planned something ended; empty where it has not."""
    if seconds is None:
        return ""
    told = duration(abs(seconds))
    return "as planned" if told == "0 s" else f"{told} {'later' if seconds > 0 else 'earlier'}"


_MINUTE: Final = 60
_TENTHS: Final = 10
_UNITS: Final = (
    (86_400, "d", 3600, "h"),
    (3600, "h", 60, "min"),
    (60, "min", 1, "s"),
)


def value(found: Any) -> str:
    """Write any JSON value, cut where it is very long."""
    if found is None:
        return ""
    return clip(found if isinstance(found, str) else msgspec.json.encode(found).decode())


def clip(text: str) -> str:
    """Cut a text that is too long for a document."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… (cut; the JSON has all of it)"


def who(actor: str | None) -> str:
    """Write an actor: ``agent:larry`` is larry, ``user:1`` is user 1."""
    kind, _, name = (actor or "").partition(":")
    return name if kind == "agent" and name else f"{kind} {name}".strip()


def number(amount: float) -> str:
    """Write a number with a narrow space between thousands and no needless digits."""
    text = f"{amount:,.0f}" if amount == int(amount) else f"{amount:,.4f}".rstrip("0")
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}")


def amount(found: float | None) -> str:
    """Write a number that may be missing."""
    return "none" if found is None else number(found)


def name_of(metric: str) -> str:
    """Write the name of a metric: ``human_minutes`` is Human minutes."""
    words = plain(metric).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def plural(count: int, one: str, many: str = "") -> str:
    """Write how many there are of something."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def link(address: object) -> str:
    """Give an address that may be linked; empty for any other."""
    text = str(address or "")
    return text if text.startswith(("https://", "http://")) else ""


def plain(text: str) -> str:
    """Put a text on one line and take out what a terminal would obey."""
    return "".join(one if one.isprintable() else " " for one in text)


def marked(text: str) -> str:
    """Write a text into a heading or a table's cell of Markdown, so that it reads as it stands."""
    return "".join(f"\\{one}" if one in _MARKED else one for one in plain(text))


def paragraph(text: str) -> str:
    """Write a text as a paragraph of Markdown: it begins no list and no rule."""
    line = marked(text).strip()
    return f"\N{WORD JOINER}{line}" if line[:1] in _BEGINNING_A_LIST else line
