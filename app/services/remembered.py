"""What a process was told by the record and asks again only after a while."""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from app.record.errors import RecordUnavailable
from app.services.clock import Clock
from app.services.outage import Outage

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

logger = logging.getLogger(__name__)

LIFE: Final = dt.timedelta(seconds=15)
"""How old an answer may be while PostgreSQL is there: the price of asking it rarely."""


class Remembered(Generic[K, V]):
    """Answers by what was asked for. While PostgreSQL is away they hold, however old."""

    def __init__(self, what: str, most: int, clock: Clock) -> None:
        """Say what is remembered, as a log line begins, and how much at most."""
        self._outage = Outage(f"{what} cannot be looked up", logger)
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[K, tuple[dt.datetime, V]] = {}

    def get(self, key: K, ask: Callable[[], V | None]) -> V | None:
        """Give what is known, else what ``ask`` gives; None, which is not remembered, as well.

        Raises:
            RecordUnavailable: PostgreSQL is away, and this was never asked for here.
        """
        now, known = self._clock(), self._known.get(key)
        if known and (now - known[0] < LIFE or self._outage.lasts()):
            return known[1]
        try:
            found = ask()
        except RecordUnavailable as error:
            self._outage.note(error)
            if known is None:
                raise
            return known[1]
        self._outage.over()
        self._keep(key, now, found)
        return found

    def forget(self, key: K) -> None:
        """Ask anew next time."""
        with self._lock:
            self._known.pop(key, None)

    def _keep(self, key: K, now: dt.datetime, found: V | None) -> None:
        if found is None:
            self.forget(key)
            return
        with self._lock:
            if len(self._known) > self._most:
                self._known.clear()
            self._known[key] = (now, found)
