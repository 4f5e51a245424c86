"""Writing the log into the record, in batches that may be repeated."""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Final

from app.domain.events import parse_event
from app.live.executions import LiveExecutions
from app.live.locks import Locks
from app.live.log import Log, LogEntry
from app.record.batches import Batch, BatchWriter, LoggedEvent, SubtaskRow, TaskRow

BATCH: Final = 2000
LOCK: Final = "persist"
LOCK_LIFE: Final = dt.timedelta(seconds=15)
WAIT: Final = dt.timedelta(milliseconds=250)


class PersistenceService:
    """Moves events from Redis to PostgreSQL.

    States are read from Redis as they stand when the batch is written, so a row may be ahead of
    its events by what the next batch holds; it is never behind, and older states never overwrite.
    """

    def __init__(self, live: LiveExecutions, log: Log, writer: BatchWriter, locks: Locks) -> None:
        self._live = live
        self._log = log
        self._writer = writer
        self._locks = locks

    def drain(self, workspace_id: str, lasting: dt.timedelta) -> int:
        """Write what there is and, for a time, what comes in; give the number of new events.

        Several at once do no harm; a lock only keeps them from doing the same work twice.
        """
        if not self._locks.take(workspace_id, LOCK, LOCK_LIFE):
            return 0
        try:
            return self._drain(workspace_id, time.monotonic() + lasting.total_seconds())
        finally:
            self._locks.release(workspace_id, LOCK)

    def _drain(self, workspace_id: str, until: float) -> int:
        written = 0
        while entries := self._log.unrecorded(workspace_id, BATCH, WAIT, again=True):
            written += self._write(workspace_id, entries)
        while True:
            entries = self._log.unrecorded(workspace_id, BATCH, WAIT, again=False)
            if entries:
                written += self._write(workspace_id, entries)
            if time.monotonic() >= until:
                return written

    def _write(self, workspace_id: str, entries: Sequence[LogEntry]) -> int:
        written = self._writer.write(self._batch(workspace_id, entries))
        seqs: dict[str, int] = {}
        for entry in entries:
            seq = parse_event(entry.body).seq
            seqs[entry.execution_id] = max(seq, seqs.get(entry.execution_id, 0))
        self._log.recorded(workspace_id, entries, seqs)
        return written

    def _batch(self, workspace_id: str, entries: Sequence[LogEntry]) -> Batch:
        touched: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
        for entry in entries:
            subtasks, tasks = touched.setdefault(entry.execution_id, ({}, {}))
            if entry.changes:
                subtasks.update(dict.fromkeys(entry.changes.subtasks))
                tasks.update(dict.fromkeys(entry.changes.tasks))
        wanted = {one: (list(s), list(t)) for one, (s, t) in touched.items()}
        found = self._live.states(workspace_id, wanted)
        return Batch(
            events=[
                LoggedEvent(workspace_id, entry.execution_id, entry.body, entry.hash)
                for entry in entries
            ],
            headers=[header for header, _, _ in found.values()],
            subtasks=[
                SubtaskRow(workspace_id, one, graph.subtasks[subtask_id].task_id, subtask_id, state)
                for one, (header, subtasks, _) in found.items()
                for graph in [self._live.graph_of(header)]
                for subtask_id, state in subtasks.items()
            ],
            tasks=[
                TaskRow(workspace_id, one, task_id, state)
                for one, (_, _, tasks) in found.items()
                for task_id, state in tasks.items()
            ],
        )
