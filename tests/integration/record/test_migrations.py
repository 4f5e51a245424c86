from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from app.domain.ids import least_id, new_id
from app.record import migrate
from app.record.engine import connect, driver_url, transaction
from app.record.errors import RecordUnavailable, UnknownSchema
from app.record.partitions import is_partition
from app.record.schema import newest
from app.record.tables import metadata

from .builders import NOON


def include_name(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or not is_partition(name or "")


def tables_in(url: str) -> set[str]:
    return {name for name in all_tables_in(url) if not is_partition(name)}


def all_tables_in(url: str) -> set[str]:
    engine = connect(url)
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_schema_goes_up_down_and_up_again(empty_database_url: str) -> None:
    assert migrate.current(empty_database_url) is None
    migrate.upgrade(empty_database_url)
    assert migrate.current(empty_database_url) == newest()
    assert tables_in(empty_database_url) == set(metadata.tables)
    migrate.downgrade(empty_database_url)
    assert migrate.current(empty_database_url) is None
    assert tables_in(empty_database_url) == set()
    migrate.upgrade(empty_database_url)
    assert tables_in(empty_database_url) == set(metadata.tables)


def test_migrated_schema_equals_the_tables(database_url: str) -> None:
    # Reflection reads JSON of its own, which our engine would leave undecoded.
    engine = create_engine(driver_url(database_url))
    with transaction(engine) as connection:
        options = {"compare_server_default": True, "include_name": include_name}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        for table in metadata.sorted_tables:
            key = found.get_pk_constraint(table.name)
            assert key["constrained_columns"] == [column.name for column in table.primary_key]
            checks = {check["name"] for check in found.get_check_constraints(table.name)}
            assert checks == {"ck_api_keys_one_owner"} & {f"ck_{table.name}_one_owner"}
    engine.dispose()


def test_several_processes_may_migrate_at_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, [empty_database_url] * 4))
    assert migrate.current(empty_database_url) == newest()


def test_database_of_a_newer_version_is_refused(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnknownSchema, match="9999"):
        migrate.upgrade(empty_database_url)


def test_unreachable_database_is_told_as_unavailable() -> None:
    with pytest.raises(RecordUnavailable):
        migrate.upgrade("postgres://nobody@127.0.0.1:1/none")


def test_log_keeps_its_rows_when_it_is_partitioned_and_back(empty_database_url: str) -> None:
    rows = [
        (
            execution_id,
            seq,
            "ws",
            "evt",
            "note",
            None,
            "a",
            NOON,
            "h",
            '{"z": 1.50,  "a":"\\u0000"}',
        )
        for execution_id in (new_id("exec"), least_id("exec", NOON) + "0" * 16, "exec_1", "odd")
        for seq in (1, 2)
    ]
    migrate.upgrade(empty_database_url)
    migrate.downgrade(empty_database_url, "0002")
    with psycopg.connect(empty_database_url) as connection:
        marks = ", ".join(["%s"] * len(rows[0]))
        connection.cursor().executemany(f"INSERT INTO execution_events VALUES ({marks})", rows)

    def stored() -> list[tuple[object, ...]]:
        with psycopg.connect(empty_database_url) as connection:
            return connection.execute(
                "SELECT execution_id, seq, workspace_id, event_id, event_type, task_id, agent_id, "
                "recorded_at, hash, body::text FROM execution_events"
            ).fetchall()

    assert sorted(stored(), key=str) == sorted(rows, key=str)
    migrate.upgrade(empty_database_url)
    assert sorted(stored(), key=str) == sorted(rows, key=str)
    migrate.downgrade(empty_database_url, "0002")
    assert sorted(stored(), key=str) == sorted(rows, key=str)
    assert not [name for name in all_tables_in(empty_database_url) if is_partition(name)]
