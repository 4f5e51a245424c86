"""Days, as a plan's author estimated them, as working hours.

Phases have estimates of their own, often shorter than their longest task; they are never summed.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from app.domain.plan import Estimate, Phase
from decomposer.readers.findings import Findings
from decomposer.readers.index import PlanIndex
from decomposer.readers.shapes import convert

_FILE = "task_durations.json"
_MOST_DAYS = 36_500  # a century: what is longer is no estimate, and may be no float either
_DAYS = ("days_min", "days_realistic", "days_max")


class DurationRow(msgspec.Struct):
    """One estimate in whole calendar days; -1 means unknown. ``where`` is its place."""

    task_id: Any = None
    delay_risks: Any = None
    mitigation_strategy: Any = None
    days_min: Any = None
    days_max: Any = None
    days_realistic: Any = None
    where: Any = ""

    @property
    def days(self) -> list[Any]:
        """Shortest, realistic, longest, as written."""
        return [getattr(self, name) for name in _DAYS]

    @property
    def context(self) -> dict[str, str]:
        """What is told about delays, without what is not."""
        told = {"delay_risks": self.delay_risks, "mitigation": self.mitigation_strategy}
        return {name: str(text) for name, text in told.items() if text}


def duration_rows(document: object, findings: Findings) -> list[DurationRow]:
    """Read the duration file."""
    rows = convert(document, list[DurationRow], _FILE, findings) or []
    for index, row in enumerate(rows):
        row.where = f"{_FILE}[{index}]"
    return rows


def join_rows(
    rows: Iterable[DurationRow], index: PlanIndex, findings: Findings
) -> dict[str, DurationRow]:
    """Join rows to phases and tasks. Of several for one, the first counts."""
    joined: dict[str, DurationRow] = {}
    for row in rows:
        item_id = index.find(row.task_id)
        if item_id is None:
            message = "The duration names nothing in the plan and was dropped."
            suggestion = index.suggest(row.task_id)
            findings.warn("dangling-id", message, row.where, row.task_id, suggestion)
        elif item_id in joined:
            message = f"Another duration of {row.days} days; the first counts."
            findings.warn("duplicate-duration", message, row.where, row.task_id)
        else:
            joined[item_id] = row
    return joined


def note_missing(
    joined: dict[str, DurationRow], phases: Sequence[Phase], index: PlanIndex, findings: Findings
) -> None:
    """Tell which phases and tasks have no duration, where others have one."""
    for phase in phases if joined else ():
        for item_id in [phase.phase_id, *index.members[phase.phase_id]]:
            if item_id not in joined:
                message = f"No duration for {index.titles[item_id]!r}."
                findings.warn("missing-duration", message, index.places[item_id], item_id)


def estimates(
    joined: dict[str, DurationRow], hours_per_day: float, findings: Findings
) -> dict[str, Estimate]:
    """Turn days into hours, marked as derived. What is unknown stays unknown."""
    return {item_id: _estimate(row, hours_per_day, findings) for item_id, row in joined.items()}


def _estimate(row: DurationRow, hours_per_day: float, findings: Findings) -> Estimate:
    low, realistic, high = (hours_of(day, hours_per_day) for day in row.days)
    if any(_is_unreadable(day) for day in row.days):
        findings.warn("unreadable-duration", "Not a number of days.", row.where, row.days)
    elif any(day is not None and day < 0 for day in row.days):
        findings.warn("unknown-duration", "-1 stands for unknown.", row.where, row.days)
    known = [hours for hours in (low, realistic, high) if hours is not None]
    if known != sorted(known):
        message = "Shortest, realistic and longest days are not in that order."
        findings.warn("duration-order", message, row.where, row.days)
    return Estimate(low, realistic, high, derived=bool(known))


def _is_unreadable(day: object) -> bool:
    if day is None:
        return False
    return isinstance(day, bool) or not isinstance(day, int | float) or day > _MOST_DAYS


def hours_of(day: Any, hours_per_day: float) -> float | None:
    """Turn a number of days into hours; None for what is no number of days, or below 0."""
    return None if day is None or _is_unreadable(day) or day < 0 else day * hours_per_day


def note_short_phases(
    found: dict[str, Estimate],
    joined: dict[str, DurationRow],
    phases: Iterable[Phase],
    findings: Findings,
) -> None:
    """Tell where a phase is thought to take less time than one of its tasks."""
    for phase in phases:
        own = found.get(phase.phase_id, Estimate()).realistic_hours
        hours = [found.get(task.task_id, Estimate()).realistic_hours for task in phase.tasks]
        longest = max((hour for hour in hours if hour is not None), default=None)
        if own is not None and longest is not None and own < longest:
            message = f"{phase.name!r} is estimated shorter than its longest task."
            value = f"{own:g} h, longest task {longest:g} h"
            findings.warn("phase-estimate", message, joined[phase.phase_id].where, value)
