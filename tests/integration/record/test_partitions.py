"""The log's partitions: made in time, made when missing, and closed to every change."""

import datetime as dt
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text

from app.domain.ids import least_id
from app.record import migrate
from app.record.archives import Archives
from app.record.batches import Batch, BatchWriter
from app.record.engine import connect, transaction
from app.record.errors import RecordError
from app.record.history import History
from app.record.partitions import Month, Partitions, attached, coming, drop, partition_of
from config.settings import PROJECT

from .builders import logged, make_events

FAR = dt.datetime(2150, 3, 15, tzinfo=dt.UTC)
FAR_ID = least_id("exec", FAR) + "0" * 16


@pytest.fixture
def partitions(engine: Engine) -> Partitions:
    """The partitions, without those of the far future that another test made."""
    with transaction(engine) as connection:
        for name in attached(connection):
            if name.startswith("execution_events_y21"):
                year, month = name.removeprefix("execution_events_y").split("m")
                drop(connection, partition_of(Month(int(year), int(month))))
    return Partitions(engine)


def names_in(engine: Engine) -> list[str]:
    with transaction(engine) as connection:
        return attached(connection)


def test_coming_months_are_made_once_however_many_ask(
    partitions: Partitions, engine: Engine
) -> None:
    wanted = [one.name for one in coming(FAR)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(partitions.make_ahead, [FAR] * 4))
    assert sorted(name for names in made for name in names) == wanted
    assert set(wanted) <= set(names_in(engine))
    assert partitions.make_ahead(FAR) == []


def test_migration_makes_the_coming_months(empty_database_url: str) -> None:
    before = coming(dt.datetime.now(dt.UTC))
    migrate.upgrade(empty_database_url)
    engine = connect(empty_database_url)
    assert {one.name for one in before} <= set(names_in(engine))
    engine.dispose()


def test_event_of_an_unexpected_month_is_written_all_the_same(
    partitions: Partitions, engine: Engine
) -> None:
    events = [*make_events(3, FAR_ID), *make_events(2, "exec_1"), *make_events(1, "strange")]
    assert BatchWriter(engine).write(Batch(events=logged(events))) == 6
    for execution_id, count in ((FAR_ID, 3), ("exec_1", 2), ("strange", 1)):
        assert len(History(engine).page(execution_id)) == count
    assert Month(2150, 3) in partitions.months()


def test_event_is_unique_over_all_partitions(partitions: Partitions, engine: Engine) -> None:
    batch = Batch(events=logged(make_events(3, FAR_ID)))
    assert BatchWriter(engine).write(batch) == 3
    assert BatchWriter(engine).write(batch) == 0


def test_making_a_month_does_not_wait_for_readers_and_writers(
    partitions: Partitions, engine: Engine
) -> None:
    with transaction(engine) as connection:
        connection.execute(text("SELECT * FROM execution_events"))
        connection.execute(text("INSERT INTO execution_events SELECT * FROM execution_events"))
        assert partitions.make_for([FAR_ID]) == [partition_of(Month(2150, 3)).name]


@pytest.mark.parametrize("table", ["execution_events", "execution_events_after_2999"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET event_type = 'note'", "DELETE FROM {}", "TRUNCATE {}"],
)
def test_what_is_in_the_log_stays_as_it_is(
    engine: Engine, database_url: str, table: str, statement: str
) -> None:
    BatchWriter(engine).write(Batch(events=logged(make_events(1, "exec_1"))))
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
        psycopg.connect(database_url) as connection,
    ):
        connection.execute(statement.format(table).encode())
    assert len(History(engine).page("exec_1")) == 1


@pytest.mark.parametrize(
    "table", ["execution_events", "execution_events_after_2999", "execution_events_y2150m03"]
)
def test_owner_holds_no_right_to_change_the_log(
    partitions: Partitions, engine: Engine, table: str
) -> None:
    partitions.make_for([FAR_ID, "exec_1"])
    rights = text("SELECT privilege_type FROM pg_class, aclexplode(relacl) WHERE relname = :table")
    with transaction(engine) as connection:
        found = set(connection.execute(rights, {"table": table}).scalars())
    assert {"SELECT", "INSERT"} <= found
    assert not found & {"UPDATE", "DELETE", "TRUNCATE"}


def test_table_that_was_detached_is_an_orphan_until_it_is_attached_again(
    partitions: Partitions, engine: Engine
) -> None:
    BatchWriter(engine).write(Batch(events=logged(make_events(3, FAR_ID))))
    name = partition_of(Month(2150, 3)).name
    with transaction(engine) as connection:
        connection.execute(text(f"ALTER TABLE execution_events DETACH PARTITION {name}"))
    assert partitions.orphans() == [name]
    assert History(engine).page(FAR_ID) == []

    BatchWriter(engine).write(Batch(events=logged(make_events(4, FAR_ID))))

    assert partitions.orphans() == []
    assert [one.seq for one in History(engine).page(FAR_ID)] == [1, 2, 3, 4]


def test_query_of_an_execution_looks_into_one_partition(
    partitions: Partitions, engine: Engine
) -> None:
    partitions.make_ahead(FAR)
    query = text("EXPLAIN SELECT * FROM execution_events WHERE execution_id = :id ORDER BY seq")
    with transaction(engine) as connection:
        plan = "\n".join(connection.execute(query, {"id": FAR_ID}).scalars())
    assert "execution_events_y2150m03" in plan
    assert plan.count(" on execution_events_") == 1


@pytest.fixture
def runtime_url(database_url: str) -> Iterator[str]:
    """URL of a role with the rights that the documentation gives to it, and no others."""
    role = f"runtime_{token_hex(4)}"
    page = (PROJECT / "docs" / "history.md").read_text()
    (documented,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(documented.replace("planexe_runtime", role).encode())
        as_role = make_url(database_url).set(query={"options": f"-c role={role}"})
        yield as_role.render_as_string(hide_password=False)
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())


def test_role_that_only_reads_and_inserts_can_write_batches_and_change_nothing(
    partitions: Partitions, runtime_url: str
) -> None:
    partitions.make_for([FAR_ID])
    engine = connect(runtime_url)
    assert BatchWriter(engine).write(Batch(events=logged(make_events(3, FAR_ID)))) == 3
    assert len(History(engine).page(FAR_ID)) == 3
    assert Archives(engine, Path()).all() == {}
    for statement in ("UPDATE {} SET seq = 9", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"):
        for table in ("execution_events", partition_of(Month(2150, 3)).name):
            with (
                pytest.raises(RecordError, match=r"permission denied|must be owner"),
                transaction(engine) as connection,
            ):
                connection.execute(text(statement.format(table)))
    assert not Partitions(engine).are_ours()
    assert partitions.are_ours()
    engine.dispose()
