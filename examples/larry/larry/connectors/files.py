"""Directories kept as CSV files."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from larry.ports import Hit, Place, Refused

_KNOWN: Final = frozenset(each.name for each in fields(Place)) - {"extra", "rating"}


class FilePlaces:
    """A directory of places in a file with the columns of a place; further ones are kept too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def search(self, query: str, near: str = "", limit: int = 20) -> Sequence[Place]:
        """Find places, best match first.

        Raises:
            Refused: The file cannot be read.
        """
        rows = [row for row in _rows(self._path) if not near or _is_near(row, near)]
        return [_place(row, number) for number, row in _best(query, rows)][:limit]


class FileSearch:
    """A search engine for the pages in a file with the columns title, url and snippet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def search(self, query: str, limit: int = 10) -> Sequence[Hit]:
        """Find pages, best match first.

        Raises:
            Refused: The file cannot be read.
        """
        found = [row for _, row in _best(query, _rows(self._path))]
        hits = (
            Hit(row.get("title", ""), row.get("url", ""), row.get("snippet", "")) for row in found
        )
        return list(hits)[:limit]


def _rows(path: Path) -> list[Mapping[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            return [{k: v for k, v in row.items() if k and isinstance(v, str)} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{path} cannot be read: {error}") from error


def _best(query: str, rows: Iterable[Mapping[str, str]]) -> list[tuple[int, Mapping[str, str]]]:
    """Sort rows by how many words of a query they hold, leaving out those that hold none."""
    asked = _words(query)
    scored = [
        (len(asked & _words(" ".join(row.values()))), number, row)
        for number, row in enumerate(rows, 1)
    ]
    found = [one for one in scored if one[0] or not asked]
    return [(number, row) for _, number, row in sorted(found, key=lambda one: (-one[0], one[1]))]


def _words(text: str) -> set[str]:
    return {_singular(word) for word in re.findall(r"\w+", text.lower())}


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word  # noqa: PLR2004 - "gas"


def _is_near(row: Mapping[str, str], near: str) -> bool:
    place = f"{row.get('town', '')} {row.get('address', '')}"
    return bool(_words(near) & _words(place))


def _place(row: Mapping[str, str], number: int) -> Place:
    known = {name: row[name] for name in _KNOWN if row.get(name)}
    extra = {name: value for name, value in row.items() if name not in _KNOWN | {"rating"}}
    named = {"place_id": f"row-{number}", "name": "", **known}
    return Place(**named, rating=_rating(row.get("rating", "")), extra=extra)


def _rating(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
