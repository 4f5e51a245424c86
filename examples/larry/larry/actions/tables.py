"""Tables kept as CSV."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from planexe_agent import Task

from larry import folder as files
from larry.folder import Row, WorkFolder, slug
from larry.people import name_of, narrowed, top_of
from larry.tools import Result, Tools, count_of, gathered, identity, results

_PAGE: Final = "tables"
_SHOWN: Final = 10
_SOURCES: Final = ("places", "rows", "websites", "calls", "replies", "sent")
_KEYS: Final = ("place_id", "email", "phone", "name")
_LEFT_OUT: Final = ("checks", "transcript", "message_id", "in_reply_to")


class Tables:
    """The action that keeps tables."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    @files.alone
    def manage_csv(
        self,
        task: Task,
        content: str = "",
        file: str = "",
        rows: int | Sequence[Mapping[str, Any]] | None = None,
        source: str = "",
        sort_by: str = "",
        descending: bool = True,
        where: Mapping[str, Any] | None = None,
        top: int | None = None,
    ) -> Result:
        """Create, fill or change a table kept as CSV with what came before.

        Args:
            task: Its results so far are the rows.
            content: What the rows are.
            file: The file; by default the newest table, or one named for its content.
            rows: Rows as they are, or how many are wanted at least.
            source: Another table to begin with.
            sort_by: A column; numbers are compared as such.
            descending: Largest first.
            where: Columns and their values.
            top: How many rows to leave; else as ``content`` says: "the top ten".
        """
        folder = self._tools.folder(task)
        name = _named(file) or _newest(folder) or f"{slug(content, 'table')}.csv"
        is_new = name not in folder.tables()
        before = self._before(task, source or name, is_new=is_new and not source)
        given = [] if rows is None or isinstance(rows, int | str) else list(rows)
        found = [*given, *_hits(task), *(one for key in _SOURCES for one in gathered(task, key))]
        table = merged(before, [_flat(one) for one in found])
        for column in [sort_by] if sort_by else reversed(_order(task)):
            table = ordered(table, column, descending=descending)
        table = narrowed(table, {"where": where or {}, "top": top or top_of(content)})
        known = self._known(task, name, 0 if is_new else len(before))
        link = self._tools.keep(folder.write_rows(name, table))
        wanted = count_of(rows, 0) if isinstance(rows, int | str) else 0
        result: Result = {"file": name, "rows": len(table), "evidence": [link]}
        result["first"] = [name_of(row) for row in table[:_SHOWN]]
        # Named like the file; what was in it before was told before.
        result["metrics"] = {slug(PurePath(name).stem, "rows"): max(0, len(table) - known)}
        if wanted:
            result |= {"wanted": wanted, "missing": max(0, wanted - len(table))}
        return {**result, "columns": list(table[0]) if table else []}

    def _known(self, task: Task, name: str, rows: int) -> int:
        """Tell how many rows there were before this task, also where it is repeated."""
        key = identity(task, "table", name)
        if self._tools.notebook.get(_PAGE, key) is None:
            self._tools.notebook.put(_PAGE, key, rows)
        return int(self._tools.notebook.get(_PAGE, key))

    def _before(self, task: Task, name: str, *, is_new: bool) -> list[Row]:
        """Give what the table holds; one that is new takes after the newest, where nothing came."""
        folder = self._tools.folder(task)
        if not is_new:
            return folder.rows(name)
        came = any(gathered(task, key) for key in (*_SOURCES, "hits"))
        newest = _newest(folder)
        return folder.rows(newest) if newest and not came else []


def merged(before: Sequence[Row], found: Sequence[Row]) -> list[Row]:
    """Join rows that are of the same: later values replace, empty ones do not."""
    table = [dict(row) for row in before]
    for row in found:
        known = next((one for one in table if _same(one, row)), None)
        if known is None:
            table.append(dict(row))
        else:
            known.update({column: value for column, value in row.items() if value})
    return table


def ordered(rows: Sequence[Row], column: str, *, descending: bool) -> list[Row]:
    """Sort rows by a column; those without a value come last."""
    filled = [row for row in rows if row.get(column)]
    empty = [row for row in rows if not row.get(column)]
    return sorted(filled, key=lambda row: _rank(row[column]), reverse=descending) + empty


def _same(one: Row, other: Row) -> bool:
    for key in _KEYS:
        if one.get(key) and other.get(key):
            return one[key].strip().lower() == other[key].strip().lower()
    return False


def _rank(value: str) -> tuple[int, float, str]:
    try:
        return (1, float(value.replace(",", "")), "")
    except ValueError:
        return (0, 0.0, value.lower())


def _flat(found: Mapping[str, Any]) -> Row:
    row = {
        str(column): "" if value is None else str(value)
        for column, value in found.items()
        if column not in _LEFT_OUT and not isinstance(value, dict | list)
    }
    if "to" in row:
        row["email"] = row.pop("to")
    return row


def _hits(task: Task) -> list[dict[str, Any]]:
    """Give what a web search found in the columns of a table."""
    return [
        {"name": hit.get("title", ""), "website": hit.get("url", ""), "notes": hit.get("snippet")}
        for hit in gathered(task, "hits")
    ]


def _order(task: Task) -> Sequence[str]:
    """Name the columns by which what came before is to be put in order, the first one first."""
    return [str(one) for result in results(task) for one in result.get("order_by", ())]


def _named(file: str) -> str:
    return file if not file or file.lower().endswith(".csv") else f"{file}.csv"


def _newest(folder: WorkFolder) -> str:
    return next(iter(folder.tables()), "")
