"""What came out of an execution in numbers: targets of the plan, metrics of agents, people's time.

An agent reports ``output_data.metrics: {name: number}`` with a result. What several subtasks
report under one name is added up.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from app.domain.events import Event
from app.domain.plan import Target

HUMAN_MINUTES: Final = "human_minutes"
"""The metric that is counted from people's answers, whatever agents say."""

ESTIMATED_MINUTES: Final = 5.0
"""What an answer counts for where the person does not say how long it took."""

MOST_METRICS: Final = 100
"""Names that are told; what agents report beyond that is left out."""

LONGEST_NAME: Final = 100


class Outcome(msgspec.Struct, frozen=True):
    """A metric: what the plan wanted of it, if anything, and what was reported, if anything."""

    metric: str
    unit: str
    target: float | None
    result: float | None


class Attention:
    """Adds up the time that people gave: what one does at one moment is one answer."""

    def __init__(self) -> None:
        self._answers: dict[tuple[dt.datetime, str], float | None] = {}

    def note(self, event: Event) -> None:
        """Take an event that a person made; ``data.minutes`` is what they stated."""
        answer = event.recorded_at, event.actor
        stated = event.data.get("minutes")
        if stated is not None or answer not in self._answers:
            self._answers[answer] = stated

    @property
    def answers(self) -> int:
        """How often somebody was needed."""
        return len(self._answers)

    @property
    def minutes(self) -> float:
        """What people stated, and the estimate for each answer without a statement."""
        given = self._answers.values()
        return sum(ESTIMATED_MINUTES if one is None else one for one in given)


def metrics_of(results: Iterable[Any]) -> dict[str, float]:
    """Add up what results report; anything that is no finite number is passed over."""
    found: dict[str, float] = {}
    for result in results:
        metrics = cast("Any", result).get("metrics") if isinstance(result, dict) else None
        if isinstance(metrics, dict):
            _add(found, cast("Mapping[str, Any]", metrics))
    return found


def _add(found: dict[str, float], metrics: Mapping[str, Any]) -> None:
    for name, amount in metrics.items():
        known = name in found or (len(found) < MOST_METRICS and len(name) <= LONGEST_NAME)
        if known and _is_number(amount):
            found[name] = found.get(name, 0) + amount


def _is_number(amount: Any) -> bool:
    is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
    return is_number and abs(amount) < 1e15 and math.isfinite(amount)  # noqa: PLR2004 exact as float


def outcomes_of(
    targets: Sequence[Target], reported: Mapping[str, float], attention: Attention
) -> list[Outcome]:
    """Hold what was reported against the targets, in the plan's order, the others behind.

    People's minutes stand last where the plan names no target for them, and only beside others.
    """
    results = {name: amount for name, amount in reported.items() if name != HUMAN_MINUTES}
    if targets or results:
        results[HUMAN_MINUTES] = attention.minutes
    rows = [Outcome(one.metric, one.unit, one.target, results.get(one.metric)) for one in targets]
    wanted = {one.metric for one in targets}
    rows += [
        Outcome(name, "min" if name == HUMAN_MINUTES else "", None, amount)
        for name, amount in results.items()
        if name not in wanted
    ]
    return rows
