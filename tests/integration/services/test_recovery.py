"""Redis and the record reconciled, whichever of the two has lost something."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import redis

from app.domain.errors import NotFound, StaleLease
from app.domain.events import EventType
from app.live.keys import Keys
from app.live.log import GROUP
from app.services import Services
from app.services.errors import BeingRecovered
from app.services.identity import Principal
from app.services.recovery import PERSON, Finding
from config.settings import Settings
from tests.replay import assert_record_proves_itself

from ..stage import Stage, TurnedClock, plan_document, wide_plan

NO_TIME = dt.timedelta()


@pytest.fixture
def client(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def keys(stage: Stage) -> Keys:
    return Keys(stage.workspace_id)


@pytest.fixture
def proves(settings: Settings, stage: Stage) -> Callable[[str], str]:
    """Drain the log, then fold the record of an execution and give its status."""

    def proves(execution_id: str) -> str:
        stage.services.persistence.drain(stage.workspace_id, NO_TIME)
        url = settings.database_url or ""
        return assert_record_proves_itself(url, stage.workspace_id, execution_id).status

    return proves


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.what, one.action) for one in findings]


def drain(stage: Stage) -> None:
    stage.services.persistence.drain(stage.workspace_id, NO_TIME)


def everything(settings: Settings, client: redis.Redis) -> Any:
    """Give all that both servers hold, to be compared."""
    with psycopg.connect(settings.database_url or "") as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        rows = {
            name: connection.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1').fetchall()
            for (name,) in tables
        }
    dumped = {key: client.dump(key) for key in client.scan_iter()}
    return rows, dumped


def execute(settings: Settings, statement: str, *values: object) -> None:
    with psycopg.connect(settings.database_url or "") as connection:
        # What only a disaster does: the log itself refuses to lose anything.
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement, values)


def forget_events_after(settings: Settings, execution_id: str, seq: int) -> None:
    execute(
        settings,
        "DELETE FROM execution_events WHERE execution_id = %s AND seq > %s",
        execution_id,
        seq,
    )


def forget_execution(settings: Settings, execution_id: str) -> None:
    for table in ("execution_tasks", "execution_subtasks", "executions"):
        execute(settings, f"DELETE FROM {table} WHERE execution_id = %s", execution_id)


def half_way(stage: Stage, agent: Principal) -> tuple[str, dict[str, Any]]:
    """Bring an execution to where one subtask is done, one waits, one is leased, one is ready."""
    execution_id = stage.execution(agent, wide_plan(5))
    first = stage.poll(agent, instance="a")
    assert first
    stage.report(agent, execution_id, EventType.TASK_COMPLETE, first["next_task"]["task_id"])
    second = stage.poll(agent, instance="a")
    assert second
    stage.report(agent, execution_id, EventType.TASK_BLOCKED, second["next_task"]["task_id"])
    third = stage.poll(agent, instance="a")
    assert third
    stage.report(agent, execution_id, EventType.TASK_ERROR, third["next_task"]["task_id"])
    leased = stage.poll(agent, instance="a")
    assert leased
    return execution_id, leased["next_task"]


def test_what_is_in_order_is_left_as_it_is(
    services: Services, stage: Stage, settings: Settings, client: redis.Redis
) -> None:
    half_way(stage, stage.agent())
    done = stage.agent()
    stage.execution(done)
    stage.carry_out(done)
    assert services.recovery.recover() == []  # nothing is recorded yet, all of it waits in the log
    drain(stage)
    before = everything(settings, client)
    assert services.recovery.recover() == []
    assert everything(settings, client) == before


def test_an_emptied_redis_is_filled_again_and_the_execution_goes_on(
    services: Services,
    stage: Stage,
    client: redis.Redis,
    proves: Callable[[str], str],
    clock: TurnedClock,
) -> None:
    agent = stage.agent()
    execution_id, leased = half_way(stage, agent)
    before = services.executions.execution(stage.workspace_id, execution_id)
    drain(stage)
    client.flushdb()

    assert told(services.recovery.recover()) == [("missing", "rebuilt")]

    after = services.executions.execution(stage.workspace_id, execution_id)
    assert (after.header, after.subtasks, after.tasks) == (
        before.header,
        before.subtasks,
        before.tasks,
    )
    assert services.recovery.recover() == []
    stage.report(
        agent,
        execution_id,
        EventType.TASK_COMPLETE,
        leased["task_id"],
        lease_token=leased["lease_token"],
    )
    for _ in range(20):
        stage.carry_out(agent)
        clock.advance(hours=1)
        services.upkeep.sweep(stage.workspace_id)
    assert proves(execution_id) == "COMPLETED"


def test_maintenance_brings_back_what_redis_has_lost(
    services: Services, stage: Stage, client: redis.Redis, proves: Callable[[str], str]
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    drain(stage)
    client.flushdb()
    services.maintenance.maintain()
    assert stage.carry_out(agent) == 4
    assert proves(execution_id) == "COMPLETED"


def test_a_report_is_answered_as_before_by_an_execution_that_was_rebuilt(
    services: Services, stage: Stage, client: redis.Redis
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 3))
    assert stage.poll(agent)
    sent = {"event_id": "evt_mine", "output_data": {"n": 1}}
    first = stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s0", **sent)
    late = {"event_id": "evt_late", "lease_token": "1"}
    with pytest.raises(StaleLease) as refused:
        stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s1", **late)
    drain(stage)
    seqs = stage.seqs(execution_id)
    client.flushdb()
    services.recovery.recover()

    again = stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s0", **sent)

    assert {**again, "lease_expires_at": None} == {**first, "lease_expires_at": None}
    with pytest.raises(StaleLease, match=str(refused.value)):
        stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s1", **late)
    assert stage.seqs(execution_id) == seqs


def test_rows_that_were_ahead_of_lost_events_are_set_back(
    services: Services,
    stage: Stage,
    settings: Settings,
    client: redis.Redis,
    proves: Callable[[str], str],
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 3))
    stage.carry_out(agent, 1)
    drain(stage)
    (*_, kept) = stage.seqs(execution_id)
    stage.carry_out(agent)
    drain(stage)
    assert stage.status(execution_id) == "COMPLETED"
    forget_events_after(settings, execution_id, kept)
    client.flushdb()

    findings = services.recovery.recover()

    assert told(findings) == [("rows", "mended"), ("missing", "rebuilt")]
    assert proves(execution_id) == "RUNNING"
    stage.carry_out(agent)
    assert proves(execution_id) == "COMPLETED"


def test_redis_that_fell_behind_is_brought_up_to_the_log(
    services: Services,
    stage: Stage,
    keys: Keys,
    client: redis.Redis,
    proves: Callable[[str], str],
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 3))
    drain(stage)
    before = {key: client.dump(key) for key in client.scan_iter()}
    stage.carry_out(agent, 2)
    drain(stage)
    ahead = services.executions.execution(stage.workspace_id, execution_id)
    client.flushdb()
    for key, dumped in before.items():
        client.restore(key, 0, dumped)  # pyright: ignore[reportArgumentType]

    assert told(services.recovery.recover()) == [("behind", "rebuilt")]

    found = services.executions.execution(stage.workspace_id, execution_id)
    assert (found.header, found.subtasks) == (ahead.header, ahead.subtasks)
    assert stage.carry_out(agent) == 1
    assert proves(execution_id) == "COMPLETED"


def test_an_older_record_is_caught_up_from_redis(
    services: Services,
    stage: Stage,
    settings: Settings,
    keys: Keys,
    client: redis.Redis,
    proves: Callable[[str], str],
) -> None:
    agent = stage.agent()
    first, second = stage.execution(agent), stage.execution(agent)
    stage.carry_out(agent, 6)
    seqs = stage.seqs(first)
    # As after a restore: the log knows all of it as recorded, and the streams still have it.
    client.xgroup_create(keys.log, GROUP, id="$")
    client.xtrim(keys.log, maxlen=0)
    forget_execution(settings, second)

    findings = services.recovery.recover()

    assert told(findings) == [("ahead", "caught up")] * 2
    assert stage.seqs(first) == seqs
    assert {proves(one) for one in (first, second)} <= {"RUNNING", "COMPLETED"}
    assert services.recovery.recover() == []
    stage.carry_out(agent)
    assert {proves(one) for one in (first, second)} == {"COMPLETED"}
    row = services.executions._record.created_by(stage.workspace_id, second)
    assert row == stage.owner.actor


def test_a_gap_is_told_and_never_papered_over(
    services: Services, stage: Stage, settings: Settings, keys: Keys, client: redis.Redis
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent, 1)
    drain(stage)
    execute(
        settings,
        "DELETE FROM execution_events WHERE execution_id = %s AND seq BETWEEN 2 AND 3",
        execution_id,
    )
    client.delete(keys.events(execution_id))
    client.xtrim(keys.log, maxlen=0)

    for _ in range(2):
        (finding,) = services.recovery.recover()
        assert (finding.what, finding.action) == ("gap", PERSON)
        assert "2 to 3" in finding.was
    stored = stage.seqs(execution_id)
    assert stored[:2] == [1, 4]


def test_two_histories_are_told_and_left_to_a_person(
    services: Services, stage: Stage, settings: Settings, client: redis.Redis
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 3))
    drain(stage)
    before = {key: client.dump(key) for key in client.scan_iter()}
    stage.carry_out(agent, 1)
    drain(stage)
    client.flushdb()
    for key, dumped in before.items():
        client.restore(key, 0, dumped)  # pyright: ignore[reportArgumentType]
    stage.carry_out(agent, 1)  # at another time: the same seq, another event
    kept = everything(settings, client)

    (finding,) = services.recovery.recover()

    assert (finding.execution_id, finding.what, finding.action) == (execution_id, "fork", PERSON)
    assert everything(settings, client) == kept


@pytest.mark.parametrize("what", ["work", "places", "timers", "leases", "waits", "executions"])
def test_lost_structures_are_set_anew_from_the_live_state(
    services: Services, stage: Stage, keys: Keys, client: redis.Redis, what: str
) -> None:
    agent = stage.agent()
    execution_id, _ = half_way(stage, agent)
    agent_id = agent.agent_id or ""
    spelled = {
        "work": keys.work(agent_id),
        "places": keys.places(execution_id),
        "timers": keys.timers,
        "leases": keys.leases(agent_id),
        "waits": keys.waits,
        "executions": keys.executions(agent_id),
    }
    wanted = structures(client, keys, agent_id)
    assert client.delete(spelled[what]) == 1

    assert told(services.recovery.recover()) == [("disorder", "rebuilt")]

    assert structures(client, keys, agent_id) == wanted
    assert services.recovery.recover() == []


def structures(client: redis.Redis, keys: Keys, agent_id: str) -> Any:
    entries: Any = client.xrange(keys.work(agent_id))
    timers: Any = client.zrange(keys.timers, 0, -1)
    return (
        [fields for _, fields in entries],
        {name for name in timers if not name.startswith(b"offline")},
        client.hgetall(keys.leases(agent_id)),
        client.hgetall(keys.blockers),
        client.hgetall(keys.waits),
        client.smembers(keys.executions(agent_id)),
    )


def test_lost_states_and_a_lost_graph_come_back_from_the_log(
    services: Services, stage: Stage, keys: Keys, client: redis.Redis
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    drain(stage)
    before = services.executions.execution(stage.workspace_id, execution_id)
    client.delete(keys.states(execution_id), keys.graph(before.header.graph_id))
    assert told(services.recovery.recover()) == [("incomplete", "rebuilt")]
    after = services.executions.execution(stage.workspace_id, execution_id)
    assert (after.header, after.subtasks) == (before.header, before.subtasks)
    assert services.recovery.recover() == []


def test_what_is_left_of_executions_that_are_over_is_removed(
    services: Services, stage: Stage, keys: Keys, client: redis.Redis, clock: TurnedClock
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    drain(stage)
    clock.advance(minutes=5)
    services.upkeep.sweep(stage.workspace_id)
    client.hset(keys.states(execution_id), "s:left", "{}")
    client.hset(keys.seen("exec_nobody"), "a", "{}")
    client.xadd(keys.work("nobody"), {"x": "exec_nobody", "s": "s", "a": "noop"})
    client.zadd(keys.timers, {"delay|exec_nobody|s": 1})
    client.sadd(keys.executions("nobody"), "exec_nobody")

    assert told(services.recovery.recover()) == [("orphan", "removed")] * 2

    left = [key for key in client.scan_iter("ax:*") if b"nobody" in key or b":x:" in key]
    timers: Any = client.zrange(keys.timers, 0, -1)
    assert (left, [one for one in timers if b"exec_" in one]) == ([], [])


def test_rows_of_an_ended_execution_are_mended(
    services: Services,
    stage: Stage,
    settings: Settings,
    clock: TurnedClock,
    proves: Callable[[str], str],
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    drain(stage)
    with psycopg.connect(settings.database_url or "") as connection:
        columns = "status, seq, head_hash, header::text"
        query = f"SELECT {columns} FROM executions WHERE execution_id = %s"
        row = connection.execute(query, [execution_id]).fetchone()
    assert row
    stage.carry_out(agent)
    drain(stage)
    clock.advance(minutes=5)
    services.upkeep.sweep(stage.workspace_id)
    change = "UPDATE executions SET status = %s, seq = %s, head_hash = %s, header = %s"
    execute(settings, f"{change} WHERE execution_id = %s", *row, execution_id)

    assert told(services.recovery.recover()) == [("rows", "mended")]
    assert proves(execution_id) == "COMPLETED"


@pytest.fixture
def refused(settings: Settings) -> Iterator[Callable[[str], None]]:
    """Let the record refuse each change of one execution's row."""
    refuse = "BEGIN RAISE EXCEPTION 'refused'; END"

    def refused(execution_id: str) -> None:
        # A trigger that fires for one row takes no parameter but a literal.
        when = f"WHEN (NEW.execution_id = '{execution_id}')"
        fires = f"CREATE TRIGGER refuse BEFORE UPDATE ON executions FOR EACH ROW {when}"
        with psycopg.connect(settings.database_url or "") as connection:
            connection.execute(
                f"CREATE FUNCTION refuse() RETURNS trigger AS $${refuse}$$ LANGUAGE plpgsql"
            )
            connection.execute(f"{fires} EXECUTE FUNCTION refuse()")

    yield refused
    with psycopg.connect(settings.database_url or "") as connection:
        connection.execute("DROP FUNCTION IF EXISTS refuse() CASCADE")


def test_one_whose_rows_are_refused_keeps_no_other_down(
    services: Services,
    stage: Stage,
    settings: Settings,
    client: redis.Redis,
    refused: Callable[[str], None],
    proves: Callable[[str], str],
) -> None:
    agents = [stage.agent() for _ in range(3)]
    executions = [stage.execution(agent) for agent in agents]
    for agent in agents:
        stage.carry_out(agent, 1)
    drain(stage)
    for one in executions:
        forget_events_after(settings, one, 4)
    client.flushdb()
    broken, *others = executions
    refused(broken)

    findings = services.recovery.recover()

    assert {one.execution_id for one in findings if one.action == PERSON} == {broken}
    mended = sorted((one.execution_id, one.what) for one in findings if one.action != PERSON)
    assert mended == sorted((one, what) for one in others for what in ("missing", "rows"))
    assert {proves(one) for one in others} == {"RUNNING"}


def test_a_dry_run_changes_nothing_and_tells_the_same(
    services: Services, stage: Stage, settings: Settings, keys: Keys, client: redis.Redis
) -> None:
    agent = stage.agent()
    missing, older = stage.execution(agent), stage.execution(agent)
    half_way(stage, stage.agent())
    drain(stage)
    graph_id = services.executions.header(stage.workspace_id, missing).graph_id
    client.delete(keys.header(missing), keys.states(missing), keys.timers)
    forget_execution(settings, older)
    client.hset(keys.seen("exec_nobody"), "a", "{}")
    assert graph_id
    before = everything(settings, client)

    findings = services.recovery.recover(dry_run=True)

    assert everything(settings, client) == before
    assert all(one.action.startswith("would be ") for one in findings)
    done = [(one.what, f"would be {one.action}") for one in services.recovery.recover()]
    assert done == told(findings)
    assert {"missing", "ahead", "disorder", "orphan"} <= {what for what, _ in done}


def test_two_recoveries_at_once_do_no_harm(
    services: Services, stage: Stage, client: redis.Redis, proves: Callable[[str], str]
) -> None:
    agents = [stage.agent() for _ in range(4)]
    executions = [stage.execution(agent) for agent in agents]
    stage.carry_out(agents[0], 2)
    drain(stage)
    client.flushdb()
    threads = [threading.Thread(target=services.recovery.recover) for _ in range(3)]
    for thread in threads:
        thread.start()
    done = sum(stage.carry_out(agent) for agent in agents)
    for thread in threads:
        thread.join()
    done += sum(stage.carry_out(agent) for agent in agents)
    assert done == 14
    assert {proves(one) for one in executions} == {"COMPLETED"}
    assert services.recovery.recover() == []


def test_recovery_while_agents_work_finds_nothing_and_disturbs_nothing(
    services: Services, stage: Stage, proves: Callable[[str], str]
) -> None:
    agents = [stage.agent() for _ in range(3)]
    executions = [stage.execution(agent, plan_document(5, 8)) for agent in agents]
    workers = [threading.Thread(target=stage.carry_out, args=[agent]) for agent in agents]
    for worker in workers:
        worker.start()
    findings: list[Finding] = []
    while any(worker.is_alive() for worker in workers):
        drain(stage)
        findings += services.recovery.recover()
    for worker in workers:
        worker.join()
    assert findings == []
    assert {proves(one) for one in executions} == {"COMPLETED"}


def test_nobody_is_told_that_a_lost_execution_is_over(
    services: Services, stage: Stage, client: redis.Redis
) -> None:
    agent, owner = stage.agent(), stage.owner
    execution_id, _ = half_way(stage, agent)
    (blocker,) = services.blockers.page(stage.workspace_id, execution_id).items
    drain(stage)
    client.flushdb()

    with pytest.raises(BeingRecovered):
        stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s3")
    with pytest.raises(BeingRecovered):
        services.people.skip(owner, execution_id, "t0s3", {"reason": "no"})
    for wanted in ({"status": "PAUSED"}, {"status": "CANCELLED"}, {"agent_id": agent.agent_id}):
        with pytest.raises(BeingRecovered):
            services.executions.control(owner, execution_id, wanted)
    answer = {"resolution": "retry"}
    with pytest.raises(BeingRecovered):
        services.blockers.resolve(owner, execution_id, blocker["blocker_id"], answer)
    assert stage.poll(agent) is None
    assert stage.status(execution_id) == "RUNNING"
    with pytest.raises(NotFound):
        stage.report(stage.agent(), execution_id, EventType.NOTE, "t0s3")


def test_making_an_execution_again_under_its_id_never_begins_it_anew(
    services: Services, stage: Stage, client: redis.Redis
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    header = services.executions.header(stage.workspace_id, execution_id)
    request = {"plan_id": header.plan_id, "agent_id": header.agent_id}
    drain(stage)
    client.flushdb()
    with pytest.raises(BeingRecovered):
        services.executions.create(stage.owner, request, execution_id)
    services.recovery.recover()
    assert services.executions.create(stage.owner, request, execution_id)["seq"] == header.seq
