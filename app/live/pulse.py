"""What every process keeps asking Redis: the time, so that all share one clock, and its room.

Leases, timers and ``recorded_at`` are compared between processes, on machines whose clocks may be
minutes apart. So all of them go by the clock of Redis. A thread measures it, off the path of any
request; in between, and while Redis is away, the machine's steady clock carries it on.
"""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import redis

logger = logging.getLogger(__name__)

EVERY: Final = dt.timedelta(seconds=1)
SLOWEST: Final = dt.timedelta(seconds=1)
"""A round trip that took longer tells too little of the time; its half is what it may be off."""


class _Sample(msgspec.Struct, frozen=True):
    """What Redis' clock said at a point of this process's steady clock, in seconds."""

    redis_time: float
    steady: float


class Pulse:
    """Follows the time and the memory of Redis, for one process."""

    def __init__(
        self,
        client: redis.Redis,
        steady: Callable[[], float] = time.monotonic,
        machine: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._steady = steady
        # Until Redis has answered once, there is nothing better than the machine's own time.
        self._sample = _Sample(machine(), steady())
        self._latest = 0.0
        self._share = 0.0
        self._asked = False
        self._measured = False
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Measure now, and from now on in a thread; call it once per process, after any fork."""
        self.measure()
        threading.Thread(target=self._follow, name="pulse", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def now(self) -> dt.datetime:
        """Give the time by Redis' clock; within a process it never goes back."""
        if not self._asked:
            self.measure()
        with self._lock:
            reached = self._sample.redis_time + self._steady() - self._sample.steady
            self._latest = max(self._latest, reached)
            return dt.datetime.fromtimestamp(self._latest, dt.UTC)

    def share(self) -> float:
        """Tell how full Redis was when it was last asked: 0 to 1, of its limit or its machine."""
        return self._share

    def measure(self) -> None:
        """Ask Redis; where it does not answer, what was known stays."""
        self._asked = True
        pipeline = self._client.pipeline(transaction=False)
        pipeline.time()
        pipeline.info("memory")
        before = self._steady()
        try:
            told, memory = pipeline.execute()
        except redis.RedisError:
            return  # Who needs Redis finds out, and says so.
        after = self._steady()
        self._share = _share(memory)
        if after - before <= SLOWEST.total_seconds():
            self._adopt(_Sample(told[0] + told[1] / 1e6, (before + after) / 2))

    def _adopt(self, sample: _Sample) -> None:
        with self._lock:
            self._sample = sample
            if not self._measured:
                # Nothing was committed by the machine's own time, so it may have been ahead.
                self._measured, self._latest = True, 0.0

    def _follow(self) -> None:
        while not self._stopped.wait(EVERY.total_seconds()):
            try:
                self.measure()
            except Exception:  # The edge of the thread: without it the clock would drift away.
                logger.exception("pulse: Redis gave an answer that cannot be read")


def _share(memory: dict[str, Any]) -> float:
    limit = memory.get("maxmemory") or memory.get("total_system_memory") or 0
    return memory["used_memory"] / limit if limit else 0.0
