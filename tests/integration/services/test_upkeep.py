"""Due timers: lost leases, back-off, external waits, and the end of an execution's life."""

import datetime as dt
import threading

import pytest
import redis

from app.domain.errors import StaleLease
from app.domain.events import EventType
from app.services import Services
from config.settings import Settings
from tests.replay import assert_record_proves_itself

from ..stage import Stage, TurnedClock, plan_document, wide_plan


def kinds(stage: Stage, execution_id: str, event_type: str) -> int:
    return len(stage.seqs(execution_id, event_type=event_type))


def test_lost_lease_is_followed_by_back_off_and_another_attempt(
    services: Services, stage: Stage, clock: TurnedClock
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    first = stage.poll(agent)
    assert first

    clock.advance(minutes=14)
    services.upkeep.sweep(stage.workspace_id)
    assert stage.subtask(execution_id, "t0s0")["status"] == "RUNNING"

    clock.advance(minutes=2)
    services.upkeep.sweep(stage.workspace_id)
    row = stage.subtask(execution_id, "t0s0")
    assert (row["status"], row["error_type"]) == ("RETRYING", "lease_expired")
    assert row["due_at"] <= clock() + dt.timedelta(minutes=5)
    assert stage.poll(agent) is None

    clock.advance(minutes=6)
    services.upkeep.sweep(stage.workspace_id)
    second = stage.poll(agent)
    assert second
    task = second["next_task"]
    assert (task["task_id"], task["attempt"], task["kind"]) == ("t0s0", 2, "run")
    assert task["context"]["last_error"]["error_type"] == "lease_expired"
    assert task["lease_token"] != first["next_task"]["lease_token"]


def test_late_result_is_kept_as_note_when_lease_was_lost(
    services: Services, stage: Stage, clock: TurnedClock
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    work = stage.poll(agent)
    assert work
    clock.advance(minutes=16)
    services.upkeep.sweep(stage.workspace_id)

    late = {
        "event_id": "evt_late",
        "lease_token": work["next_task"]["lease_token"],
        "output_data": {"found": 7},
    }
    for _ in range(2):
        with pytest.raises(StaleLease):
            stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s0", **late)

    page = services.history.page(stage.workspace_id, execution_id, event_type="note")
    assert [(one["event_id"], one["output_data"]) for one in page.items] == [
        ("evt_late", {"found": 7})
    ]
    assert stage.subtask(execution_id, "t0s0")["status"] == "RETRYING"


def test_heartbeat_extends_the_lease(services: Services, stage: Stage, clock: TurnedClock) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.poll(agent)
    for _ in range(3):
        clock.advance(minutes=10)
        stage.report(agent, execution_id, EventType.HEARTBEAT, "t0s0")
        services.upkeep.sweep(stage.workspace_id)
        assert stage.subtask(execution_id, "t0s0")["status"] == "RUNNING"

    clock.advance(minutes=16)
    services.upkeep.sweep(stage.workspace_id)

    assert stage.subtask(execution_id, "t0s0")["status"] == "RETRYING"
    assert kinds(stage, execution_id, "heartbeat") == 0


def test_progress_extends_the_lease(services: Services, stage: Stage, clock: TurnedClock) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.poll(agent)
    clock.advance(minutes=10)
    stage.report(agent, execution_id, EventType.TASK_PROGRESS, "t0s0", progress_percent=40.0)

    clock.advance(minutes=10)
    services.upkeep.sweep(stage.workspace_id)

    row = stage.subtask(execution_id, "t0s0")
    assert (row["status"], row["progress_percent"]) == ("RUNNING", 40.0)


def test_external_wait_is_looked_at_again_later_and_later(
    services: Services, stage: Stage, clock: TurnedClock
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 1))
    for minutes in (5, 10, 20):
        work = stage.poll(agent)
        assert work
        assert work["next_task"]["kind"] == ("run" if minutes == 5 else "check")
        assert work["next_task"]["attempt"] == 1
        answer = stage.report(agent, execution_id, EventType.TASK_BLOCKED, "t0s0")
        assert answer["status"] == "BLOCKED"
        clock.advance(minutes=minutes - 0.5)
        services.upkeep.sweep(stage.workspace_id)
        assert stage.poll(agent) is None
        clock.advance(minutes=1)
        services.upkeep.sweep(stage.workspace_id)
        assert stage.status(execution_id) == "RUNNING"

    assert stage.poll(agent)
    stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s0")
    assert stage.status(execution_id) == "COMPLETED"


def test_back_off_that_ends_during_a_pause_is_dispatched_after_it(
    services: Services, stage: Stage, clock: TurnedClock
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.poll(agent)
    stage.report(agent, execution_id, EventType.TASK_ERROR, "t0s0", error_type="network")
    services.executions.control(stage.owner, execution_id, {"status": "PAUSED"})
    clock.advance(hours=1)
    services.upkeep.sweep(stage.workspace_id)
    assert stage.poll(agent) is None

    services.executions.control(stage.owner, execution_id, {"status": "RUNNING"})

    work = stage.poll(agent)
    assert work
    assert work["next_task"]["task_id"] == "t0s0"


def test_several_sweeps_at_once_apply_each_timer_once(
    services: Services, stage: Stage, clock: TurnedClock
) -> None:
    agent = stage.agent(max_concurrent_tasks=20)
    execution_id = stage.execution(agent, wide_plan(20))
    stage.poll(agent, most=20)
    clock.advance(minutes=16)
    sweeps = [
        threading.Thread(target=services.upkeep.sweep, args=(stage.workspace_id,)) for _ in range(4)
    ]
    for sweep in sweeps:
        sweep.start()
    for sweep in sweeps:
        sweep.join()
    services.upkeep.sweep(stage.workspace_id)

    assert kinds(stage, execution_id, "lease_expired") == 20
    assert kinds(stage, execution_id, "retry_scheduled") == 20
    clock.advance(hours=2)
    services.upkeep.sweep(stage.workspace_id)
    assert kinds(stage, execution_id, "task_ready") == 20
    assert services.upkeep.sweep(stage.workspace_id) == 0


def test_timers_of_a_cancelled_execution_do_nothing(
    services: Services, stage: Stage, clock: TurnedClock
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.poll(agent)
    services.executions.control(stage.owner, execution_id, {"status": "CANCELLED"})
    before = stage.seqs(execution_id)

    clock.advance(hours=30)
    services.upkeep.sweep(stage.workspace_id)
    services.upkeep.sweep(stage.workspace_id)

    assert stage.seqs(execution_id) == before


def test_ended_execution_stays_until_it_is_recorded_and_leaves_nothing_behind(
    services: Services, settings: Settings, stage: Stage, clock: TurnedClock, redis_url: str
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    views = _views(services, stage, execution_id)

    def keys() -> list[bytes]:
        with redis.Redis.from_url(redis_url) as client:
            return [*client.scan_iter(f"*{execution_id}*")]

    clock.advance(seconds=61)
    services.upkeep.sweep(stage.workspace_id)
    assert keys(), "it is not recorded yet"

    services.persistence.drain(stage.workspace_id, dt.timedelta())
    services.upkeep.sweep(stage.workspace_id)

    assert keys() == []
    with redis.Redis.from_url(redis_url) as client:
        assert [*client.scan_iter("ax:{*}:g:*")] == []
        timers = client.zrange(f"ax:{{{stage.workspace_id}}}:timers", 0, -1)
    assert timers == [f"offline|{agent.agent_id}|".encode()]
    assert _views(services, stage, execution_id) == views
    assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)


def test_ended_execution_stays_for_its_grace_time(
    services: Services, stage: Stage, clock: TurnedClock, redis_url: str
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    services.persistence.drain(stage.workspace_id, dt.timedelta())

    clock.advance(seconds=50)
    services.upkeep.sweep(stage.workspace_id)

    with redis.Redis.from_url(redis_url) as client:
        assert [*client.scan_iter(f"*x:{execution_id}*")]


def _views(services: Services, stage: Stage, execution_id: str) -> list[object]:
    place = stage.workspace_id, execution_id
    return [
        services.executions.get(*place),
        services.executions.tree(*place),
        services.history.page(*place).items,
        services.executions.page(stage.workspace_id).items,
    ]
