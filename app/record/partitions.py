"""The partitions of the log: one table per month in which executions were born.

An execution's id begins with the time it was made, so a month is a range of ids, and all events
of an execution lie in one partition, however long it takes. ADR 010 says why.

Every text has a partition: the months of 2020 to 2999 are made when they are needed, and what
sorts before or behind all of them, which no clock in its senses makes, goes to one of two
partitions that are no month's and are never put away.
"""

import bisect
import datetime as dt
import functools
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, text

from app.domain.errors import Invalid
from app.domain.ids import least_id
from app.record.engine import transaction
from app.record.tables import execution_events

AHEAD: Final = 3
"""Months whose partitions are made before they come."""

_PARENT: Final = execution_events.name
_MONTH_NAME: Final = re.compile(rf"{_PARENT}_y(\d{{4}})m(\d\d)")
_MONTH: Final = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_FIRST_YEAR: Final = 2020
_LAST_YEAR: Final = 2999
_PER_YEAR: Final = 12
_COUNT: Final = (_LAST_YEAR - _FIRST_YEAR + 1) * _PER_YEAR
# "plparts" in ASCII: one process at a time adds or removes partitions.
_LOCK: Final = 0x706C7061727473

_TRUNCATE_TRIGGER: Final = (
    "CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON {name} "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
)
_ATTACHED: Final = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = CAST(:parent AS regclass) ORDER BY relname"
).bindparams(parent=_PARENT)
_OWNED: Final = text(
    "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = CAST(:parent AS regclass)"
).bindparams(parent=_PARENT)
_STRAY: Final = text(
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition "
    "AND starts_with(relname, :parent || '_') AND pg_table_is_visible(oid) ORDER BY relname"
).bindparams(parent=_PARENT)


class Month(msgspec.Struct, frozen=True, order=True):
    """A calendar month in UTC."""

    year: int
    number: int

    @classmethod
    def parse(cls, written: str) -> "Month":
        """Read ``2026-06``.

        Raises:
            Invalid: It is no month, or lies outside 2020 to 2999.
        """
        found = _MONTH.fullmatch(written)
        year, number = (int(found[1]), int(found[2])) if found else (0, 0)
        if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= number <= _PER_YEAR):
            raise Invalid(f"{written!r} is no month such as 2026-06.")
        return cls(year, number)

    @classmethod
    def of(cls, at: dt.datetime) -> "Month":
        """Give the month of a time."""
        return cls(at.year, at.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def start(self) -> dt.datetime:
        """Its first moment."""
        return dt.datetime(self.year, self.number, 1, tzinfo=dt.UTC)

    @property
    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.number // _PER_YEAR, self.number % _PER_YEAR + 1)


class Partition(msgspec.Struct, frozen=True):
    """A range of execution ids, ``lower`` included and ``upper`` not; None means open."""

    name: str
    lower: str | None
    upper: str | None
    month: Month | None = None


def partition_of(month: Month) -> Partition:
    """Give the partition of the executions born in a month."""
    name = f"{_PARENT}_y{month.year:04}m{month.number:02}"
    return Partition(name, _least(month), _least(month.next), month)


def coming(now: dt.datetime) -> list[Partition]:
    """Give the partitions of this month and of the next ones."""
    first = Month.of(now)
    months = accumulate(range(AHEAD), lambda month, _: month.next, initial=first)
    return [partition_of(month) for month in months]


def month_of(execution_id: str) -> Month | None:
    """Give the month whose range of ids holds this one; None for the two that are no month."""
    place = _place(execution_id)
    return _month(place) if 0 <= place < _COUNT else None


def is_partition(name: str) -> bool:
    """Tell by its name whether a table is, or was, a part of the log."""
    return name.startswith(f"{_PARENT}_")


def create(connection: Connection, partition: Partition) -> None:
    """Make a partition and attach it; readers and writers of the others are not held up.

    A table of its name that is there without being attached is attached as it is.
    """
    connection.execute(
        text(f"CREATE TABLE IF NOT EXISTS {partition.name} (LIKE {_PARENT} INCLUDING INDEXES)")
    )
    attach(connection, partition)


def attach(connection: Connection, partition: Partition) -> None:
    """Protect a table as the log is protected, and make it a partition."""
    name = partition.name
    lower = f"'{partition.lower}'" if partition.lower else "MINVALUE"
    upper = f"'{partition.upper}'" if partition.upper else "MAXVALUE"
    for statement in (
        # Triggers for rows come with the attachment, this kind does not.
        _TRUNCATE_TRIGGER.format(name=name),
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {name} FROM PUBLIC, CURRENT_USER",
        f"ALTER TABLE {_PARENT} ATTACH PARTITION {name} FOR VALUES FROM ({lower}) TO ({upper})",
    ):
        connection.execute(text(statement))


def drop(connection: Connection, partition: Partition) -> None:
    """Detach a partition and drop it with all that is in it."""
    connection.execute(text(f"ALTER TABLE {_PARENT} DETACH PARTITION {partition.name}"))
    connection.execute(text(f"DROP TABLE {partition.name}"))


def take_turns(connection: Connection) -> None:
    """Let no other process add or remove partitions until the end of this transaction.

    Whoever needs the table meanwhile comes first: a lock that is not free soon is given up
    with ``RecordUnavailable``, for behind its request all others would have to wait.
    """
    connection.execute(text("SET LOCAL lock_timeout = '3s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def make_within(connection: Connection, execution_ids: Iterable[str]) -> None:
    """Make the partitions that executions' events belong to, as part of a larger transaction."""
    for partition in _missing(connection, [holder_of(one) for one in execution_ids]):
        create(connection, partition)


def attached(connection: Connection) -> list[str]:
    """Name the partitions."""
    return list(connection.execute(_ATTACHED).scalars())


class Partitions:
    """Makes and lists the partitions of the log. Doing it again, or twice at once, is harmless."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make_ahead(self, now: dt.datetime) -> list[str]:
        """Make the partitions of this month and of those that come; name what was missing."""
        return self._make(coming(now))

    def make_for(self, execution_ids: Iterable[str]) -> list[str]:
        """Make the partitions that the events of executions belong to; name what was missing."""
        return self._make([holder_of(one) for one in execution_ids])

    def are_ours(self) -> bool:
        """Tell whether this role may add and remove partitions: it has to own the log."""
        with transaction(self._engine) as connection:
            return connection.execute(_OWNED).scalar_one()

    def months(self) -> list[Month]:
        """List the months that have a partition."""
        with transaction(self._engine) as connection:
            found = [_MONTH_NAME.fullmatch(name) for name in attached(connection)]
        return [Month(int(one[1]), int(one[2])) for one in found if one]

    def orphans(self) -> list[str]:
        """Name the tables that were a part of the log once, or were to be, and are not."""
        with transaction(self._engine) as connection:
            return list(connection.execute(_STRAY).scalars())

    def _make(self, wanted: Sequence[Partition]) -> list[str]:
        with transaction(self._engine) as connection:
            if not _missing(connection, wanted):
                return []
        with transaction(self._engine) as connection:
            take_turns(connection)
            missing = _missing(connection, wanted)
            for partition in missing:
                create(connection, partition)
        return [one.name for one in missing]


def holder_of(execution_id: str) -> Partition:
    """Give the partition whose range holds an id, whatever it looks like."""
    if month := month_of(execution_id):
        return partition_of(month)
    least, greatest = _least(_month(0)), _least(_month(_COUNT))
    if execution_id < least:
        return Partition(f"{_PARENT}_before_{_FIRST_YEAR}", None, least)
    return Partition(f"{_PARENT}_after_{_LAST_YEAR}", greatest, None)


def _missing(connection: Connection, wanted: Iterable[Partition]) -> list[Partition]:
    there = set(attached(connection))
    by_name = {one.name: one for one in wanted if one.name not in there}
    return [by_name[name] for name in sorted(by_name)]


@functools.lru_cache(maxsize=10_000)
def _place(execution_id: str) -> int:
    """Count the months that begin before an id, less one."""
    indices = range(_COUNT + 1)
    return bisect.bisect_right(indices, execution_id, key=lambda it: _least(_month(it))) - 1


def _month(index: int) -> Month:
    return Month(_FIRST_YEAR + index // _PER_YEAR, index % _PER_YEAR + 1)


@functools.lru_cache(maxsize=1000)
def _least(month: Month) -> str:
    return least_id("exec", month.start)
