"""CSV: the table PlanExe exports beside its run, and tables of tasks with headings."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Plan
from decomposer.readers.assemble import assemble
from decomposer.readers.background import Background
from decomposer.readers.columns import COLUMNS, is_task_table, kinds_of
from decomposer.readers.findings import Findings
from decomposer.readers.outline import Item, Outline
from decomposer.readers.shapes import clean, decode_text
from decomposer.readers.source import PlanSource, ReadLimits
from decomposer.readers.table import Row, entries_of
from decomposer.readers.written import Numbered, edges_of, items_of, note_done, own_edges

_LEVEL = re.compile(r"level \d", re.IGNORECASE)
_DELIMITERS = ";,\t|"
_LEVELS = 4
_FIELDS = _LEVELS + 1
_MOST_LINES = 50


def looks_like_csv(data: bytes) -> bool:
    """Tell whether the first line is a row of headings that are known."""
    try:
        first = data[:10_000].decode("utf-8-sig", "ignore").lstrip().split("\n", 1)[0]
    except IndexError:  # pragma: no cover
        return False
    headings = _split(first, _delimiter(first))
    return len(headings) > 1 and (_is_wbs(headings) or is_task_table(kinds_of(headings)))


def read_csv(source: PlanSource, limits: ReadLimits, plan_id: str) -> Plan:
    """Read a CSV file.

    Raises:
        InvalidPlan: No heading is known, or no row names a task.
    """
    findings = Findings()
    text = str(clean(decode_text(source.data or b"", source.name), source.name, findings))
    lines = text.lstrip("\n\r ").splitlines()
    offset = text[: len(text) - len(text.lstrip("\n\r "))].count("\n")
    delimiter = _delimiter(lines[0] if lines else "")
    headings = _split(lines[0], delimiter) if lines else []
    if _is_wbs(headings):
        outline = _exported(lines[1:], delimiter, offset + 2, findings)
    elif is_task_table(kinds_of(headings)):
        outline = _table(lines, delimiter, limits, findings)
    else:
        _refuse(source.name, headings)
    if not outline.title.strip():
        outline.title = source.name.rsplit(".", 1)[0] or "Untitled plan"
        findings.warn("missing-title", "The plan has no title.", source.name, "", outline.title)
    message = "A table holds no risks, team, documents or gates."
    findings.warn("missing-context", message, source.name, "", "import the whole run")
    return assemble(outline, Background(), plan_id, "csv", limits, findings)


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _split(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"').strip() for cell in line.split(delimiter)]


def _is_wbs(headings: Sequence[str]) -> bool:
    return len(headings) == _FIELDS and all(_LEVEL.fullmatch(one) for one in headings[:_LEVELS])


def _refuse(name: str, headings: Sequence[str]) -> NoReturn:
    known = ", ".join(names[0] for names in COLUMNS.values())
    message = f"no column of tasks among {', '.join(map(repr, headings))[:200]}"
    text = f"{name} cannot be read: {message}. Headings that are known, among others: {known}."
    raise InvalidPlan(text, [Fault(f"{name}, line 1", message)])


def outline_from_export(data: bytes, name: str, findings: Findings) -> Outline:
    """Read the export where it stands in for the other files of a run.

    Raises:
        InvalidPlan: Its headings are others.
    """
    lines = str(clean(decode_text(data, name), name, findings)).splitlines()
    delimiter = _delimiter(lines[0] if lines else "")
    headings = _split(lines[0], delimiter) if lines else []
    if not _is_wbs(headings):
        _refuse(name, headings)
    return _exported(lines[1:], delimiter, 2, findings)


def _exported(lines: Iterable[str], delimiter: str, first: int, findings: Findings) -> Outline:
    """Read the export: a row per item, its title in the column of its level, its id last."""
    outline = Outline("", "", None, [])
    path: list[Item] = []
    for where, fields in _rows(lines, delimiter, first, findings):
        level, title, raw_id = _placed(fields, delimiter, where, findings)
        if level is None:
            continue
        item = Item(where, raw_id or None, title, children=[])
        if level == 0:
            if outline.title:
                message = "A second plan in the file; the row was dropped."
                findings.warn("broken-row", message, where, title)
                continue
            outline.title, outline.root_id = title, raw_id
        elif level > len(path) + 1:
            message = "The row has nothing above it and was dropped."
            findings.warn("broken-row", message, where, title)
        else:
            path = [*path[: level - 1], item]
            (path[level - 2].children if level > 1 else outline.phases).append(item)
    return outline


def _rows(
    lines: Iterable[str], delimiter: str, first: int, findings: Findings
) -> Iterator[tuple[str, list[str]]]:
    """Split lines into fields. A title with a line break goes on in the next line."""
    begun, start = "", first
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        whole = line.startswith(delimiter) and line.count(delimiter) >= _LEVELS
        if begun and (whole or number - start >= _MOST_LINES):
            # Before a whole row, or after too many lines, what was begun does not go on.
            _drop(begun, start, findings)
            begun = ""
        begun, start = (f"{begun}\n{line}", start) if begun else (line, number)
        fields = begun.split(delimiter)
        if len(fields) >= _FIELDS:
            if "\n" in begun:
                message = "The row goes over several lines; it was read as one."
                findings.warn("broken-row", message, f"line {start}", begun)
            yield f"line {start}", fields
            begun = ""
    if begun:
        _drop(begun, start, findings)


def _drop(begun: str, start: int, findings: Findings) -> None:
    message = "The row is not whole and was dropped."
    findings.warn("broken-row", message, f"line {start}", begun)


def _placed(
    fields: list[str], delimiter: str, where: str, findings: Findings
) -> tuple[int | None, str, str]:
    """Tell level, title and id of a row, also where the title itself holds delimiters."""
    *cells, raw_id = fields
    level = next((place for place, cell in enumerate(cells) if cell.strip()), None)
    if level is None or level >= _LEVELS:
        message = "The row has no title and was dropped."
        findings.warn("broken-row", message, where, delimiter.join(fields))
        return None, "", ""
    # After the title there is one empty field for each level below its own.
    last = len(cells) - (_LEVELS - 1 - level)
    title, after = delimiter.join(cells[level:last]), cells[last:]
    if any(cell.strip() for cell in after):
        title = delimiter.join(cells[level:]).rstrip(delimiter)
    if len(fields) > _FIELDS:
        message = "The title holds the character that divides the fields; it was read as one field."
        findings.warn("broken-row", message, where, delimiter.join(fields), title)
    return level, title.strip(), raw_id.strip()


def _table(lines: list[str], delimiter: str, limits: ReadLimits, findings: Findings) -> Outline:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        headings = next(reader)
        rows = [
            Row(f"line {reader.line_num}", cells)
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        where = f"line {reader.line_num}"
        raise InvalidPlan(f"{where} is no row: {error}.", [Fault(where, str(error))]) from error
    for row in rows:
        if len(row.cells) != len(headings):
            message = f"The row has {len(row.cells)} fields, the headings have {len(headings)}."
            findings.warn("broken-row", message, row.where, delimiter.join(row.cells))
    phases = entries_of(rows, kinds_of(headings), limits.hours_per_day, findings)
    for phase in phases:
        phase.title = phase.title or "Tasks"
    numbered = Numbered(phases)
    note_done(numbered, findings)
    outline = Outline("", "", None, items_of(phases, numbered))
    outline.edges = edges_of(own_edges(numbered), numbered, findings)
    return outline
