"""A database and a Redis of their own for each test."""

from collections.abc import Iterator
from secrets import token_hex

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import Engine, make_url

from app.record import migrate
from app.record.engine import connect


@pytest.fixture(scope="session")
def database_template(postgres_server: str) -> Iterator[str]:
    """Name of a migrated database that others are cloned from."""
    name = f"ax_template_{token_hex(4)}"
    _administer(postgres_server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrate.upgrade(_beside(postgres_server, name))
    yield name
    _drop(postgres_server, name)


@pytest.fixture
def database_url(postgres_server: str, database_template: str) -> Iterator[str]:
    """URL of a fresh, migrated database."""
    name = f"ax_test_{token_hex(4)}"
    clone = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    identifiers = sql.Identifier(name), sql.Identifier(database_template)
    _administer(postgres_server, clone.format(*identifiers))
    yield _beside(postgres_server, name)
    _drop(postgres_server, name)


@pytest.fixture
def empty_database_url(postgres_server: str) -> Iterator[str]:
    """URL of a database without any table."""
    name = f"ax_test_{token_hex(4)}"
    _administer(postgres_server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield _beside(postgres_server, name)
    _drop(postgres_server, name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the fresh database."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def redis_url(valkey_server: str) -> str:
    """URL of an emptied Redis or Valkey database."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushdb()
    return valkey_server


def _administer(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def _drop(server: str, name: str) -> None:
    # With FORCE, since a test that failed may have left connections.
    statement = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    _administer(server, statement)


def _beside(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
