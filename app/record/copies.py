"""Copies of all tables as files, of one moment, and back.

COPY in text form: any version of PostgreSQL writes and reads it, with no program of the server's
own version at hand, and every byte of an event comes back as it was.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final, cast

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, Table, text

from app.record import migrate, partitions
from app.record.engine import transaction
from app.record.errors import UnknownSchema
from app.record.tables import execution_events, metadata

CHUNK: Final = 1 << 20
_OURS: Final = text(
    "WITH RECURSIVE ours AS ("
    "SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') "
    "AND relnamespace = current_schema()::regnamespace AND relname = ANY(:names) "
    "UNION SELECT inhrelid FROM pg_inherits JOIN ours ON inhparent = oid) "
    "SELECT relname FROM pg_class JOIN ours USING (oid)"
)
_IS_PARTITIONED: Final = text(
    "SELECT relkind = 'p' FROM pg_class WHERE oid = CAST(:name AS regclass)"
).bindparams(name=execution_events.name)


class TableFile(msgspec.Struct, frozen=True):
    """A table as a file: what is in it, before it is compressed."""

    table: str
    columns: list[str]
    rows: int
    size_bytes: int
    sha256: str

    @property
    def path(self) -> str:
        """Its name within a backup."""
        return f"tables/{self.table}.copy"


Create = Callable[[str], IO[bytes]]
"""Makes the file of a name within a backup."""


class Copies:
    """Writes all tables to files and replaces all tables by files."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, create: Create) -> list[TableFile]:
        """Write every table as it stands at one moment, parents before what refers to them."""
        with transaction(self._engine, snapshot=True) as connection:
            return [_write(connection, table, create) for table in metadata.sorted_tables]

    def load(self, revision: str, files: Sequence[TableFile], read: Create) -> None:
        """Replace all that the database holds, in one transaction, and bring it up to date.

        The tables are taken down and built anew as the backup's revision had them: then the
        files fit, and the usual migrations lead on from there.

        Raises:
            UnknownSchema: The database or the files are of a newer version of the program.
            RecordError: A file does not fit its table; nothing was changed.
        """
        if not migrate.is_known(revision):
            raise UnknownSchema(f"The backup has schema {revision}, which is newer than this.")

        def fill(connection: Connection) -> None:
            for file in files:
                with read(file.path) as source:
                    _load(connection, file, source)

        url = self._engine.url.render_as_string(hide_password=False)
        migrate.build_anew(url, revision, empty, fill)

    def others(self) -> int:
        """Count the other connections of this program to the database."""
        query = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'planexe-ax' AND pid <> pg_backend_pid()"
        )
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one()


def empty(connection: Connection) -> None:
    """Empty all tables, the log included, which else refuses to lose anything.

    Taking them down one by one would copy a partitioned log back into one table first.
    """
    names = [*metadata.tables]
    ours = list(connection.execute(_OURS, {"names": names}).scalars())
    for name in ours:
        connection.execute(text(f'ALTER TABLE "{name}" DISABLE TRIGGER USER'))
        connection.execute(text(f'GRANT TRUNCATE ON "{name}" TO CURRENT_USER'))
    if ours:
        quoted = ", ".join(f'"{name}"' for name in ours)
        connection.execute(text(f"TRUNCATE {quoted}"))


def checked(file: TableFile, source: IO[bytes]) -> bool:
    """Tell whether a file holds what was written."""
    digest, size = hashlib.sha256(), 0
    while size <= file.size_bytes and (chunk := source.read(CHUNK)):
        digest.update(chunk)
        size += len(chunk)
    return (size, digest.hexdigest()) == (file.size_bytes, file.sha256)


def _write(connection: Connection, table: Table, create: Create) -> TableFile:
    # Plain strings: SQLAlchemy's know how to quote themselves, and nothing else of ours.
    columns = [str(column.name) for column in table.columns]
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        _names(columns), sql.Identifier(table.name)
    )
    file = TableFile(str(table.name), columns, 0, 0, "")
    digest, size = hashlib.sha256(), 0
    with create(file.path) as target, _driver(connection).cursor() as cursor:
        with cursor.copy(statement) as copy:
            for chunk in cast("Iterator[bytes]", copy):
                target.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        rows = cursor.rowcount
    return TableFile(file.table, columns, rows, size, digest.hexdigest())


def _load(connection: Connection, file: TableFile, source: IO[bytes]) -> None:
    if file.table == execution_events.name:
        _load_log(connection, file, source)
    else:
        _copy(connection, file.table, file, source)


def _load_log(connection: Connection, file: TableFile, source: IO[bytes]) -> None:
    """Load the log by way of a temporary table, to make the partitions of what is in it."""
    connection.execute(text(f"CREATE TEMP TABLE loaded (LIKE {file.table}) ON COMMIT DROP"))
    _copy(connection, "loaded", file, source)
    if connection.execute(_IS_PARTITIONED).scalar_one():
        ids = connection.execute(text("SELECT DISTINCT execution_id FROM loaded")).scalars()
        partitions.make_within(connection, ids)
    columns = _names(file.columns).as_string()
    connection.execute(
        text(f"INSERT INTO {file.table} ({columns}) SELECT {columns} FROM loaded")  # noqa: S608
    )


def _copy(connection: Connection, table: str, file: TableFile, source: IO[bytes]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), _names(file.columns)
    )
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        while chunk := source.read(CHUNK):
            copy.write(chunk)


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)
