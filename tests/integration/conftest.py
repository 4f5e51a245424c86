"""A database and a Redis of their own for each test."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import Engine, make_url

from app import bootstrap
from app.record import migrate
from app.record.engine import connect
from app.services import Services
from app.services.clock import Clock
from app.services.identity import Principal
from config.settings import Settings

from .stage import Process, Stage, TurnedClock

FEW_BYTES = 128 * 1024
"""Up to this size a table is emptied row by row."""


@pytest.fixture(scope="session")
def migrated_database(postgres_server: str) -> Iterator[str]:
    """URL of a database with all tables, for one test after the other."""
    name = f"ax_test_{token_hex(4)}"
    _administer(postgres_server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = _beside(postgres_server, name)
    migrate.upgrade(url)
    yield url
    _drop(postgres_server, name)


@pytest.fixture(scope="session")
def cleaner(migrated_database: str) -> Iterator[psycopg.Connection]:
    """A connection for what is done to the database between tests; opening one takes 20 ms."""
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        # Nobody may empty the log, save where triggers are off.
        connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.fixture
def database_url(migrated_database: str, cleaner: psycopg.Connection) -> str:
    """URL of a migrated database with nothing in it.

    Emptied and not cloned anew: cloning takes a third of a second.
    """
    # A test that failed may have left a connection that holds a lock.
    cleaner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    # Most tests touch few tables, and write few rows: to delete those is ten times as fast as
    # to truncate their tables.
    filled = cleaner.execute(
        "SELECT relname, pg_relation_size(oid) FROM pg_class "
        "WHERE relkind = 'r' AND relname <> 'alembic_version' "
        "AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0"
    ).fetchall()
    for name, size in filled:
        empty = "DELETE FROM {}" if size <= FEW_BYTES else "TRUNCATE {} CASCADE"
        cleaner.execute(sql.SQL(empty).format(sql.Identifier(name)))
    return migrated_database


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


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of an installation on fresh servers."""
    return Settings(
        database_url=database_url, redis_url=redis_url, data_dir=tmp_path, secret_key="s" * 32
    )


@pytest.fixture
def clock() -> TurnedClock:
    """A clock that the test may turn."""
    return TurnedClock()


@pytest.fixture
def process(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """Wires all services as in a process of its own; each is ended after the test."""
    engines: list[Engine] = []
    clients: list[redis.Redis] = []
    started: list[Services] = []
    monkeypatch.setattr(
        bootstrap, "connect_postgres", _keeping(engines, bootstrap.connect_postgres)
    )
    monkeypatch.setattr(bootstrap, "connect_redis", _keeping(clients, bootstrap.connect_redis))

    def start(clock: Clock | None, **changes: Any) -> Services:
        started.append(bootstrap.build(replace(settings, **changes), clock))
        return started[-1]

    yield start
    for services in started:
        services.work.stop()
        services.feed.stop()
        services.capacity.stop()
    # Whatever is published lets the subscriptions look whether they are to end.
    clients[0].publish("ax:{any}:wake", "nobody")
    for thread in threading.enumerate():
        if thread.name in ("wakeups", "feed", "pulse"):
            _unblock(clients[0])
            thread.join(10)
            assert not thread.is_alive(), f"{thread.name} does not end"
    for client in clients:
        client.close()
    for engine in engines:
        engine.dispose()


@pytest.fixture
def services(process: Process, clock: TurnedClock) -> Services:
    """All services of one process."""
    return process(clock)


@pytest.fixture
def owner_key(services: Services) -> str:
    """The key of the first user."""
    key = services.identity.ensure_owner()
    assert key
    return key


@pytest.fixture
def owner(services: Services, owner_key: str) -> Principal:
    """The first user."""
    principal = services.identity.authenticate(owner_key)
    assert principal
    return principal


@pytest.fixture
def stage(services: Services, owner: Principal) -> Stage:
    """A workspace to act in."""
    return Stage(services, owner)


def _unblock(client: redis.Redis) -> None:
    """Have reads that wait for a log's next entry answered now, and not within a second."""
    listed: Any = client.client_list()
    for one in listed:
        client.client_unblock(int(one["id"]))


def _keeping(kept: list[Any], make: Callable[..., Any]) -> Callable[..., Any]:
    def keeping(*args: Any, **options: Any) -> Any:
        kept.append(make(*args, **options))
        return kept[-1]

    return keeping


def _administer(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def _drop(server: str, name: str) -> None:
    # With FORCE, since a test that failed may have left connections.
    statement = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    _administer(server, statement)


def _beside(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
