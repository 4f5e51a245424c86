"""What data mean: the rows of a table scored as prospects."""

from collections.abc import Mapping
from typing import Final

from planexe_agent import NeedsHuman, Task

from larry.people import name_of
from larry.tools import Result, Tools

_LOVED: Final = 4.5
_BUSY: Final = 40
_WEAK: Final = 50
_KEYS: Final = ("name", "place_id", "email", "phone")


class Analysis:
    """The action that works out what a table tells."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def analyze_data(self, task: Task, question: str = "", file: str = "") -> Result:
        """Score the rows of a table from 1 to 5: who can be reached, does well, and needs help."""
        folder = self._tools.folder(task)
        table = file or next(iter(folder.tables()), "")
        if not table:
            raise NeedsHuman(f"Which table tells {question or task.title}?")
        rows = [scored(row) for row in folder.rows(table)]
        best = [name_of(row) for row in rows if row["points"] == "5"]
        counts = {str(n): sum(row["points"] == str(n) for row in rows) for n in range(1, 6)}
        order = {"order_by": ["points", "reviews"]}
        return {"file": table, "rows": rows, "best": best, "counts": counts, **order}


def scored(row: Mapping[str, str]) -> dict[str, str]:
    """Give a row its points and the reasons for them, with what it is known by."""
    found = [name for name, holds in _facts(row).items() if holds]
    known = {key: row[key] for key in (*_KEYS, "contact") if row.get(key)}
    return {**known, "points": str(max(1, len(found))), "why": ", ".join(found)}


def _facts(row: Mapping[str, str]) -> Mapping[str, bool]:
    site = row.get("website_score", "")
    return {
        "can be called": bool(row.get("phone")),
        "can be written to": bool(row.get("email")),
        "is well rated": _number(row.get("rating", "")) >= _LOVED,
        "has many reviews": _number(row.get("reviews", "")) >= _BUSY,
        "has a weak website": bool(site) and _number(site) < _WEAK,
    }


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
