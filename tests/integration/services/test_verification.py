"""Verification on real servers: what is true is proven, what was touched is named."""

import datetime as dt
import logging
import threading
from typing import Any

import msgspec
import psycopg
import pytest
import redis

from app.domain.errors import Archived, NotFound
from app.domain.events import EventType
from app.domain.ids import new_id
from app.domain.proof import Proof
from app.live.keys import Keys, timer
from app.services import Services
from app.services.verification import AT_A_TIME
from config.settings import Settings

from ..stage import Stage, TurnedClock, plan_document, wide_plan

NO_TIME = dt.timedelta()


class Scene:
    """An execution half done, and hands to falsify it with."""

    def __init__(self, stage: Stage, settings: Settings, client: redis.Redis) -> None:
        self.stage = stage
        self.client = client
        self.database_url = settings.database_url or ""
        self.keys = Keys(stage.workspace_id)
        self.agent = stage.agent()
        self.execution_id = stage.execution(self.agent, plan_document(2, 3))
        stage.carry_out(self.agent, 2)
        stage.poll(self.agent)

    def drain(self) -> None:
        self.stage.services.persistence.drain(self.stage.workspace_id, NO_TIME)

    def verify(self) -> Proof:
        return self.stage.services.verification.verify(self.stage.workspace_id, self.execution_id)

    def found(self) -> list[tuple[int, str, str]]:
        return [(one.seq, one.where.value, one.what) for one in self.verify().differences]

    def sql(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.database_url) as connection:
            # As somebody who can pass the guards of the tables by.
            connection.execute("SET session_replication_role = replica")
            changed = connection.execute(statement, [*values, self.execution_id])
            assert changed.rowcount == 1

    def seq_of(self, subtask_id: str) -> int:
        state = self.stage.services.executions.execution(self.stage.workspace_id, self.execution_id)
        return state.subtasks[subtask_id].seq

    def finish(self, services: Services, clock: TurnedClock) -> None:
        """Carry everything out, and let it leave Redis."""
        work = self.stage.poll(self.agent)
        assert work
        task_id = work["next_task"]["task_id"]
        self.stage.report(self.agent, self.execution_id, EventType.TASK_COMPLETE, task_id)
        self.stage.carry_out(self.agent)
        self.drain()
        clock.advance(minutes=5)
        services.upkeep.sweep(self.stage.workspace_id)
        assert not self.client.exists(self.keys.header(self.execution_id))


@pytest.fixture
def client(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def scene(stage: Stage, settings: Settings, client: redis.Redis) -> Scene:
    return Scene(stage, settings, client)


def test_execution_is_proven_before_and_after_it_is_recorded_and_when_it_has_left(
    scene: Scene, services: Services, clock: TurnedClock
) -> None:
    before = scene.verify()
    scene.drain()
    recorded = scene.verify()
    scene.finish(services, clock)
    after = scene.verify()

    assert before.ok, before.differences
    assert recorded == before
    assert after.ok, after.differences
    assert after.events > before.events


def test_every_kind_of_trouble_leaves_a_proof(
    scene: Scene, services: Services, stage: Stage, clock: TurnedClock
) -> None:
    work = stage.poll(scene.agent)
    assert work
    task_id = work["next_task"]["task_id"]
    stage.report(scene.agent, scene.execution_id, EventType.TASK_ERROR, task_id)
    assert scene.verify().ok
    clock.advance(hours=2)
    services.upkeep.sweep(stage.workspace_id)
    stage.poll(scene.agent)
    stage.report(
        scene.agent, scene.execution_id, EventType.TASK_ERROR, task_id, error_type="permanent"
    )
    scene.drain()
    assert scene.verify().ok
    for status in ("PAUSED", "RUNNING", "CANCELLED"):
        services.executions.control(stage.owner, scene.execution_id, {"status": status})
        proof = scene.verify()
        assert proof.ok, proof.differences


def test_flipped_byte_of_a_recorded_event_is_located(scene: Scene) -> None:
    scene.drain()
    scene.client.delete(scene.keys.events(scene.execution_id))
    scene.sql(
        "UPDATE execution_events SET body = replace(body::text, 'agent:', 'agenT:')::json "
        "WHERE seq = 5 AND execution_id = %s"
    )

    assert scene.found() == [(5, "chain", "hash")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event_id", "evt_0"),
        ("event_type", "note"),
        ("task_id", "t9"),
        ("agent_id", None),
        ("recorded_at", "2020-01-01T00:00:00Z"),
        ("workspace_id", "elsewhere"),
    ],
)
def test_silent_update_of_an_events_column_is_located(
    scene: Scene, column: str, value: str | None
) -> None:
    scene.drain()
    scene.sql(
        f"UPDATE execution_events SET {column} = %s WHERE seq = 5 AND execution_id = %s", value
    )

    assert scene.found() == [(5, "log", f"column {column}")]


def test_event_moved_to_another_execution_is_missed(scene: Scene) -> None:
    scene.drain()
    scene.client.delete(scene.keys.events(scene.execution_id))
    scene.sql(
        "UPDATE execution_events SET execution_id = %s WHERE seq = 4 AND execution_id = %s",
        new_id("exec"),
    )

    assert scene.found()[0] == (4, "log", "event")


def test_event_that_redis_and_postgresql_hold_differently_is_located(
    scene: Scene, client: redis.Redis
) -> None:
    kept = client.dump(scene.keys.events(scene.execution_id))
    scene.drain()
    client.restore(scene.keys.events(scene.execution_id), 0, kept, replace=True)
    assert scene.verify().ok
    scene.sql(
        "UPDATE execution_events SET body = (body::text || ' ')::json "
        "WHERE seq = 3 AND execution_id = %s"
    )

    assert scene.found() == [(3, "chain", "hash"), (3, "log", "copy in Redis")]


@pytest.mark.parametrize("field", ["attempt", "agent_id"])
def test_changed_field_in_redis_is_located(scene: Scene, field: str) -> None:
    raw: Any = scene.client.hget(scene.keys.states(scene.execution_id), "s:t0s1")
    state = msgspec.json.decode(raw)
    state[field] = {"attempt": 2, "agent_id": "agent_9"}[field]
    scene.client.hset(scene.keys.states(scene.execution_id), "s:t0s1", msgspec.json.encode(state))

    assert scene.found() == [(scene.seq_of("t0s1"), "live", f"subtask t0s1.{field}")]


def test_unreadable_state_and_header_in_redis_are_told(scene: Scene) -> None:
    scene.client.hset(scene.keys.states(scene.execution_id), "s:t0s1", "{broken")
    assert [what for _, _, what in scene.found()] == ["subtask t0s1"]
    scene.client.hset(scene.keys.header(scene.execution_id), "header", "{broken")
    assert "header" in [what for _, _, what in scene.found()]


def test_version_that_differs_from_the_header_is_told(scene: Scene) -> None:
    scene.client.hset(scene.keys.header(scene.execution_id), "seq", "3")

    assert [what for _, _, what in scene.found()] == ["header field seq"]


def test_lost_and_spare_places_timers_and_blockers_are_told(scene: Scene) -> None:
    agent_id = scene.agent.agent_id or ""
    client, keys, execution_id = scene.client, scene.keys, scene.execution_id
    client.hdel(keys.leases(agent_id), f"{execution_id}|t0s2")
    client.zrem(keys.timers, timer("lease", execution_id, "t0s2"))
    client.zadd(keys.timers, {timer("delay", execution_id, "t0s0"): 1})
    client.hdel(keys.places(execution_id), "t0s2")
    blocker = {
        "blocker_id": "blk_0",
        "kind": "approval",
        "owner": "user:1",
        "opened_at": "2026-11-22T12:00:00Z",
    }
    listed = msgspec.json.encode({"execution_id": execution_id, "blocker": blocker})
    client.hset(keys.blockers, "blk_0", listed)

    assert {what for _, _, what in scene.found()} == {
        "place of t0s2",
        "timer lease of t0s2",
        "timer delay of t0s0",
        "blocker blk_0",
    }


def test_lease_that_is_not_where_it_should_be_is_told(scene: Scene) -> None:
    field = f"{scene.execution_id}|t0s2"
    scene.client.hdel(scene.keys.leases(scene.agent.agent_id or ""), field)

    assert scene.found() == [(scene.seq_of("t0s2"), "live", "work of t0s2")]


def test_queue_entry_that_was_deleted_is_told(scene: Scene, stage: Stage) -> None:
    idle = stage.agent()
    scene.execution_id = stage.execution(idle, wide_plan(3))
    scene.client.delete(scene.keys.work(idle.agent_id or ""))

    assert [what for _, _, what in scene.found()] == [f"work of t0s{n}" for n in range(3)]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("executions SET status = 'FAILED' WHERE", "header column status"),
        (
            "executions SET header = replace(header::text, 'agent_', 'agenT_')::json WHERE",
            "header.agent_id",
        ),
        (
            "execution_subtasks SET attempt = 5 WHERE subtask_id = 't0s0' AND",
            "subtask t0s0 column attempt",
        ),
        (
            "execution_subtasks SET state = '{\"seq\": 5}' WHERE subtask_id = 't0s0' AND",
            "subtask t0s0.status",
        ),
        (
            "execution_subtasks SET task_id = 't1' WHERE subtask_id = 't0s0' AND",
            "subtask t0s0 column task_id",
        ),
        ("execution_tasks SET task_id = 't9' WHERE task_id = 't1' AND", "task t1"),
        ("""execution_tasks SET state = '{"seq": "x"}' WHERE task_id = 't1' AND""", "task t1"),
    ],
)
def test_changed_row_is_located(scene: Scene, change: str, what: str) -> None:
    scene.drain()
    scene.sql(f"UPDATE {change} execution_id = %s")

    proof = scene.verify()

    assert what in [one.what for one in proof.differences if one.where == "record"]


def test_execution_that_the_record_lost_is_told(scene: Scene, services: Services) -> None:
    scene.drain()
    scene.sql("DELETE FROM executions WHERE execution_id = %s")

    assert scene.found() == [(1, "record", "execution")]
    verified = list(services.verification.verify_all(everything=False))
    assert [one.execution_id for one in verified] == [scene.execution_id]
    assert services.verification.workspace_of(scene.execution_id) == scene.stage.workspace_id


def test_unfinished_execution_that_redis_lost_is_told(scene: Scene, client: redis.Redis) -> None:
    scene.drain()
    client.flushdb()

    (difference,) = scene.verify().differences
    assert (difference.where, difference.what) == ("live", "execution")
    assert (difference.expected, difference.found) == ("RUNNING", None)


def test_lost_or_changed_graph_is_told(scene: Scene, client: redis.Redis) -> None:
    with psycopg.connect(scene.database_url) as connection:
        connection.execute("UPDATE execution_graphs SET packed = packed || '\\x00'::bytea")

    assert (0, "record", "graph") in scene.found()


def test_work_that_goes_on_meanwhile_is_no_difference(
    services: Services, stage: Stage, settings: Settings
) -> None:
    agent = stage.agent(max_concurrent_tasks=4)
    execution_id = stage.execution(agent, wide_plan(300))
    stop = threading.Event()

    def drain() -> None:
        while not stop.is_set():
            services.persistence.drain(stage.workspace_id, dt.timedelta(milliseconds=300))

    threads = [
        threading.Thread(target=drain),
        threading.Thread(target=stage.carry_out, args=[agent]),
    ]
    for thread in threads:
        thread.start()
    proofs: list[Proof] = []
    while threads[1].is_alive():
        proofs.append(services.verification.verify(stage.workspace_id, execution_id))
    stop.set()
    for thread in threads:
        thread.join()

    assert [one.differences for one in proofs if not one.ok] == []
    assert len({one.events for one in proofs}) > 3


def test_what_was_found_is_kept_and_told_in_the_log(
    scene: Scene, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    assert services.verification.last(scene.stage.workspace_id, scene.execution_id) is None
    scene.verify()
    first = services.verification.last(scene.stage.workspace_id, scene.execution_id)
    scene.client.hset(scene.keys.header(scene.execution_id), "seq", "3")
    with caplog.at_level(logging.ERROR):
        scene.verify()
    last = services.verification.last(scene.stage.workspace_id, scene.execution_id)

    assert first
    assert first.ok
    assert last
    assert last.ok is False
    assert last.differences[0].what == "header field seq"
    assert f"does not prove execution {scene.execution_id}: event" in caplog.text


def test_only_what_has_gone_on_is_verified_again(
    scene: Scene, services: Services, stage: Stage, clock: TurnedClock
) -> None:
    other = stage.execution(stage.agent())
    scene.drain()

    def verified(**asked: Any) -> set[str]:
        clock.advance(seconds=1)
        found = list(services.verification.verify_all(**asked))
        assert all(one.proof.ok for one in found)
        return {one.execution_id for one in found}

    assert verified(everything=False) == {scene.execution_id, other}
    assert verified(everything=False) == set()
    work = stage.poll(scene.agent)
    assert work
    stage.report(
        scene.agent, scene.execution_id, EventType.TASK_COMPLETE, work["next_task"]["task_id"]
    )
    scene.drain()
    assert verified(everything=False) == {scene.execution_id}
    assert verified(everything=True) == {scene.execution_id, other}


def test_night_goes_on_where_it_stopped_and_ends(
    scene: Scene, services: Services, stage: Stage, clock: TurnedClock, monkeypatch: Any
) -> None:
    for _ in range(3):
        stage.execution(scene.agent)
    scene.drain()
    verification = services.verification
    verify = type(verification).verify

    def slow(self: Any, *place: str) -> Proof:
        clock.advance(seconds=AT_A_TIME.total_seconds() / 2)
        return verify(self, *place)

    monkeypatch.setattr(type(verification), "verify", slow)

    assert [verification.verify_for_the_night() for _ in range(3)] == [2, 2, 0]


def test_archived_execution_is_skipped_and_said_so(
    scene: Scene, services: Services, monkeypatch: Any
) -> None:
    scene.drain()

    def refuse(_: str) -> None:
        raise Archived("They are in the archive of 2026-06.")

    events: Any = services.verification._events
    monkeypatch.setattr(events, "_refuse_archived", refuse)

    (one,) = services.verification.verify_all(everything=True)

    assert (one.proof, one.skipped) == (None, "They are in the archive of 2026-06.")
    last = services.verification.last(scene.stage.workspace_id, scene.execution_id)
    assert last
    assert last.ok is None
    with pytest.raises(Archived):
        scene.verify()


def test_unborn_execution_has_nothing_to_prove(
    scene: Scene, services: Services, client: redis.Redis
) -> None:
    client.flushdb()

    proof = scene.verify()

    assert proof.ok
    assert proof.events == 0


def test_somebody_elses_execution_is_not_found(scene: Scene, services: Services) -> None:
    with pytest.raises(NotFound):
        services.verification.verify("elsewhere", scene.execution_id)
    with pytest.raises(NotFound):
        services.verification.verify(scene.stage.workspace_id, "exec_0")
    with pytest.raises(NotFound):
        services.verification.workspace_of("exec_0")
