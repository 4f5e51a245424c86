"""HTML of strangers as a tree."""

import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser

_DEEPEST: Final = 2_000
_TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_ENDLESS: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
    | {"dd", "dt", "li", "option", "p", "tbody", "td", "tfoot", "th", "thead", "tr", "track"}
)
"""Elements that need no end tag, and do not hold others of their kind without one that does."""


def tree_of(html: str) -> LexborHTMLParser:
    """Read a page up to where it nests deeper than any page of a person's does.

    The parser takes a time that grows with the square of the depth, and holds all threads up: two
    megabytes of ``<div>`` are minutes, in which no heartbeat leaves.
    """
    return LexborHTMLParser(html[: _end(html)])


def _end(html: str) -> int:
    depth = 0
    for tag in _TAG.finditer(html):
        if tag[2].lower() not in _ENDLESS:
            depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > _DEEPEST:
            return tag.start()
    return len(html)
