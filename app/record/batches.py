"""Writes what has happened since the last batch: events, and the rows they touched.

All of it goes through temporary tables: COPY is the fastest way in, and from there one statement
per table adds what is new and leaves alone what is there. So a batch may come again after a crash,
and batches may overtake one another, without harm.
"""

import datetime as dt
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, text

from app.domain.execution import Header, SubtaskState, TaskState
from app.record.copying import Merge
from app.record.engine import transaction
from app.record.errors import NoPartition
from app.record.executions import execution_row
from app.record.partitions import Partitions
from app.record.tables import execution_events, execution_subtasks, execution_tasks, executions

T = TypeVar("T")


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event as it stands in the log: its canonical JSON and its link in the chain."""

    workspace_id: str
    execution_id: str
    body: bytes
    hash: str


class SubtaskRow(msgspec.Struct, frozen=True):
    """Where a subtask of an execution stands."""

    workspace_id: str
    execution_id: str
    task_id: str
    subtask_id: str
    state: SubtaskState


class TaskRow(msgspec.Struct, frozen=True):
    """Where a task of an execution stands."""

    workspace_id: str
    execution_id: str
    task_id: str
    state: TaskState


class Batch(msgspec.Struct, frozen=True):
    """What to write. An execution's header comes with or before its first tasks and subtasks.

    The same thing may be in it several times: the one with the highest ``seq`` counts.
    """

    events: Sequence[LoggedEvent] = ()
    headers: Sequence[Header] = ()
    subtasks: Sequence[SubtaskRow] = ()
    tasks: Sequence[TaskRow] = ()


class _Known(msgspec.Struct):
    """What of an event has a column of its own."""

    seq: int
    event_id: str
    event_type: str
    recorded_at: dt.datetime
    task_id: str | None = None
    agent_id: str | None = None


LONGEST_PAUSE_MS: Final = 20_000
"""How long a writer may pause within its transaction, or PostgreSQL take for one statement.

A worker that is frozen in the middle holds the rows it wrote, and whoever goes on in its place
waits for them: PostgreSQL ends its transaction, and the batch is written by the other.
"""

_LIMIT_TIME: Final = text(
    "SELECT set_config('idle_in_transaction_session_timeout', :limit, true), "
    "set_config('statement_timeout', :limit, true)"
)
_KNOWN: Final = msgspec.json.Decoder(_Known)
_EVENTS: Final = Merge(execution_events)
_SUBTASKS: Final = Merge(execution_subtasks, newer_by="seq")
_TASKS: Final = Merge(execution_tasks, newer_by="seq")
# Who made an execution and when is known from ``Executions.add``; later headers do not tell.
_EXECUTIONS: Final = Merge(executions, newer_by="seq", fixed=("created_by", "created_at"))


class BatchWriter:
    """Brings the record up to the log."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._partitions = Partitions(engine)

    def write(self, batch: Batch) -> int:
        """Write a batch, all or nothing, and tell how many of its events were new.

        Rows are changed only where the batch knows a later state of them.

        Raises:
            RecordUnavailable: Try again with the same batch.
            RecordError: This batch will never go in.
        """
        try:
            return self._write(batch)
        except NoPartition:
            # A clock that is wrong makes ids of a month nobody expected: its events count too.
            self._partitions.make_for({event.execution_id for event in batch.events})
            return self._write(batch)

    def _write(self, batch: Batch) -> int:
        with transaction(self._engine) as connection:
            connection.execute(_LIMIT_TIME, {"limit": f"{LONGEST_PAUSE_MS}ms"})
            return write_batch(connection, batch)


def write_batch(connection: Connection, batch: Batch) -> int:
    """Write a batch as part of a larger transaction."""
    # The parents first: tasks and subtasks refer to their execution.
    parts = {
        _EVENTS: list(event_rows(batch.events)),
        _EXECUTIONS: list(_execution_rows(batch.headers)),
        _SUBTASKS: list(_subtask_rows(batch.subtasks)),
        _TASKS: list(_task_rows(batch.tasks)),
    }
    parts = {merge: rows for merge, rows in parts.items() if rows}
    # All rows cross the wire before the first lock is taken: PostgreSQL cannot end a COPY whose
    # rows do not come, so one that held locks would hold up whoever goes on in its place.
    for merge, rows in parts.items():
        merge.stage(connection, rows)
    moved = {merge: merge.move(connection) for merge in parts}
    return moved.get(_EVENTS, 0)


def event_rows(events: Iterable[LoggedEvent]) -> Iterator[Sequence[object]]:
    """Spread events over the columns of their table."""
    for event in events:
        known = _KNOWN.decode(event.body)
        yield (
            event.execution_id,
            known.seq,
            event.workspace_id,
            known.event_id,
            known.event_type,
            known.task_id,
            known.agent_id,
            known.recorded_at,
            event.hash,
            event.body.decode(),
        )


def _execution_rows(headers: Iterable[Header]) -> Iterator[Sequence[object]]:
    for header in _latest(headers, lambda it: it.execution_id, lambda it: it.seq):
        row = {**execution_row(header), "header": _json(header), "created_by": ""}
        yield [row[name] for name in _EXECUTIONS.columns]


def _subtask_rows(rows: Iterable[SubtaskRow]) -> Iterator[Sequence[object]]:
    for row in _latest(rows, lambda it: (it.execution_id, it.subtask_id), lambda it: it.state.seq):
        yield (
            row.execution_id,
            row.subtask_id,
            row.workspace_id,
            row.task_id,
            row.state.seq,
            row.state.status.value,
            row.state.agent_id,
            row.state.attempt,
            _json(row.state),
        )


def _task_rows(rows: Iterable[TaskRow]) -> Iterator[Sequence[object]]:
    for row in _latest(rows, lambda it: (it.execution_id, it.task_id), lambda it: it.state.seq):
        yield (
            row.execution_id,
            row.task_id,
            row.workspace_id,
            row.state.seq,
            row.state.status.value,
            _json(row.state),
        )


def _latest(
    items: Iterable[T], key: Callable[[T], Hashable], seq: Callable[[T], int]
) -> Iterable[T]:
    """Keep of each thing the last with the highest ``seq``: one statement may touch it once."""
    latest: dict[Hashable, T] = {}
    for item in items:
        known = latest.get(key(item))
        if known is None or seq(item) >= seq(known):
            latest[key(item)] = item
    return latest.values()


def _json(state: msgspec.Struct) -> str:
    return msgspec.json.encode(state).decode()
