"""How fast the simulated world goes."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds of the world against real ones.

    Attributes:
        speed: Seconds of the world in a real second.
        now: Real time, in seconds since 1970: what is due has to survive a restart.
    """

    speed: float = 1.0
    now: Callable[[], float] = time.time

    def after(self, world_seconds: float) -> float:
        """Give the real time at which so many seconds of the world have passed from now."""
        return self.now() + world_seconds / self.speed
