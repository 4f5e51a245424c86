"""Everything into one file, and everything back from it."""

import datetime as dt
import itertools
import stat
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from app.domain.events import EventType
from app.domain.ids import new_id
from app.record import migrate
from app.record.errors import UnknownSchema
from app.services import Services
from app.services.backup import check, seal_of
from app.services.errors import BackupError
from app.services.identity import Principal
from config.settings import Settings
from tests.replay import assert_record_proves_itself

from ..stage import Process, Stage, TurnedClock, plan_document

NO_TIME = dt.timedelta()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.zip"


@pytest.fixture
def elsewhere(
    services: Services, process: Process, empty_database_url: str, clock: TurnedClock
) -> Services:
    """The services of another installation, on a database without any table and the same Redis."""
    assert services
    return process(clock, database_url=empty_database_url)


@pytest.fixture
def client(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def rows(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1').fetchall()
            for (name,) in tables
        }


def events(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT execution_id, event_id FROM execution_events").fetchall()


def work(
    stage: Stage, agent: Principal, acknowledged: list[tuple[str, str]], stop: threading.Event
) -> None:
    """Complete some subtasks, then report on the next until told to stop; note what is kept."""
    kinds = itertools.chain([EventType.TASK_COMPLETE] * 10, itertools.repeat(EventType.NOTE))
    for kind in kinds:
        found = stage.poll(agent)
        assert found
        execution_id, task_id = found["execution_id"], found["next_task"]["task_id"]
        event_id = new_id("evt")
        output = {"nul": "a\0b\n\\."}
        stage.report(agent, execution_id, kind, task_id, event_id=event_id, output_data=output)
        acknowledged.append((execution_id, event_id))
        if stop.is_set():
            return


def test_everything_comes_back_after_both_servers_lost_all(
    stage: Stage,
    services: Services,
    elsewhere: Services,
    client: redis.Redis,
    file: Path,
    empty_database_url: str,
) -> None:
    agents = [stage.agent() for _ in range(4)]
    executions = [stage.execution(agent, plan_document(6, 8)) for agent in agents]
    acknowledged: list[tuple[str, str]] = []
    stop = threading.Event()
    workers = [
        threading.Thread(target=work, args=(stage, one, acknowledged, stop)) for one in agents
    ]
    for worker in workers:
        worker.start()
    try:
        while len(acknowledged) < 60:
            assert all(worker.is_alive() for worker in workers)
        before = list(acknowledged)
        manifest = services.backup.create(file)
        meanwhile = len(acknowledged) - len(before)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert meanwhile > 0, "nobody worked while the backup was made"
    client.flushdb()

    restored = elsewhere.backup.restore(file)

    assert restored.walk.broken == {}
    assert restored.walk.events >= manifest.rows("execution_events") >= len(before)
    there = events(empty_database_url)
    assert set(before) <= set(there)
    assert len(there) == len(set(there))
    again = Stage(elsewhere, stage.owner)
    for agent in agents:
        again.carry_out(agent)
    elsewhere.persistence.drain(stage.workspace_id, NO_TIME)
    for execution_id in executions:
        place = stage.workspace_id, execution_id
        assert assert_record_proves_itself(empty_database_url, *place).status == "COMPLETED"
    ended = events(empty_database_url)
    assert len(ended) == len(set(ended))


def test_what_redis_knows_beyond_the_backup_is_caught_up(
    stage: Stage,
    services: Services,
    elsewhere: Services,
    client: redis.Redis,
    file: Path,
    empty_database_url: str,
) -> None:
    agent = stage.agent()
    first = stage.execution(agent)
    stage.carry_out(agent, 1)
    services.backup.create(file)
    second = stage.execution(agent)
    stage.carry_out(agent, 3)
    seqs = {one: stage.seqs(one) for one in (first, second)}

    restored = elsewhere.backup.restore(file)

    again = Stage(elsewhere, stage.owner)
    assert {one: again.seqs(one) for one in seqs} == seqs
    assert [one.what for one in restored.findings] == ["ahead"]
    again.carry_out(agent)
    elsewhere.persistence.drain(stage.workspace_id, NO_TIME)
    for one in seqs:
        place = stage.workspace_id, one
        assert assert_record_proves_itself(empty_database_url, *place).status == "COMPLETED"


def test_what_redis_knows_is_dropped_where_that_is_asked_for(
    stage: Stage, services: Services, elsewhere: Services, client: redis.Redis, file: Path
) -> None:
    agent = stage.agent()
    first = stage.execution(agent)
    stage.carry_out(agent, 1)
    services.backup.create(file)
    kept = stage.seqs(first)
    second = stage.execution(agent)
    stage.carry_out(agent)

    restored = elsewhere.backup.restore(file, discard_live=True)

    again = Stage(elsewhere, stage.owner)
    assert [(one.execution_id, one.what) for one in restored.findings] == [(first, "missing")]
    assert again.seqs(first) == kept
    assert not client.keys(f"*{second}*")
    assert again.carry_out(agent) == 3


def test_restoring_replaces_all_that_was_there(
    stage: Stage, services: Services, settings: Settings, file: Path
) -> None:
    url = settings.database_url or ""
    stage.execution(stage.agent())
    services.backup.create(file)
    before = rows(url)
    for _ in range(2):
        stage.plan(plan_document())
        services.backup.restore(file)
        assert rows(url) == before


def test_a_backup_is_whole_private_and_says_what_is_in_it(
    stage: Stage, services: Services, file: Path
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    file.write_text("an older one")
    manifest = services.backup.create(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert check(file) == manifest
    assert manifest.revision == migrate.newest()
    assert manifest.rows("execution_events") == len(stage.seqs(execution_id))


@pytest.mark.parametrize("part", ["tables/execution_events.copy", "manifest.json"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    stage: Stage, services: Services, settings: Settings, file: Path, part: str
) -> None:
    stage.execution(stage.agent())
    services.backup.create(file)
    damage(file, part, lambda content: content.replace(b"execution", b"Execution", 1))
    before = rows(settings.database_url or "")
    with pytest.raises(BackupError):
        services.backup.restore(file)
    assert rows(settings.database_url or "") == before


def test_any_flipped_byte_of_the_file_is_found(
    stage: Stage, services: Services, file: Path
) -> None:
    stage.execution(stage.agent())
    services.backup.create(file)
    content = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        place = archive.getinfo("tables/execution_events.copy").header_offset + 200
    file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(BackupError):
        check(file)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_backup_is_refused(services: Services, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(BackupError):
        services.backup.restore(file)


def test_a_backup_of_a_newer_version_is_refused(
    stage: Stage, services: Services, settings: Settings, file: Path
) -> None:
    services.backup.create(file)
    newest = (migrate.newest() or "").encode()
    damage(file, "manifest.json", lambda content: content.replace(newest, b"9999"), sealed=True)
    before = rows(settings.database_url or "")
    with pytest.raises(UnknownSchema):
        services.backup.restore(file)
    assert rows(settings.database_url or "") == before


def test_a_backup_whose_rows_do_not_fit_changes_nothing(
    stage: Stage, services: Services, settings: Settings, file: Path, client: redis.Redis
) -> None:
    stage.execution(stage.agent())
    manifest = services.backup.create(file)
    url = settings.database_url or ""
    files = [one for one in manifest.tables if one.table != "workspaces"]
    before = rows(url)
    with zipfile.ZipFile(file) as archive, pytest.raises(Exception, match="does not exist"):
        services.backup._copies.load(manifest.revision, files, archive.open)
    assert rows(url) == before


def test_a_backup_waits_for_the_record_and_gives_up_in_time(
    stage: Stage, services: Services, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.execution(stage.agent())
    monkeypatch.setattr(services.persistence, "drain", lambda *_: 0)
    with pytest.raises(BackupError, match="not in PostgreSQL"):
        services.backup.create(file, NO_TIME)
    assert list(file.parent.iterdir()) == []


def damage(
    file: Path, part: str, change: Callable[[bytes], bytes], *, sealed: bool = False
) -> None:
    """Write the file anew with one part changed; ``sealed`` as if it had been made so."""
    with zipfile.ZipFile(file) as archive:
        comment = archive.comment
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert change(parts[part]) != parts[part]
    parts[part] = change(parts[part])
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        archive.comment = seal_of(parts["manifest.json"]) if sealed else comment
