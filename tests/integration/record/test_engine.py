import psycopg
import pytest
from sqlalchemy import Engine, text

from app.record.engine import connect, driver_url, transaction
from app.record.errors import RecordError, RecordUnavailable


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_urls_are_taken_as_people_write_them(scheme: str) -> None:
    url = driver_url(f"{scheme}://ada:p%40ss@db.example:5433/ax?sslmode=require")
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg", "ada", "p@ss")
    assert (url.host, url.port, url.database) == ("db.example", 5433, "ax")
    assert url.query == {"sslmode": "require"}


def test_full_pool_is_told_as_unavailable(database_url: str) -> None:
    engine = connect(database_url, pool_size=1, max_overflow=0, pool_timeout_seconds=0.05)
    with transaction(engine), pytest.raises(RecordUnavailable), transaction(engine):
        pass
    engine.dispose()


def test_lost_connection_is_told_as_unavailable_and_replaced(engine: Engine) -> None:
    with pytest.raises(RecordUnavailable), transaction(engine) as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with transaction(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_idle_connection_that_died_is_not_noticed(engine: Engine, database_url: str) -> None:
    with transaction(engine) as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with transaction(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_fault_of_the_program_is_told_as_such(engine: Engine) -> None:
    with pytest.raises(RecordError) as fault, transaction(engine) as connection:
        connection.execute(text("SELECT no_such_column"))
    assert type(fault.value) is RecordError


def test_snapshot_sees_one_moment(engine: Engine, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        with transaction(engine, snapshot=True) as connection:
            count = text("SELECT count(*) FROM workspaces")
            assert connection.execute(count).scalar_one() == 0
            other.execute("INSERT INTO workspaces (workspace_id, name) VALUES ('ws', '')")
            assert connection.execute(count).scalar_one() == 0
        with transaction(engine) as connection:
            assert connection.execute(count).scalar_one() == 1
