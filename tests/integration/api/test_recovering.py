"""What callers are told while an execution that is not over is missing in Redis."""

import datetime as dt
from typing import Any

import pytest
import redis

from app.services import Services
from app.services.identity import Principal

from .conftest import AgentCaller
from .contract import Caller


@pytest.fixture
def lost(
    services: Services, owner: Principal, agent: AgentCaller, execution_id: str, redis_url: str
) -> Any:
    """Record a leased subtask, then empty Redis; gives the work."""
    work = agent.poll()
    services.persistence.drain(owner.workspace_id, dt.timedelta())
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return work


def test_agents_and_people_are_asked_to_try_again_and_then_go_on(
    services: Services, user: Caller, agent: AgentCaller, execution_id: str, lost: Any
) -> None:
    path = f"/api/executions/{execution_id}"
    event = {"event_type": "task_complete", "task_id": lost["next_task"]["task_id"]}
    refused = [
        agent.report(execution_id, event),
        agent.call.post(f"{path}/events", {"events": [event, event]}),
        user.patch(path, {"status": "PAUSED"}),
        user.post(f"{path}/tasks/{event['task_id']}/skip", {"reason": "no"}),
    ]
    for answer in refused:
        document: Any = answer.json
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert document["type"] == "/api/problems/unavailable"
        assert "is being recovered" in document["detail"]
    assert agent.poll() is None
    assert user.get(path).status_code == 200

    services.maintenance.maintain()

    assert agent.report(execution_id, event).status_code == 201
