"""Which fault comes when: every kind once in a drawn order, then drawn ones while there is time."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.faults import FAULTS, Fault

FULL_MINUTES: Final = 8.0
"""From here on every fault lasts as long as it should."""


@dataclass(frozen=True)
class Budget:
    """How long a run may take, and how much of that the end of it needs."""

    minutes: float

    @property
    def is_short(self) -> bool:
        """Whether only the important kinds fit."""
        return self.minutes < FULL_MINUTES / 2

    @property
    def reserve_s(self) -> float:
        """What is kept for carrying out the rest, and for the proof."""
        return min(60.0, 10 + self.minutes * 5)

    def hold_s(self, fault: Fault) -> float:
        """How long a fault lasts in such a run."""
        scaled = fault.hold_s * self.minutes / FULL_MINUTES
        return min(fault.hold_s, max(fault.shortest_s, scaled)) if fault.hold_s else 0


def choose(names: Sequence[str], budget: Budget) -> list[Fault]:
    """Choose the kinds of fault for a run.

    Raises:
        ValueError: There is no fault of a name; the message lists them.
    """
    known = {fault.name: fault for fault in FAULTS}
    if strange := set(names) - set(known):
        raise ValueError(f"No fault {sorted(strange)}; there are: {', '.join(known)}.")
    if names:
        return [known[name] for name in names]
    return [fault for fault in FAULTS if fault.in_short_runs or not budget.is_short]


def draw(
    faults: Sequence[Fault], budget: Budget, chance: random.Random, deadline_s: float
) -> Iterator[Fault]:
    """Yield faults until there is no time for another; ``deadline_s`` on the monotonic clock."""

    def fits(fault: Fault) -> bool:
        return budget.hold_s(fault) + fault.around_s <= deadline_s - time.monotonic()

    first = list(faults)
    chance.shuffle(first)
    yield from filter(fits, first)
    while fitting := [fault for fault in faults if fits(fault)]:
        yield chance.choice(fitting)
