"""Whether there is room for more: what begins work is refused before what ends it."""

from typing import Final

from app.live.pulse import Pulse
from app.services.errors import Full

NEW_UP_TO: Final = 0.80
ALL_UP_TO: Final = 0.92
"""The rest is for the workers, whose writing is what makes room again."""

_WAY_OUT: Final = (
    "Room comes back by itself when executions end and the log is recorded. If it does not, an "
    "operator must see that PostgreSQL and the worker run, or give Redis more memory (maxmemory)."
)


class CapacityService:
    """Refuses what would fill Redis. It asks nobody: the process keeps measuring."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def follow(self) -> None:
        """Begin to measure, once per process."""
        self._pulse.start()

    def stop(self) -> None:
        """Measure no more, for the end of the process."""
        self._pulse.stop()

    def admit_new(self) -> None:
        """Let pass what begins something: a plan, an execution, an upload.

        Raises:
            Full: Redis is too full for it.
        """
        self._refuse_above(NEW_UP_TO, "nothing new is begun")

    def admit(self) -> None:
        """Let pass what carries on with something: a report, a claim.

        Raises:
            Full: Redis is too full for that as well.
        """
        self._refuse_above(ALL_UP_TO, "reports and claims wait")

    def _refuse_above(self, limit: float, what: str) -> None:
        share = self._pulse.share()
        if share >= limit:
            raise Full(f"The memory of Redis is {share:.0%} full, so {what}. {_WAY_OUT}")
