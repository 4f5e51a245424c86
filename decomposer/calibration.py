"""Confidence against what came of it: was 0.8 right eight times out of ten?

Pure: outcomes go in, numbers come out.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

BUCKETS: Final = 10
GIVEN: Final = "given"
"""The strategy that predicts nothing: the plan brought the subtasks itself."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one task's breakdown in one execution that has ended.

    ``smooth`` subtasks were completed without a retry, and without a person's help that was not
    planned: an approval, a human task and a wait for the outside world are as planned.
    """

    confidence: float
    strategy: str
    subtasks: int
    smooth: int

    @property
    def came_true(self) -> bool:
        """Tell whether the whole task went as it was broken down."""
        return self.smooth == self.subtasks


class Bucket(msgspec.Struct, frozen=True):
    """The tasks whose confidence lies from ``low`` up to, not including, ``high``."""

    low: float
    high: float
    tasks: int
    predicted: float
    tasks_smooth: float
    subtasks_smooth: float


class Calibration(msgspec.Struct, frozen=True):
    """Predicted against actual. ``brier`` is 0 at best, 0.25 for always saying one half.

    It is None where nothing was predicted yet. ``given`` tasks are counted and not judged;
    ``archived`` executions are counted and not read.
    """

    tasks: int
    given: int
    archived: int
    brier: float | None
    buckets: list[Bucket]


def calibrate(outcomes: Sequence[Outcome], archived: int = 0) -> Calibration:
    """Compare confidence with outcomes, by tenths and as a Brier score over the tasks."""
    judged = [one for one in outcomes if one.strategy != GIVEN and one.subtasks]
    by_tenth: dict[int, list[Outcome]] = {}
    for one in judged:
        tenth = min(BUCKETS - 1, max(0, int(round(one.confidence * 100) * BUCKETS // 100)))
        by_tenth.setdefault(tenth, []).append(one)
    errors = [(one.confidence - one.came_true) ** 2 for one in judged]
    return Calibration(
        tasks=len(judged),
        given=sum(one.strategy == GIVEN for one in outcomes),
        archived=archived,
        brier=round(sum(errors) / len(errors), 4) if errors else None,
        buckets=[_bucket(tenth, by_tenth[tenth]) for tenth in sorted(by_tenth)],
    )


def _bucket(tenth: int, found: Sequence[Outcome]) -> Bucket:
    count = len(found)
    return Bucket(
        low=tenth / BUCKETS,
        high=(tenth + 1) / BUCKETS,
        tasks=count,
        predicted=round(sum(one.confidence for one in found) / count, 4),
        tasks_smooth=round(sum(one.came_true for one in found) / count, 4),
        subtasks_smooth=round(
            sum(one.smooth for one in found) / sum(one.subtasks for one in found), 4
        ),
    )
