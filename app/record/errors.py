"""What can go wrong with the record.

RecordError
├── RecordUnavailable   PostgreSQL is away, busy or in trouble; try again later
├── AlreadyExists       something of this id is there
├── StillReferenced     something unfinished needs it
├── NoPartition         the month of an event has no partition yet; make it and write again
├── NotClosed           a month that may still change cannot be put away
├── Damaged             events or an archive are not what they were: names the place
└── UnknownSchema       the database was migrated by another, newer version

Where the record finds out what the rules refuse, it raises ``app.domain.errors``: ``NotFound``
for a missing parent, ``Invalid`` for a value that PostgreSQL cannot hold.
"""

import psycopg
import psycopg.errors

from app.domain.errors import DomainError, Invalid, NotFound


class RecordError(Exception):
    """Base of all; on its own, a fault of the program."""


class RecordUnavailable(RecordError):
    """PostgreSQL is away, busy or in trouble; nothing was written, try again later."""


class AlreadyExists(RecordError):
    """Something of this id is there already."""


class StillReferenced(RecordError):
    """Something unfinished needs it, so it cannot go."""


class NoPartition(RecordError):
    """The month of an event has no partition yet; make it and write again."""


class NotClosed(RecordError):
    """The month may still change, so it cannot be put away."""


class Damaged(RecordError):
    """Events or an archive are not what they were; the message names the place."""


class UnknownSchema(RecordError):
    """The database was migrated by another, newer version of this program; use that one."""


def translate(error: psycopg.Error) -> RecordError | DomainError:
    """Choose what to raise for an error of the driver, always with ``from``."""
    told = str(error).strip()
    match error:
        case psycopg.errors.UniqueViolation():
            return AlreadyExists(told)
        case psycopg.errors.ForeignKeyViolation():
            return NotFound("What this belongs to does not exist.")
        case psycopg.errors.CheckViolation() if not error.diag.constraint_name:
            return NoPartition(told)
        case psycopg.DataError():
            return Invalid(f"A value cannot be stored: {told}")
        # A standby is read-only until it is promoted, so a moment after a failover all is well.
        case (
            psycopg.OperationalError()
            | psycopg.InterfaceError()
            | psycopg.errors.ReadOnlySqlTransaction()
            | psycopg.errors.IdleInTransactionSessionTimeout()
        ):
            return RecordUnavailable(told)
        case _:
            return RecordError(told)
