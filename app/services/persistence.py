"""Writing the log into the record, in batches that may be repeated."""

import datetime as dt
import logging
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from app.domain.errors import DomainError
from app.live.errors import LiveError, LiveUnavailable
from app.live.executions import LiveExecutions
from app.live.locks import Locks
from app.live.log import Backlog, Log, LogEntry, reaches, written_at
from app.live.pulse import Pulse
from app.record.batches import BatchWriter
from app.record.errors import RecordError, RecordUnavailable
from app.services.batches import BatchSize, batch_of, seqs_of
from app.services.clock import Clock
from app.services.outage import Outage
from app.services.rounds import workspaces_of

logger = logging.getLogger(__name__)

LOCK: Final = "persist"
LOCK_LIFE: Final = dt.timedelta(seconds=15)
PAUSE_SECONDS: Final = 0.2
"""Between two looks at logs that have nothing new."""

TURN_SECONDS: Final = 0.25
"""How long one workspace is served before the next has its turn."""

LATE: Final = dt.timedelta(seconds=5)
"""A record that is so far behind is worth a line in the log."""

REFUSED_AT_MOST: Final = 20
"""Where so many events are refused and none goes in, it is not the events that are wrong."""

_REFUSALS: Final = (RecordError, DomainError, msgspec.MsgspecError, ValueError)


class _Sorting(msgspec.Struct):
    """What became of a batch: new events, how many went in, and those that never will."""

    new: int = 0
    taken: int = 0
    refused: list[tuple[LogEntry, Exception]] = []


class PersistenceService:
    """Moves events from Redis to PostgreSQL.

    States are read from Redis as they stand when the batch is written, so a row may be ahead of
    its events by what the next batch holds; it is never behind, and older states never overwrite.
    """

    def __init__(
        self,
        live: LiveExecutions,
        log: Log,
        writer: BatchWriter,
        locks: Locks,
        pulse: Pulse,
        shed_from: float,
        clock: Clock,
    ) -> None:
        """Take what it works with; from ``shed_from`` on, a share of 0 to 1, Redis is short."""
        self._live = live
        self._log = log
        self._writer = writer
        self._locks = locks
        self._pulse = pulse
        self._shed_from = shed_from
        self._clock = clock
        self._size = BatchSize()
        self._outage = Outage("the log is not recorded", logger)
        self._late: set[str] = set()

    def drain(self, workspace_id: str, lasting: dt.timedelta) -> int:
        """Write what there is and, for a time, what comes in; give the number of new events.

        Several at once do no harm; a lock only keeps them from doing the same work twice.

        Raises:
            RecordUnavailable: Try again; nothing is lost.
        """
        until = time.monotonic() + lasting.total_seconds()
        end = self._log.position(workspace_id)
        written = self._visit(workspace_id, end)
        while time.monotonic() < until:
            time.sleep(PAUSE_SECONDS)
            written += self._visit(workspace_id)
        return written

    def drain_shard(self, shard: int, shards: int, lasting: dt.timedelta) -> int:
        """Write what there is in one of so many shards and, for a time, what comes in.

        While PostgreSQL or Redis is away, most calls do nothing: it is asked ever more rarely.
        """
        until = time.monotonic() + lasting.total_seconds()
        written = 0
        try:
            while not self._outage.lasts():
                new = sum(self._visit(one) for one in self._waiting(shard, shards))
                written += new
                if new:
                    self._outage.over()
                if time.monotonic() >= until:
                    break
                if not new:
                    time.sleep(PAUSE_SECONDS)
        except (RecordError, LiveError) as error:
            self._outage.note(error)
        return written

    def backlog(self, workspace_id: str) -> Backlog:
        """Measure what of a workspace is not recorded."""
        return self._log.backlog(workspace_id)

    def mend(self) -> None:
        """Try again what was set aside, and where Redis is short of room let go of what it can."""
        for workspace_id in self._log.workspaces():
            self._retry_aside(workspace_id)
        if self._is_short():
            self.shed()

    def shed(self) -> int:
        """Trim recorded events of live executions; give the number of executions."""
        trimmed = 0
        for workspace_id, execution_ids in self._log.streams().items():
            seqs = {
                one: header.seq
                for one, header in self._live.headers(workspace_id, execution_ids).items()
            }
            # What was committed before this moment lies before this position.
            end = self._log.position(workspace_id)
            self._visit(workspace_id, end)
            if reaches(self._log.recorded_to(workspace_id), end):
                self._trim(workspace_id, seqs)
                trimmed += len(seqs)
        return trimmed

    def _waiting(self, shard: int, shards: int) -> list[str]:
        mine = workspaces_of(self._log, shard, shards)
        return self._log.waiting(mine) if mine else []

    def _visit(self, workspace_id: str, end: str = "") -> int:
        """Write what a workspace has: up to an entry, or for as long as its turn lasts."""
        try:
            if not self._locks.take(workspace_id, LOCK, LOCK_LIFE):
                return 0
        except LiveUnavailable:
            # A full Redis takes no lock, but gets room again by this alone. One that is away
            # refuses the next call as well.
            return self._follow(workspace_id, end)
        try:
            return self._follow(workspace_id, end)
        finally:
            self._locks.release(workspace_id, LOCK)

    def _follow(self, workspace_id: str, end: str) -> int:
        until = time.monotonic() + TURN_SECONDS
        position = self._log.recorded_to(workspace_id)
        written = 0
        while entries := self._log.unrecorded(
            workspace_id, position, self._size.most, self._size.most_bytes
        ):
            self._judge_lateness(workspace_id, entries[0])
            written += self._write(workspace_id, position, entries)
            position = entries[-1].entry_id
            if reaches(position, end) if end else time.monotonic() >= until:
                break
        return written

    def _write(self, workspace_id: str, position: str, entries: Sequence[LogEntry]) -> int:
        began = time.monotonic()
        sorting = _Sorting()
        self._sort(workspace_id, entries, sorting)
        for entry, error in sorting.refused:
            self._set_aside(workspace_id, entry, error)
        short = self._is_short()
        self._log.recorded(workspace_id, position, entries, tail=dt.timedelta() if short else None)
        if short:
            self._trim(workspace_id, seqs_of(entries))
        self._size.took(len(entries), time.monotonic() - began)
        return sorting.new

    def _sort(self, workspace_id: str, entries: Sequence[LogEntry], sorting: _Sorting) -> None:
        """Write entries; halve what is refused until the ones that are at fault stand alone."""
        try:
            sorting.new += self._writer.write(batch_of(self._live, workspace_id, entries))
            sorting.taken += len(entries)
        except RecordUnavailable:
            raise
        except _REFUSALS as error:
            if len(entries) > 1:
                half = len(entries) // 2
                self._sort(workspace_id, entries[:half], sorting)
                self._sort(workspace_id, entries[half:], sorting)
                return
            sorting.refused.append((entries[0], error))
            if len(sorting.refused) >= REFUSED_AT_MOST and not sorting.taken:
                raise RecordError(f"PostgreSQL refuses every event: {error}") from error

    def _set_aside(self, workspace_id: str, entry: LogEntry, error: Exception) -> None:
        (seq,) = seqs_of([entry]).values()
        self._log.set_aside(workspace_id, entry, seq)
        told = {"execution_id": entry.execution_id, "seq": seq}
        logger.error("an event cannot be recorded and is set aside: %s", error, extra=told)

    def _retry_aside(self, workspace_id: str) -> None:
        for execution_id, seq in self._log.aside(workspace_id):
            entry = self._log.aside_entry(workspace_id, execution_id, seq)
            if entry is None:
                continue
            try:
                self._writer.write(batch_of(self._live, workspace_id, [entry]))
            except RecordUnavailable:
                raise
            except _REFUSALS:
                continue  # It was told of when it was set aside.
            self._log.drop_aside(workspace_id, execution_id, seq)

    def _trim(self, workspace_id: str, seqs: dict[str, int]) -> None:
        """Trim streams of executions; not of those that have an event set aside."""
        whole = seqs.keys() - {one for one, _ in self._log.aside(workspace_id)}
        self._log.trim(workspace_id, {one: seqs[one] for one in whole})

    def _is_short(self) -> bool:
        return self._pulse.share() >= self._shed_from

    def _judge_lateness(self, workspace_id: str, oldest: LogEntry) -> None:
        behind = self._clock() - written_at(oldest.entry_id)
        told = {"workspace_id": workspace_id}
        if behind > LATE and workspace_id not in self._late:
            self._late.add(workspace_id)
            logger.warning("the record is %.1f s behind", behind.total_seconds(), extra=told)
        elif behind <= LATE and workspace_id in self._late:
            self._late.discard(workspace_id)
            logger.warning("the record has caught up", extra=told)
