from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from app.record import migrate
from app.record.engine import connect, driver_url, transaction
from app.record.errors import RecordUnavailable, UnknownSchema
from app.record.partitions import is_partition
from app.record.tables import metadata


def include_name(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or not is_partition(name or "")


def tables_in(url: str) -> set[str]:
    engine = connect(url)
    try:
        found = set(inspect(engine).get_table_names()) - {"alembic_version"}
        return {name for name in found if not is_partition(name)}
    finally:
        engine.dispose()


def test_schema_goes_up_down_and_up_again(empty_database_url: str) -> None:
    assert migrate.current(empty_database_url) is None
    migrate.upgrade(empty_database_url)
    assert migrate.current(empty_database_url) == migrate.newest()
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
    assert migrate.current(empty_database_url) == migrate.newest()


def test_database_of_a_newer_version_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnknownSchema, match="9999"):
        migrate.upgrade(database_url)


def test_unreachable_database_is_told_as_unavailable() -> None:
    with pytest.raises(RecordUnavailable):
        migrate.upgrade("postgres://nobody@127.0.0.1:1/none")
