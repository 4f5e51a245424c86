"""A table of tasks as entries: rows with known columns, from a CSV file or from Markdown."""

from collections.abc import Iterable, Sequence

import msgspec

from app.domain.plan import Estimate
from decomposer.readers.findings import Findings
from decomposer.readers.remarks import Label, read_duration, read_remarks, split_needed
from decomposer.readers.written import Entry

_DONE = {
    "x",
    "yes",
    "true",
    "done",
    "complete",
    "completed",
    "finished",
    "closed",
    "\u2713",
    "100%",
}


class Row(msgspec.Struct, frozen=True):
    """The cells of one row and its place."""

    where: str
    cells: Sequence[str]


def entries_of(
    rows: Iterable[Row], kinds: dict[int, str], hours_per_day: float, findings: Findings
) -> list[Entry]:
    """Read rows as phases with tasks; rows without a phase join the one before.

    The first phase has an empty title where no row names one: the caller knows a better place.
    """
    phases: dict[str, Entry] = {}
    phase = task = None
    for row in rows:
        told = {
            kind: row.cells[place].strip()
            for place, kind in kinds.items()
            if place < len(row.cells)
        }
        name = told.get("phase", "") or (phase.title if phase else "")
        phase = phases.get(name) or _phase(name, row.where)
        phases[name] = phase
        if title := told.get("title", ""):
            entry = _entry(title, told, row.where, hours_per_day, findings)
            if (
                task is None
                or told.get("id")
                or not told.get("subtask")
                or task.title != entry.title
            ):
                task = entry
                phase.children.append(task)
        if step := told.get("subtask", ""):
            if task is None:
                findings.warn(
                    "broken-row", "A step before any task; the row was dropped.", row.where, step
                )
                continue
            task.children.append(Entry(row.where, step, place=len(task.children) + 1))
        elif not told.get("title") and any(told.values()):
            message = "The row names no task and was dropped."
            findings.warn("broken-row", message, row.where, " | ".join(row.cells))
    return list(phases.values())


def _phase(name: str, where: str) -> Entry:
    remarks = read_remarks(name, 1)
    return Entry(where, name, label=remarks.label if name else None)


def _entry(
    title: str, told: dict[str, str], where: str, hours_per_day: float, findings: Findings
) -> Entry:
    remarks = read_remarks(title, hours_per_day)
    label = Label("", told["id"]) if told.get("id") else remarks.label
    needed = remarks.needed + split_needed(told.get("needs", ""))
    return Entry(
        where,
        remarks.title,
        description=told.get("description", ""),
        label=label,
        estimate=_estimate(told, where, hours_per_day, findings) or remarks.estimate,
        role=told.get("role") or None,
        needed=needed,
        done=told.get("done", "").casefold() in _DONE,
    )


def _estimate(
    told: dict[str, str], where: str, hours_per_day: float, findings: Findings
) -> Estimate | None:
    for kind, unit in (("hours", " h"), ("days", " d"), ("effort", "")):
        text = told.get(kind, "")
        if not text or text in {"-", "\u2013"}:
            continue
        found = read_duration(text, hours_per_day) or read_duration(text + unit, hours_per_day)
        if found is None:
            findings.warn("unreadable-duration", "Not a duration that is known.", where, text)
        return found
    return None
