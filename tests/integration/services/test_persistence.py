"""The log written into the record, whatever happens half-way."""

import datetime as dt
import itertools
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis
from redis.connection import AbstractConnection

from app.domain.errors import Invalid
from app.domain.events import EventType, parse_event
from app.live.keys import WORKSPACES, Keys
from app.live.locks import Locks
from app.live.log import GROUP, Backlog, Log
from app.live.pulse import Pulse
from app.record.batches import Batch, BatchWriter
from app.record.errors import RecordError, RecordUnavailable
from app.services import Services, outage
from app.services.identity import Principal
from config.settings import Settings
from tests.replay import assert_record_proves_itself

from ..stage import Stage, TurnedClock, plan_document, wait_until, wide_plan

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


def test_recorded_events_of_a_live_execution_stay_in_its_stream(
    services: Services, stage: Stage, redis_url: str
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent, 1)
    services.persistence.drain(stage.workspace_id, NO_TIME)

    seq = services.executions.header(stage.workspace_id, execution_id).seq
    assert streamed(redis_url, stage, execution_id) == seq


def test_where_redis_is_short_recorded_events_leave_it_and_can_still_be_read(
    services: Services, stage: Stage, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent()
    untouched, touched = stage.execution(agent), stage.execution(agent)
    services.persistence.drain(stage.workspace_id, NO_TIME)
    monkeypatch.setattr(Pulse, "share", lambda _: 0.61)
    stage.carry_out(agent, 1)
    stage.carry_out(agent, 1)

    services.persistence.drain(stage.workspace_id, NO_TIME)
    services.persistence.mend()

    for execution_id in (untouched, touched):
        seq = services.executions.header(stage.workspace_id, execution_id).seq
        assert streamed(redis_url, stage, execution_id) == 0
        assert stage.seqs(execution_id) == list(range(1, seq + 1))
    assert log_length(redis_url, stage) <= 1


def test_shedding_leaves_what_is_not_recorded(
    services: Services, stage: Stage, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    monkeypatch.setattr(Pulse, "share", lambda _: 0.61)
    with redis.Redis.from_url(redis_url) as client:
        client.set(Keys(stage.workspace_id).lock("persist"), "1", px=10_000)

    services.persistence.mend()

    seq = services.executions.header(stage.workspace_id, execution_id).seq
    assert streamed(redis_url, stage, execution_id) == seq


def test_event_that_never_goes_in_is_set_aside_and_holds_up_no_other(
    services: Services,
    settings: Settings,
    stage: Stage,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    agent = stage.agent()
    bad, good = stage.execution(agent), stage.execution(agent)
    stage.carry_out(agent)
    services.persistence.drain(stage.workspace_id, NO_TIME)
    last = services.executions.header(stage.workspace_id, bad).seq
    bad = stage.execution(agent)
    stage.carry_out(agent)
    with monkeypatch.context() as refusing:
        refusing.setattr(BatchWriter, "write", refusing_one(bad, seq=4))
        services.persistence.drain(stage.workspace_id, NO_TIME)
        services.persistence.mend()  # It is tried again, and told of only once.

    assert last == services.executions.header(stage.workspace_id, bad).seq
    assert recorded(settings, bad) == last - 1
    assert recorded(settings, good) == last
    assert services.persistence.backlog(stage.workspace_id) == Backlog(0, None, set_aside=1)
    assert stage.seqs(bad) == list(range(1, last + 1))
    (told,) = [one for one in caplog.records if "set aside" in one.message]
    assert (told.levelname, told.execution_id, told.seq) == ("ERROR", bad, 4)  # type: ignore[attr-defined]

    services.persistence.mend()

    assert services.persistence.backlog(stage.workspace_id).set_aside == 0
    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, bad)


def test_execution_with_an_event_set_aside_stays_until_the_record_takes_it(
    services: Services,
    settings: Settings,
    stage: Stage,
    clock: TurnedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    last = services.executions.header(stage.workspace_id, execution_id).seq
    with monkeypatch.context() as refusing:
        refusing.setattr(BatchWriter, "write", refusing_one(execution_id, seq=4))
        services.persistence.drain(stage.workspace_id, NO_TIME)
    clock.advance(minutes=5)
    services.upkeep.sweep(stage.workspace_id)
    assert services.executions._live.headers(stage.workspace_id, [execution_id])
    assert stage.seqs(execution_id) == list(range(1, last + 1))

    services.persistence.mend()
    services.upkeep.sweep(stage.workspace_id)

    assert not services.executions._live.headers(stage.workspace_id, [execution_id])
    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)


def test_stream_of_an_execution_with_an_event_set_aside_is_not_shed(
    services: Services, stage: Stage, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    monkeypatch.setattr(Pulse, "share", lambda _: 0.61)
    monkeypatch.setattr(BatchWriter, "write", refusing_one(execution_id, seq=3))
    services.persistence.drain(stage.workspace_id, NO_TIME)
    services.persistence.mend()

    seq = services.executions.header(stage.workspace_id, execution_id).seq
    assert streamed(redis_url, stage, execution_id) == seq


def test_nothing_is_set_aside_where_postgresql_refuses_everything(
    services: Services, settings: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(4, 4))
    stage.carry_out(agent)
    with monkeypatch.context() as refusing:
        refusing.setattr(BatchWriter, "write", _refused)
        with pytest.raises(RecordError, match="refuses every event"):
            services.persistence.drain(stage.workspace_id, NO_TIME)

    backlog = services.persistence.backlog(stage.workspace_id)
    assert backlog.set_aside == 0
    assert backlog.entries == services.executions.header(stage.workspace_id, execution_id).seq
    services.persistence.drain(stage.workspace_id, NO_TIME)
    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)


def test_batches_hold_no_more_bytes_than_allowed(
    services: Services, settings: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent(max_concurrent_tasks=200)
    execution_id = stage.execution(agent, wide_plan(200))
    for work in iter(lambda: stage.poll(agent), None):
        task_id = work["next_task"]["task_id"]
        output = {"text": "x" * 20_000}
        stage.report(agent, execution_id, EventType.TASK_COMPLETE, task_id, output_data=output)
    sizes: list[int] = []
    write = BatchWriter.write

    def weighed(writer: BatchWriter, batch: Batch) -> int:
        sizes.append(sum(len(event.body) for event in batch.events))
        return write(writer, batch)

    monkeypatch.setattr(BatchWriter, "write", weighed)
    monkeypatch.setattr(services.persistence._size, "most_bytes", 500_000)
    services.persistence.drain(stage.workspace_id, NO_TIME)

    assert sum(sizes) > 4_000_000
    assert max(sizes) < 500_000 + 50 * 25_000
    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)


def test_a_shard_is_recorded_with_all_its_workspaces(
    services: Services, settings: Settings, stage: Stage
) -> None:
    with psycopg.connect(settings.database_url or "") as connection:
        for number in range(6):
            query = "INSERT INTO workspaces (workspace_id, name, created_at) VALUES (%s, '', now())"
            connection.execute(query, [f"ws_{number}"])
    others = [Stage(services, Principal(f"ws_{number}", "U", user_id="u")) for number in range(6)]
    executions = {one.workspace_id: one.execution(one.agent()) for one in (stage, *others)}

    for shard in range(2):
        services.persistence.drain_shard(shard, 2, NO_TIME)

    assert len({workspaces_shard(one) for one in executions}) == 2
    for workspace_id, execution_id in executions.items():
        assert recorded(settings, execution_id) > 0
        assert services.persistence.backlog(workspace_id).entries == 0


def test_a_thousand_quiet_workspaces_cost_no_more_round_trips_than_one(
    services: Services, stage: Stage, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.execution(stage.agent())
    services.persistence.drain(stage.workspace_id, NO_TIME)

    def look() -> None:
        services.persistence.drain_shard(0, 1, NO_TIME)
        services.rounds.sweep(0, 1)

    one = round_trips(monkeypatch, look)
    assert one > 0
    with redis.Redis.from_url(redis_url) as client:
        client.sadd(WORKSPACES, *(f"quiet_{number}" for number in range(1000)))
        for number in range(1000):
            client.xadd(Keys(f"quiet_{number}").log, {"x": "e"}, id="1-0")
            client.xgroup_create(Keys(f"quiet_{number}").log, GROUP, id="$")

    assert round_trips(monkeypatch, look) == one


def test_an_absence_of_postgresql_is_told_once_and_its_return_once(
    services: Services,
    settings: Settings,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    execution_id = stage.execution(stage.agent())
    tries: list[float] = []
    with monkeypatch.context() as away:

        def refuse(*_: object) -> int:
            tries.append(time.monotonic())
            raise RecordUnavailable("PostgreSQL does not answer.")

        away.setattr(BatchWriter, "write", refuse)
        away.setattr(outage, "FIRST_SECONDS", 0.02)

        def tried_often() -> bool:
            services.persistence.drain_shard(0, 1, NO_TIME)
            return len(tries) >= 5

        wait_until("five tries", tried_often)
    for number, (before, after) in enumerate(itertools.pairwise(tries)):
        assert after - before >= 0.01 * 2**number

    def written() -> int:
        services.persistence.drain_shard(0, 1, NO_TIME)
        return recorded(settings, execution_id)

    wait_until("it is recorded", written)
    told = [one.message for one in caplog.records if "the log is not recorded" in one.message]
    assert len(told) == 2
    assert "PostgreSQL does not answer. Trying again" in told[0]
    assert "works again after" in told[1]


def test_a_late_record_is_told_once(
    services: Services, stage: Stage, clock: TurnedClock, caplog: pytest.LogCaptureFixture
) -> None:
    agent = stage.agent()
    for ahead in (0, 6, 0, -6):
        clock.advance(seconds=ahead)
        stage.execution(agent)
        services.persistence.drain(stage.workspace_id, NO_TIME)

    told = [one.message for one in caplog.records if "the record" in one.message]
    assert [line.split(" is")[0] for line in told] == ["the record", "the record has caught up"]


def test_backlog_tells_how_much_is_not_recorded_and_since_when(
    services: Services, stage: Stage
) -> None:
    agent = stage.agent()
    assert services.persistence.backlog(stage.workspace_id) == Backlog(0, None, 0)
    before = dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=1)
    execution_id = stage.execution(agent)

    backlog = services.persistence.backlog(stage.workspace_id)

    assert backlog.entries == services.executions.header(stage.workspace_id, execution_id).seq
    assert backlog.oldest_at
    assert before <= backlog.oldest_at <= dt.datetime.now(dt.UTC)


def test_a_full_redis_is_recorded_and_gets_room_again(
    services: Services, settings: Settings, stage: Stage, redis_url: str
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    with redis.Redis.from_url(redis_url) as client:
        before = client.config_get("maxmemory*")
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        try:
            services.persistence.drain_shard(0, 1, NO_TIME)
        finally:
            client.config_set("maxmemory", before["maxmemory"])
            client.config_set("maxmemory-policy", before["maxmemory-policy"])

    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)
    assert services.persistence.backlog(stage.workspace_id).entries == 0


def streamed(redis_url: str, stage: Stage, execution_id: str) -> int:
    with redis.Redis.from_url(redis_url) as client:
        return client.xlen(Keys(stage.workspace_id).events(execution_id))


def log_length(redis_url: str, stage: Stage) -> int:
    with redis.Redis.from_url(redis_url) as client:
        return client.xlen(Keys(stage.workspace_id).log)


def workspaces_shard(workspace_id: str) -> int:
    return zlib.crc32(workspace_id.encode()) % 2


def round_trips(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> int:
    """Count what is sent to Redis; a pipeline is sent at once."""
    sent: list[object] = []
    send = AbstractConnection.send_packed_command

    def counted(connection: AbstractConnection, *args: Any, **options: Any) -> None:
        sent.append(args)
        send(connection, *args, **options)

    with monkeypatch.context() as counting:
        counting.setattr(AbstractConnection, "send_packed_command", counted)
        act()
    return len(sent)


def refusing_one(execution_id: str, seq: int) -> Callable[[BatchWriter, Batch], int]:
    """Write as ever, but refuse each batch that holds this event."""
    write = BatchWriter.write

    def refusing(writer: BatchWriter, batch: Batch) -> int:
        for event in batch.events:
            if event.execution_id == execution_id and parse_event(event.body).seq == seq:
                raise Invalid("A value cannot be stored.")
        return write(writer, batch)

    return refusing


def _refused(*_: object) -> int:
    raise RecordError("relation does not exist")


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _unavailable(*_: object) -> int:
    raise RecordUnavailable("PostgreSQL does not answer.")
