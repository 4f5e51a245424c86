"""Going round the workspaces of a shard, so that a thousand idle ones cost what one costs."""

import logging
import zlib

from app.live.errors import LiveError
from app.live.log import Log
from app.live.timers import Timers
from app.record.errors import RecordError
from app.services.clock import Clock
from app.services.outage import Outage
from app.services.upkeep import UpkeepService

logger = logging.getLogger(__name__)


def workspaces_of(log: Log, shard: int, shards: int) -> list[str]:
    """Name the workspaces of one of so many shards; the same ones in every process."""
    return [one for one in log.workspaces() if zlib.crc32(one.encode()) % shards == shard]


class SweepRounds:
    """Sweeps the workspaces of a shard in which a timer is due."""

    def __init__(self, log: Log, timers: Timers, upkeep: UpkeepService, clock: Clock) -> None:
        self._log = log
        self._timers = timers
        self._upkeep = upkeep
        self._clock = clock
        self._outage = Outage("due timers are not all carried out", logger)

    def sweep(self, shard: int, shards: int) -> int:
        """Carry out due timers, also where one workspace's fail; give how many it did."""
        try:
            due = self._timers.with_due(workspaces_of(self._log, shard, shards), self._clock())
        except LiveError as error:
            self._outage.note(error)
            return 0
        failures = [failure for one in due if (failure := self._sweep(one))]
        if failures:
            self._outage.note(failures[0])
        elif due:
            self._outage.over()
        return len(due) - len(failures)

    def _sweep(self, workspace_id: str) -> Exception | None:
        try:
            self._upkeep.sweep(workspace_id)
        except (LiveError, RecordError) as error:
            return error
        return None
