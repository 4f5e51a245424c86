"""Back-off between attempts."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_random = random.SystemRandom()


@dataclass(frozen=True)
class Backoff:
    """Exponential back-off with full jitter, so that many agents do not return all at once.

    See "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    base_seconds: float = 0.5
    cap_seconds: float = 30.0

    def delays(self) -> Iterator[float]:
        """Yield the delay in seconds before each further attempt, without end."""
        for attempt in itertools.count():
            ceiling = min(self.cap_seconds, self.base_seconds * 2 ** min(attempt, 32))
            yield _random.uniform(0.0, ceiling)
