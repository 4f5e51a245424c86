"""Fast ways into a table: COPY, and COPY through a temporary table.

Rows are sequences in the order of the table's columns, or of those named, with JSON as text.
Errors of the driver arrive bare; ``engine.transaction`` translates them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, MetaData, Table, select, text
from sqlalchemy.dialects.postgresql import Insert, insert


def copy_rows(connection: Connection, table: Table, rows: Iterable[Sequence[object]]) -> None:
    """Append rows to a table."""
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    names = [sql.Identifier(column.name) for column in table.columns]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(names)
    )
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


class Merge:
    """Brings rows into a table through a temporary one, so that rows which are there do no harm.

    ``newer_by`` names a column: a row that is there is replaced where the incoming value is
    higher, except for its ``fixed`` columns. Without it a row that is there stays as it is.

    The temporary table lasts as long as its connection, empty between transactions: to create
    and drop it each time would cost as much as merging 200 rows.
    """

    def __init__(
        self, table: Table, newer_by: str | None = None, fixed: Sequence[str] = ()
    ) -> None:
        self.columns: Final = [column.name for column in table.columns]
        self._staged = table.to_metadata(MetaData(), name=f"staged_{table.name}")
        self._create = text(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {self._staged.name} (LIKE {table.name}) "
            "ON COMMIT DELETE ROWS"
        )
        self._move = _move(table, self._staged, newer_by, fixed)

    def stage(self, connection: Connection, rows: Iterable[Sequence[object]]) -> None:
        """Copy rows into the temporary table; nobody else sees them, or waits for them.

        No two may have the same key unless rows that are there stay.
        """
        connection.execute(self._create)
        copy_rows(connection, self._staged, rows)

    def move(self, connection: Connection) -> int:
        """Merge what was staged, in one statement; tell how many rows are new or replaced."""
        moved = connection.execute(self._move, execution_options={"preserve_rowcount": True})
        return moved.rowcount


def _move(table: Table, staged: Table, newer_by: str | None, fixed: Sequence[str]) -> Insert:
    key = [column.name for column in table.primary_key]
    # In one order everywhere, so that two transactions on the same rows cannot block each other.
    ordered = select(staged).order_by(*(staged.c[name] for name in key))
    move = insert(table).from_select([column.name for column in table.columns], ordered)
    if newer_by is None:
        return move.on_conflict_do_nothing(index_elements=key)
    changed = [column.name for column in table.columns if column.name not in {*key, *fixed}]
    return move.on_conflict_do_update(
        index_elements=key,
        set_={name: move.excluded[name] for name in changed},
        where=table.c[newer_by] < move.excluded[newer_by],
    )
