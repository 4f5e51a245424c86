"""A server that is away: asked again ever more rarely, and told of once when it goes and comes."""

import logging
import random
import threading
import time
from typing import Final

FIRST_SECONDS: Final = 0.25
LONGEST_SECONDS: Final = 5.0


class Outage:
    """What one process knows of one thing that may fail for a while."""

    def __init__(self, what: str, logger: logging.Logger) -> None:
        """Name what fails, as a log line begins."""
        self._what = what
        self._logger = logger
        self._lock = threading.Lock()
        self._since = 0.0
        self._again_at = 0.0
        self._delay = 0.0

    def lasts(self) -> bool:
        """Tell whether it is too early for another try."""
        return time.monotonic() < self._again_at

    def note(self, error: Exception) -> None:
        """Take a failed try down: the next is due after twice as long, less some chance."""
        with self._lock:
            now = time.monotonic()
            if not self._delay:
                self._since = now
                self._logger.warning("%s: %s Trying again until it works.", self._what, error)
            self._delay = min(max(self._delay * 2, FIRST_SECONDS), LONGEST_SECONDS)
            self._again_at = now + self._delay * random.uniform(0.5, 1)  # noqa: S311 - no secret

    def over(self) -> None:
        """Take a try down that worked."""
        if not self._delay:
            return
        with self._lock:
            lasted = time.monotonic() - self._since
            self._logger.warning("%s: works again after %.1f s.", self._what, lasted)
            self._delay = self._again_at = 0.0
