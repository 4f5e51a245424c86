"""Months of the log in and out of PostgreSQL: put away into files, and brought back."""

import datetime as dt
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, MetaData, select, text
from sqlalchemy.dialects.postgresql import insert

from app.domain.errors import Archived
from app.domain.states import ExecutionStatus
from app.record import partitions
from app.record.archive_files import Archive, Contents, Draft, Head, Manifest, remove_drafts
from app.record.batches import LoggedEvent, event_rows
from app.record.copying import copy_rows
from app.record.engine import transaction
from app.record.errors import Damaged, NotClosed
from app.record.migrate import newest
from app.record.partitions import Month, month_of, partition_of
from app.record.tables import event_archives, execution_events, executions

# "plarchv" in ASCII: one process at a time puts months away.
_LOCK: Final = 0x706C6172636876
_AT_ONCE: Final = 2000
_ENDED: Final = frozenset(status.value for status in ExecutionStatus if status.ended)


class Born(msgspec.Struct, frozen=True):
    """What the record knows of an execution of a month."""

    execution_id: str
    workspace_id: str
    ended: bool
    head: Head
    updated_at: dt.datetime


class ArchivedMonth(msgspec.Struct, frozen=True):
    """A month that was put away; with ``restored_at`` it is back as well."""

    month: str
    place: str
    rows: int
    executions: int
    archived_at: dt.datetime
    restored_at: dt.datetime | None


class Archives:
    """The months of the log that are, or may be, files in a folder."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self.folder: Final = folder

    @contextmanager
    def alone(self) -> Generator[bool]:
        """Tell whether no other process puts months away, and keep it so during the context."""
        with transaction(self._engine) as connection:
            yield connection.execute(
                text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}
            ).scalar_one()

    def all(self) -> dict[str, ArchivedMonth]:
        """Give every month that was ever put away."""
        columns = [event_archives.c[name] for name in ArchivedMonth.__struct_fields__]
        with transaction(self._engine) as connection:
            rows = connection.execute(select(*columns).order_by(event_archives.c.month))
            return {row[0]: ArchivedMonth(*row) for row in rows}

    def born_in(self, month: Month) -> list[Born]:
        """List the executions whose events belong to a month."""
        columns = executions.c
        query = select(
            columns.execution_id,
            columns.workspace_id,
            columns.status,
            columns.seq,
            columns.head_hash,
            columns.updated_at,
        ).where(_within(columns.execution_id.collate("C"), month))
        with transaction(self._engine) as connection:
            return [
                Born(row[0], row[1], row[2] in _ENDED, Head(row[3], row[4]), row[5])
                for row in connection.execute(query)
            ]

    def refuse_archived(self, execution_id: str) -> None:
        """Raise where the events of an execution have been put away.

        Raises:
            Archived: They have; names the month and the command that brings them back.
        """
        month = str(month_of(execution_id))
        away = select(event_archives.c.place).where(
            event_archives.c.month == month, event_archives.c.restored_at.is_(None)
        )
        here = select(execution_events.c.seq).where(execution_events.c.execution_id == execution_id)
        with transaction(self._engine) as connection:
            if connection.execute(away).first() and not connection.execute(here.limit(1)).first():
                raise Archived(
                    f"The events of this execution are in the archive of {month}. "
                    f"`planexe-ax history import {month}` brings them back."
                )

    def put_away(self, month: Month, born: Sequence[Born], now: dt.datetime) -> Manifest | None:
        """Write a month into files, prove them, and only then drop its partition.

        Killed at any point, it may be called again. Without events there is nothing to write.

        Raises:
            Damaged: The events are not what the record says of them; nothing is dropped.
            NotClosed: Events were added meanwhile; nothing is dropped.
        """
        if not any(one.head.seq for one in born) and self._drop_empty(month):
            return None
        try:
            manifest = self._write(month, born, now)
        finally:
            self.remove_drafts()
        self._drop(month, manifest)
        return manifest

    def remove_drafts(self) -> None:
        """Remove what was not finished; only for who is ``alone``."""
        remove_drafts(self.folder)

    def bring_back(self, folder: Path, now: dt.datetime) -> Manifest:
        """Read an archive into a partition of its month; events that are there stay.

        Raises:
            Damaged: The archive is not what it was, or not of this record; nothing has changed.
        """
        archive = Archive(folder)
        partition = partition_of(archive.month)
        known = {one.execution_id: one.head for one in self.born_in(archive.month)}
        incoming = execution_events.to_metadata(MetaData(), name=f"{partition.name}_incoming")
        with transaction(self._engine) as connection:
            connection.execute(
                text(
                    f"CREATE TABLE {incoming.name} (LIKE {execution_events.name} INCLUDING INDEXES)"
                )
            )
            copy_rows(connection, incoming, event_rows(archive.events()))
            _compare_known(folder, archive.contents, known)
            partitions.take_turns(connection)
            if partition.name in partitions.attached(connection):
                _take_over(connection, partition.name, incoming.name)
                partitions.drop(connection, partition)
            connection.execute(text(f"ALTER TABLE {incoming.name} RENAME TO {partition.name}"))
            partitions.attach(connection, partition)
            _note(connection, archive.manifest, folder, restored_at=now)
        return archive.manifest

    def _write(self, month: Month, born: Sequence[Born], now: dt.datetime) -> Manifest:
        draft = Draft(self.folder, month)
        with closing(self._events(month)) as events:
            draft.write(events, newest() or "", now)
        manifest, contents = draft.read_back()
        _compare(contents, {one.execution_id: one.head for one in born if one.head.seq})
        draft.publish()
        return manifest

    def _events(self, month: Month) -> Generator[LoggedEvent]:
        columns = execution_events.c
        query = (
            select(columns.workspace_id, columns.execution_id, columns.body, columns.hash)
            .where(_within(columns.execution_id, month))
            .order_by(columns.execution_id, columns.seq)
        )
        with (
            transaction(self._engine) as connection,
            connection.execution_options(yield_per=_AT_ONCE).execute(query) as rows,
        ):
            for row in rows:
                yield LoggedEvent(*row)

    def _drop_empty(self, month: Month) -> bool:
        """Drop the partition of a month without events; tell whether it was one."""
        with transaction(self._engine) as connection:
            if _locked_count(connection, month):
                return False
            partitions.drop(connection, partition_of(month))
            return True

    def _drop(self, month: Month, manifest: Manifest) -> None:
        with transaction(self._engine) as connection:
            # A file that proves itself holds no row twice, and the log only grows.
            if _locked_count(connection, month) != manifest.rows:
                raise NotClosed(f"Events of {month} were added meanwhile; they are kept.")
            partitions.drop(connection, partition_of(month))
            _note(connection, manifest, self.folder / str(month), restored_at=None)


def _within(execution_id: ColumnElement[str], month: Month) -> ColumnElement[bool]:
    partition = partition_of(month)
    return (execution_id >= partition.lower) & (execution_id < partition.upper)


def _locked_count(connection: Connection, month: Month) -> int:
    """Count the rows of a month, to which nobody can add any from here on."""
    name = partition_of(month).name
    partitions.take_turns(connection)
    connection.execute(text(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))
    return connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608


def _compare(contents: Contents, known: dict[str, Head]) -> None:
    """Find every execution of the record in the files, whole, and no other."""
    for execution_id in sorted(known.keys() | contents.heads.keys()):
        found, wanted = contents.heads.get(execution_id, Head()), known.get(execution_id, Head())
        if found != wanted:
            raise Damaged(
                f"{execution_id}: the log ends at seq {found.seq} with hash {found.hash}, "
                f"the record at seq {wanted.seq} with hash {wanted.hash}."
            )


def _compare_known(folder: Path, contents: Contents, known: dict[str, Head]) -> None:
    """Refuse a chain that proves itself and is another than the record's."""
    for execution_id, found in contents.heads.items():
        wanted = known.get(execution_id)
        if wanted and wanted.seq == found.seq and wanted.hash != found.hash:
            told = f"its chain ends with hash {found.hash}, the record's with {wanted.hash}"
            raise Damaged(f"{folder} ({execution_id}, seq {found.seq}): {told}.")


def _take_over(connection: Connection, present: str, incoming: str) -> None:
    """Add what is in the present partition and not in the archive."""
    connection.execute(text(f"LOCK TABLE {present} IN SHARE ROW EXCLUSIVE MODE"))
    differing = text(
        f"SELECT execution_id, seq FROM {present} JOIN {incoming} AS new "  # noqa: S608
        f"USING (execution_id, seq) WHERE new.hash <> {present}.hash LIMIT 1"
    )
    if found := connection.execute(differing).first():
        raise Damaged(f"{found[0]}, seq {found[1]}: the archive holds another event.")
    connection.execute(
        text(
            f"INSERT INTO {incoming} SELECT * FROM {present} "  # noqa: S608
            "ON CONFLICT (execution_id, seq) DO NOTHING"
        )
    )


def _note(
    connection: Connection, manifest: Manifest, place: Path, restored_at: dt.datetime | None
) -> None:
    row: dict[str, Any] = {
        "month": manifest.month,
        "place": str(place),
        "rows": manifest.rows,
        "executions": manifest.executions,
        "sha256": manifest.events.sha256,
        "archived_at": manifest.archived_at,
        "restored_at": restored_at,
    }
    statement = insert(event_archives).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["month"], set_=row))
