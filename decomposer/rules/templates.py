"""Texts with gaps: ``{person}`` is what the text names, ``{person|somebody}`` has a way out.

Between the braces stand names, tried in order, and at last words to use where none is known;
``{topic? about }`` puts words before a value, and nothing where there is none. A text with a gap
that stays open is None: such a param is left out, and told as missing.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from decomposer.words import word_set

_GAP: Final = re.compile(r"\{([^{}]{1,200})\}")


def fill(text: str, values: Mapping[str, Any]) -> str | None:
    """Fill a text's gaps; None where one stays open."""
    open_gaps: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        value = _value(match[1], values)
        if value is None:
            open_gaps.append(match[1])
        return value or ""

    filled = _GAP.sub(value_of, text)
    return None if open_gaps else filled


def _value(gap: str, values: Mapping[str, Any]) -> str | None:
    name, optional, before = gap.partition("?")
    if optional:
        return f"{before}{values[name]}" if values.get(name) else ""
    *names, last = gap.split("|")
    for one in [*names, last]:
        if values.get(one):
            return str(values[one])
    return last if names and last not in values and not _is_source(last) else None


def _is_source(text: str) -> bool:
    return text in SOURCES


SOURCES: Final = word_set(
    "title description text object party person topic purpose criteria resources resources_people "
    "organization email phone url date amount place file files count language channel"
)
"""What a param may be filled from; a phrase's captures may have these names."""


def names_in(text: str) -> list[str]:
    """Name the sources a text cannot do without or prefers."""
    gaps = (match[1].partition("?")[0] for match in _GAP.finditer(text))
    return [gap.split("|")[0] for gap in gaps]
