"""What recovery asks the record and sets right in it."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, Select, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.domain.execution import Header
from app.domain.merging import Kept
from app.domain.states import ExecutionStatus
from app.record.batches import Batch, write_batch
from app.record.engine import transaction
from app.record.executions import execution_row, graph_row
from app.record.tables import (
    execution_events,
    execution_graphs,
    execution_subtasks,
    execution_tasks,
    executions,
)

IDS_AT_ONCE: Final = 1000
ROWS_AT_ONCE: Final = 500
_LIVE: Final = [status.value for status in ExecutionStatus if not status.ended]


class RecordedEnd(msgspec.Struct, frozen=True):
    """How far the record has come with one execution.

    ``seq``, ``head_hash``, ``status`` and ``graph_id`` are those of its row; ``events`` is the
    number of its events, ``last`` the highest ``seq`` among them and ``last_hash`` its hash.
    """

    execution_id: str
    workspace_id: str
    seq: int
    head_hash: str
    status: str
    graph_id: str
    events: int = 0
    last: int = 0
    last_hash: str = ""


class Whole(msgspec.Struct, frozen=True):
    """All that the record holds of one execution, but for its events."""

    header: Header
    created_by: str
    packed: bytes
    rows: Batch


class Mending:
    """Reads and mends the record of executions as a whole."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unfinished(self) -> list[tuple[str, str]]:
        """Name the workspace and id of every execution that has begun and not ended."""
        with transaction(self._engine) as connection:
            return _pairs(connection, _unfinished())

    def suspects(self) -> list[tuple[str, str]]:
        """Name all unfinished ones, and those whose row is ahead of their events.

        An execution without any event is none of them: its events may be archived.
        """
        columns = execution_events.c
        own = columns.execution_id == executions.c.execution_id
        has_head = exists().where(own, columns.seq == executions.c.seq)
        ahead = select(executions.c.workspace_id, executions.c.execution_id).where(
            executions.c.status.not_in(_LIVE), ~has_head, exists().where(own)
        )
        with transaction(self._engine) as connection:
            return [*_pairs(connection, _unfinished()), *_pairs(connection, ahead)]

    def ends(self, execution_ids: Sequence[str]) -> dict[str, RecordedEnd]:
        """Tell how far the record has come; without a row, all but the events is empty."""
        found: dict[str, RecordedEnd] = {}
        with transaction(self._engine) as connection:
            for begin in range(0, len(execution_ids), IDS_AT_ONCE):
                found |= _ends(connection, execution_ids[begin : begin + IDS_AT_ONCE])
        return found

    def events(self, execution_ids: Sequence[str]) -> Iterator[tuple[str, Kept]]:
        """Give all events of some executions, one after the other, each in ``seq`` order."""
        columns = execution_events.c
        query = (
            select(columns.execution_id, columns.seq, columns.body, columns.hash)
            .where(columns.execution_id.in_(execution_ids))
            .order_by(columns.execution_id, columns.seq)
            .execution_options(yield_per=ROWS_AT_ONCE)
        )
        with transaction(self._engine) as connection:
            for row in connection.execute(query):
                yield row[0], Kept(row[1], row[2], row[3])

    def graph(self, workspace_id: str, graph_id: str) -> bytes | None:
        """Give a packed graph."""
        query = select(execution_graphs.c.packed).where(
            execution_graphs.c.workspace_id == workspace_id,
            execution_graphs.c.graph_id == graph_id,
        )
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()

    def complete(self, whole: Whole) -> None:
        """Write what the record lacks of an execution's rows and its graph; its events are there.

        Raises:
            NotFound: There is no such workspace.
        """
        with transaction(self._engine) as connection:
            _complete(connection, [whole])

    def reset(self, wholes: Sequence[tuple[RecordedEnd, Whole]]) -> set[str]:
        """Set the rows of executions, also back, where they are still as they were known.

        Returns:
            Which were set. The rows of all others have moved on; nothing was changed of them.

        Raises:
            NotFound: There is no such workspace.
        """
        if not wholes:
            return set()
        with transaction(self._engine) as connection:
            stands = _locked(connection, [end.execution_id for end, _ in wholes])
            due = [whole for end, whole in wholes if stands.get(end.execution_id) == _known(end)]
            there = sorted(stands.keys() & {one.header.execution_id for one in due})
            for table in (execution_subtasks, execution_tasks):
                connection.execute(delete(table).where(table.c.execution_id.in_(there)))
            # Below every version there is, so that whatever comes now counts as newer.
            own = executions.c.execution_id.in_(there)
            connection.execute(update(executions).where(own).values(seq=-1))
            _complete(connection, due)
        return {one.header.execution_id for one in due}


def _locked(connection: Connection, execution_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    query = (
        select(executions.c.execution_id, executions.c.seq, executions.c.head_hash)
        .where(executions.c.execution_id.in_(execution_ids))
        # In one order everywhere, so that two transactions cannot block each other.
        .order_by(executions.c.execution_id)
        .with_for_update()
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def _known(end: RecordedEnd) -> tuple[int, str] | None:
    return (end.seq, end.head_hash) if end.status else None


def _complete(connection: Connection, wholes: Sequence[Whole]) -> None:
    for one in sorted(wholes, key=lambda it: it.header.execution_id):
        row = {**execution_row(one.header), "seq": 0, "created_by": one.created_by}
        connection.execute(insert(executions).values(row).on_conflict_do_nothing())
    graphs = {one.header.graph_id: one for one in wholes}
    for _, one in sorted(graphs.items()):
        connection.execute(graph_row(one.header, one.packed))
    rows = Batch(
        headers=[header for one in wholes for header in one.rows.headers],
        subtasks=[row for one in wholes for row in one.rows.subtasks],
        tasks=[row for one in wholes for row in one.rows.tasks],
    )
    write_batch(connection, rows)


def _unfinished() -> Select[str, str]:
    return select(executions.c.workspace_id, executions.c.execution_id).where(
        executions.c.status.in_(_LIVE), executions.c.seq > 0
    )


def _pairs(connection: Connection, query: Select[str, str]) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(query)]


def _ends(connection: Connection, execution_ids: Sequence[str]) -> dict[str, RecordedEnd]:
    of_rows = select(
        executions.c.execution_id,
        executions.c.workspace_id,
        executions.c.seq,
        executions.c.head_hash,
        executions.c.status,
        executions.c.header,
    ).where(executions.c.execution_id.in_(execution_ids))
    found = {
        row[0]: RecordedEnd(*row[:5], graph_id=row[5].graph_id)
        for row in connection.execute(of_rows)
    }
    for execution_id, workspace_id, *events in connection.execute(_last_events(execution_ids)):
        end = found.get(execution_id) or RecordedEnd(execution_id, workspace_id, 0, "", "", "")
        count, last, last_hash = events
        found[execution_id] = msgspec.structs.replace(
            end, events=count, last=last, last_hash=last_hash
        )
    return found


def _last_events(execution_ids: Sequence[str]) -> Select[str, str, int, int, str]:
    columns = execution_events.c
    sums = (
        select(
            columns.execution_id, func.count().label("events"), func.max(columns.seq).label("last")
        )
        .where(columns.execution_id.in_(execution_ids))
        .group_by(columns.execution_id)
        .subquery()
    )
    return select(
        columns.execution_id, columns.workspace_id, sums.c.events, sums.c.last, columns.hash
    ).join(sums, (sums.c.execution_id == columns.execution_id) & (sums.c.last == columns.seq))
