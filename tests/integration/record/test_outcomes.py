"""What became of breakdowns: who was helped, what was retried, what went as planned."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Engine

from app.commands.calibrate import calibration_of, table
from app.domain.events import EventType
from app.record.engine import connect
from app.record.outcomes import Outcomes, TaskOutcome
from app.services import Services

from ..stage import Stage


@pytest.fixture
def engine(database_url: str) -> Any:
    """A connection to the record."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


PLAN: dict[str, Any] = {
    "title": "Pots",
    "phases": [
        {
            "name": "A",
            "tasks": [
                {"task_id": "smooth", "title": "Research clay"},
                {"task_id": "retried", "title": "Research glaze"},
                {"task_id": "helped", "title": "Research kilns"},
                {"task_id": "persons", "title": "Sign the lease"},
            ],
        }
    ],
}


def outcomes(engine: Engine) -> dict[str, TaskOutcome]:
    return {one.task_id: one for one in Outcomes(engine).newest().outcomes}


def carry_out(services: Services, stage: Stage) -> str:
    """Complete the plan: one task at once, one after a retry, one by help, one by a person."""
    agent = stage.agent(capabilities=[{"action": "*"}], max_concurrent_tasks=10)
    plan_id = stage.plan(PLAN)
    for task in ("smooth", "retried", "helped", "persons"):
        services.review.approve(stage.owner, plan_id, task)
    request = {"plan_id": plan_id, "agent_id": agent.agent_id}
    execution_id: str = services.executions.create(stage.owner, request)["execution_id"]
    fatal = {"error_type": "permanent", "error_message": "no"}
    for _ in range(3):
        work = stage.poll(agent)
        assert work
        task_id = work["next_task"]["task_id"]
        if task_id == "smooth_s1":
            stage.report(agent, execution_id, EventType.TASK_COMPLETE, task_id)
        elif task_id == "retried_s1":
            failed = {"error_type": "network", "error_message": "later"}
            stage.report(agent, execution_id, EventType.TASK_ERROR, task_id, **failed)
        else:
            stage.report(agent, execution_id, EventType.TASK_ERROR, task_id, **fatal)
    people = services.people
    people.retry(stage.owner, execution_id, "retried_s1", {})
    work = stage.poll(agent)
    assert work
    stage.report(agent, execution_id, EventType.TASK_COMPLETE, work["next_task"]["task_id"])
    for task_id in ("helped_s1", "persons_s1"):
        people.complete(stage.owner, execution_id, task_id, {})
    services.persistence.drain(stage.workspace_id, dt.timedelta())
    return execution_id


def test_help_and_retries_are_told_from_what_was_planned(
    services: Services, stage: Stage, engine: Engine
) -> None:
    execution_id = carry_out(services, stage)
    assert stage.status(execution_id) == "COMPLETED"
    found = outcomes(engine)
    assert {task_id: (one.smooth, one.subtasks) for task_id, one in found.items()} == {
        "smooth": (1, 1),
        "retried": (0, 1),
        "helped": (0, 1),
        "persons": (1, 1),
    }
    assert {one.strategy for one in found.values()} == {"rules"}

    calibration = calibration_of(Outcomes(engine), 10)
    assert calibration.tasks == 4
    told = table(calibration)
    assert f"Brier score {calibration.brier:.3f} over 4 tasks" in told


def test_what_has_not_ended_predicts_nothing_yet(stage: Stage, engine: Engine) -> None:
    stage.execution(stage.agent())
    assert outcomes(engine) == {}
    assert "Nothing was predicted yet" in table(calibration_of(Outcomes(engine), 10))


def test_tasks_without_an_outcome_are_left_out(
    services: Services, stage: Stage, engine: Engine
) -> None:
    execution_id = stage.execution(stage.agent())
    services.executions.control(stage.owner, execution_id, {"status": "CANCELLED"})
    services.persistence.drain(stage.workspace_id, dt.timedelta())
    assert outcomes(engine) == {}
