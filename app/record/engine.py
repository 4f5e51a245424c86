"""Connections to PostgreSQL and the one way to run a transaction."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, exc, make_url

from app.record.errors import RecordError, RecordUnavailable, translate

_DIALECT: Final = "postgresql+psycopg"


def connect(
    url: str,
    *,
    pool_size: int = 5,
    max_overflow: int = 5,
    pool_timeout_seconds: float = 5.0,
    connect_timeout_seconds: int = 5,
) -> Engine:
    """Make an engine; connects only when first used.

    JSON columns carry raw bytes through the driver: ``column_types.Document`` gives them shape.

    Args:
        url: ``postgresql://`` or ``postgres://`` with what libpq knows as parameters.
        pool_size: Connections kept open per process.
        max_overflow: Further ones under load, closed afterwards.
        pool_timeout_seconds: How long to wait for a free one before ``RecordUnavailable``.
        connect_timeout_seconds: How long opening one may take.
    """
    return create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_timeout_seconds,
        # After a restart of PostgreSQL the pool holds dead connections; a ping finds them.
        pool_pre_ping=True,
        connect_args={"connect_timeout": connect_timeout_seconds, "application_name": "planexe-ax"},
        json_serializer=_as_it_is,
        json_deserializer=_as_it_is,
    )


def driver_url(url: str) -> URL:
    """Name the driver in a URL as people and hosting providers write it."""
    return make_url(url).set(drivername=_DIALECT)


@contextmanager
def transaction(engine: Engine, *, snapshot: bool = False) -> Generator[Connection]:
    """Run a block as one transaction, committed at its end.

    With ``snapshot`` all its queries see the same moment.

    Raises:
        RecordUnavailable: Nothing was committed; or, where the connection broke during the commit
            itself, nobody knows. Repeat what is idempotent.
        RecordError: As ``app.record.errors`` tells.
    """
    if snapshot:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        with engine.begin() as connection:
            yield connection
    except exc.TimeoutError as error:
        raise RecordUnavailable("All connections to PostgreSQL are in use.") from error
    except exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise translate(error.orig) from error
        raise RecordError(str(error)) from error
    except psycopg.Error as error:
        # COPY goes past SQLAlchemy, so its errors arrive bare.
        raise translate(error) from error


def _as_it_is(value: Any) -> Any:
    return value
