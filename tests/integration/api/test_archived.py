"""What the API says of an execution whose events have been put away."""

import datetime as dt
from typing import Any

from app.record.partitions import month_of
from app.services import Services

from ..stage import TurnedClock
from .conftest import AgentCaller, Scene
from .contract import Caller


def test_archived_events_are_gone_and_the_execution_is_not(
    user: Caller, scene: Scene, agent: AgentCaller, services: Services, clock: TurnedClock
) -> None:
    execution_id = scene.execution(agent)
    while work := agent.poll():
        agent.complete(work)
    workspace_id = scene._stage.workspace_id
    services.persistence.drain(workspace_id, dt.timedelta())
    clock.advance(minutes=2)
    services.upkeep.sweep(workspace_id)
    clock.advance(days=125)
    assert services.retention.put_away_due()

    for part in ("events", "events?type=task_complete", "blockers"):
        answer: Any = user.get(f"/api/executions/{execution_id}/{part}")
        assert answer.status_code == 410
        assert answer.json["type"] == "/api/problems/archived"
        assert f"planexe-ax history import {month_of(execution_id)}" in answer.json["detail"]
    assert scene.get(execution_id)["status"] == "COMPLETED"
    assert user.get(f"/api/executions/{execution_id}/tasks").status_code == 200
    assert user.get("/api/executions/exec_none/events").status_code == 404
