"""Replay and report of real logs: live, ended, and gone from Redis."""

import datetime as dt

import psycopg
import pytest

from app.domain.errors import Conflict, Invalid, NotFound
from app.services import Services
from config.settings import Settings

from ..stage import Stage, TurnedClock, plan_document


@pytest.mark.parametrize("retired", [False, True])
def test_every_event_can_be_replayed_wherever_the_log_is(
    services: Services, stage: Stage, clock: TurnedClock, retired: bool
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(2, 2))
    seen = {}
    while stage.carry_out(agent, 1):
        execution = services.executions.execution(stage.workspace_id, execution_id)
        seen[execution.header.seq] = execution
        services.persistence.drain(stage.workspace_id, dt.timedelta())
    if retired:
        clock.advance(minutes=5)
        services.upkeep.sweep(stage.workspace_id)

    for seq, execution in seen.items():
        replayed = services.replay.replay(stage.workspace_id, execution_id, seq)
        assert replayed.event.seq == seq
        assert replayed.events == max(seen)
        assert replayed.execution.header == execution.header
        assert replayed.execution.subtasks == execution.subtasks
        assert replayed.execution.tasks == execution.tasks
    last = services.replay.replay(stage.workspace_id, execution_id)
    assert last.execution.header.status == "COMPLETED"


@pytest.mark.parametrize("until", [-1, 0, 10_000])
def test_event_out_of_range_is_refused(services: Services, stage: Stage, until: int) -> None:
    execution_id = stage.execution(stage.agent())

    with pytest.raises(Invalid, match=rf"Event {until} is out of range: the log has the events 1"):
        services.replay.replay(stage.workspace_id, execution_id, until)


def test_unknown_execution_is_not_found(services: Services, stage: Stage) -> None:
    with pytest.raises(NotFound):
        services.replay.replay(stage.workspace_id, "exec_0")
    with pytest.raises(NotFound):
        services.replay.report("elsewhere", stage.execution(stage.agent()))


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM execution_events WHERE seq = 3",
        "UPDATE execution_events SET body = '{}' WHERE seq = 3",
        """UPDATE execution_events SET body = replace(body::text, '"lease"', '"laese"')::json
           WHERE event_type = 'task_dispatched'""",
    ],
)
def test_broken_log_is_told_with_its_event(
    services: Services, stage: Stage, settings: Settings, clock: TurnedClock, change: str
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.carry_out(agent)
    services.persistence.drain(stage.workspace_id, dt.timedelta())
    clock.advance(minutes=5)
    services.upkeep.sweep(stage.workspace_id)
    with psycopg.connect(settings.database_url or "") as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(change).rowcount == 1

    for look in (services.replay.replay, services.replay.report):
        with pytest.raises(Conflict, match=r"at event [34]\."):
            look(stage.workspace_id, execution_id)


def test_report_tells_what_was_done(services: Services, stage: Stage) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(2, 2))
    stage.carry_out(agent)

    report = services.replay.report(stage.workspace_id, execution_id)

    header = services.executions.header(stage.workspace_id, execution_id)
    assert (report.events, report.head_hash) == (header.seq, header.head_hash)
    assert report.goal == "Ships find the harbour"
    assert [one.result for one in report.tasks[1].subtasks] == [{"done": 2}, {"done": 3}]
    assert [one.agent_id for one in report.agents] == [agent.agent_id]
