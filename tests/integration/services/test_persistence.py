"""The log written into the record, whatever happens half-way."""

import datetime as dt
import threading

import psycopg
import pytest
import redis

from app.live.keys import Keys
from app.live.locks import Locks
from app.live.log import Log
from app.record.batches import BatchWriter
from app.record.errors import RecordUnavailable
from app.services import Services
from config.settings import Settings
from tests.replay import assert_record_proves_itself

from ..stage import Stage, plan_document

NO_TIME = dt.timedelta()


def recorded(settings: Settings, execution_id: str) -> int:
    with psycopg.connect(settings.database_url or "") as connection:
        query = "SELECT count(*) FROM execution_events WHERE execution_id = %s"
        row = connection.execute(query, [execution_id]).fetchone()
        assert row
        return row[0]


def test_drain_writes_all_events_and_the_states_they_fold_to(
    services: Services, settings: Settings, stage: Stage
) -> None:
    agent = stage.agent()
    first, second = stage.execution(agent), stage.execution(agent)
    stage.carry_out(agent)

    written = services.persistence.drain(stage.workspace_id, NO_TIME)

    headers = [
        assert_record_proves_itself(settings.database_url or "", stage.workspace_id, one)
        for one in (first, second)
    ]
    assert [header.status for header in headers] == ["COMPLETED", "COMPLETED"]
    assert written == sum(header.seq for header in headers)
    assert services.persistence.drain(stage.workspace_id, NO_TIME) == 0


def test_record_proves_itself_at_every_point_of_an_execution(
    services: Services, settings: Settings, stage: Stage
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 3))
    while True:
        services.persistence.drain(stage.workspace_id, NO_TIME)
        place = stage.workspace_id, execution_id
        header = assert_record_proves_itself(settings.database_url or "", *place)
        assert header == services.executions.header(*place)
        if not stage.carry_out(agent, 1):
            break
    assert header.status == "COMPLETED"


def test_drain_takes_more_than_one_batch(
    services: Services, settings: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.persistence._size, "most", 3)
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)

    services.persistence.drain(stage.workspace_id, dt.timedelta(seconds=2))

    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)


def test_death_between_commit_and_acknowledgement_repeats_harmlessly(
    services: Services, settings: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent, 2)
    with monkeypatch.context() as dying:
        dying.setattr(Log, "recorded", _die)
        with pytest.raises(KeyboardInterrupt):
            services.persistence.drain(stage.workspace_id, NO_TIME)
    before = recorded(settings, execution_id)
    assert before == services.executions.header(stage.workspace_id, execution_id).seq

    stage.carry_out(agent)
    services.persistence.drain(stage.workspace_id, NO_TIME)

    header = assert_record_proves_itself(
        settings.database_url or "", stage.workspace_id, execution_id
    )
    assert header.status == "COMPLETED"
    assert recorded(settings, execution_id) == header.seq


def test_entries_taken_by_a_worker_that_failed_are_written_by_the_next(
    services: Services, settings: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    with monkeypatch.context() as failing:
        failing.setattr(BatchWriter, "write", _unavailable)
        with pytest.raises(RecordUnavailable):
            services.persistence.drain(stage.workspace_id, NO_TIME)
    assert recorded(settings, execution_id) == 0

    services.persistence.drain(stage.workspace_id, NO_TIME)

    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)


def test_several_drains_at_once_do_no_harm(
    services: Services, settings: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Locks, "take", lambda *_: True)  # as if each held a lock that ran out
    agent = stage.agent()
    execution_ids = [stage.execution(agent) for _ in range(3)]
    lasting = dt.timedelta(seconds=1)
    drains = [
        threading.Thread(target=services.persistence.drain, args=(stage.workspace_id, lasting))
        for _ in range(3)
    ]
    for drain in drains:
        drain.start()
    stage.carry_out(agent)
    for drain in drains:
        drain.join()

    services.persistence.drain(stage.workspace_id, NO_TIME)

    for execution_id in execution_ids:
        header = assert_record_proves_itself(
            settings.database_url or "", stage.workspace_id, execution_id
        )
        assert header.status == "COMPLETED"


def test_drain_leaves_the_work_to_another_that_holds_the_lock(
    services: Services, settings: Settings, stage: Stage, redis_url: str
) -> None:
    execution_id = stage.execution(stage.agent())
    with redis.Redis.from_url(redis_url) as client:
        client.set(Keys(stage.workspace_id).lock("persist"), "1", px=10_000)

    assert services.persistence.drain(stage.workspace_id, NO_TIME) == 0
    assert recorded(settings, execution_id) == 0


def test_recorded_events_leave_the_execution_s_stream(
    services: Services, stage: Stage, redis_url: str
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    services.persistence.drain(stage.workspace_id, NO_TIME)

    with redis.Redis.from_url(redis_url) as client:
        assert client.xlen(Keys(stage.workspace_id).events(execution_id)) == 0


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def _unavailable(*_: object) -> int:
    raise RecordUnavailable("PostgreSQL does not answer.")
