"""Values of any shape, laid out for people: facts, lists and tables instead of JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

import msgspec

MOST_ROWS: Final = 50
MOST_COLUMNS: Final = 8
DEEPEST: Final = 3


class Laid(msgspec.Struct, frozen=True):
    """A value as it is shown.

    ``kind`` is "text", "facts" (``rows`` of a name and a value), "list" (``rows`` of one value)
    or "table" (``rows`` of a text per column). ``more`` counts what is left out.
    """

    kind: str
    text: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    more: int = 0


def plain(value: Any) -> str:
    """Give a value as one text: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def laid_out(value: Any, depth: int = DEEPEST) -> Laid:
    """Lay a value out; what lies deeper than ``depth`` is shown as JSON.

    It is an agent's or a stranger's, so nothing about it is taken for granted.
    """
    if depth == 0 or not isinstance(value, dict | list) or not value:
        return Laid("text", text=plain(value))
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(value.items())  # pyright: ignore[reportUnknownArgumentType]
        rows = [(str(name), laid_out(one, depth - 1)) for name, one in pairs[:MOST_ROWS]]
        return Laid("facts", rows=rows, more=max(0, len(pairs) - MOST_ROWS))
    values: list[Any] = value
    shown, more = values[:MOST_ROWS], max(0, len(values) - MOST_ROWS)
    columns = _columns(shown) if len(shown) > 1 else ()
    if columns and _are_records(shown):
        cells = [[plain(row[name]) if name in row else "" for name in columns] for row in shown]
        return Laid("table", columns=columns, rows=cells, more=more)
    return Laid("list", rows=[(laid_out(one, depth - 1),) for one in shown], more=more)


def _are_records(values: Sequence[Any]) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return all(isinstance(one, dict) for one in values)


def _columns(values: Sequence[Any]) -> Sequence[str]:
    """Name the columns of records; none where they are too many to be read side by side."""
    if not _are_records(values):
        return ()
    names = tuple(dict.fromkeys(str(name) for row in values for name in row))
    return names if len(names) <= MOST_COLUMNS else ()
