"""Whatever Redis refuses, callers are asked to try again later, on every route that writes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from app.services import Services

from ..stage import plan_document
from .conftest import AgentCaller, Scene
from .contract import Caller

Call = Callable[[Caller, AgentCaller, str, Any], Any]

CALLS: dict[str, Call] = {
    "create an execution": lambda user, agent, plan_id, work: user.post(
        "/api/executions", {"plan_id": plan_id, "agent_id": agent.agent_id}
    ),
    "under a key": lambda user, agent, plan_id, work: user.post(
        "/api/executions",
        {"plan_id": plan_id, "agent_id": agent.agent_id},
        headers={"Idempotency-Key": "k"},
    ),
    "pause": lambda user, agent, plan_id, work: user.patch(
        f"/api/executions/{work['next_task']['execution_id']}", {"status": "PAUSED"}
    ),
    "report": lambda user, agent, plan_id, work: agent.complete(work),
    "report a batch": lambda user, agent, plan_id, work: agent.report(
        work["next_task"]["execution_id"],
        {"events": [{"event_type": "task_progress", "task_id": work["next_task"]["task_id"]}]},
    ),
    "poll": lambda user, agent, plan_id, work: agent.call.get(f"/api/agents/{agent.agent_id}/work"),
    "skip a subtask": lambda user, agent, plan_id, work: user.post(
        f"/api/executions/{work['next_task']['execution_id']}/tasks/t1s1/skip", {"reason": "r"}
    ),
    "ask for a ticket": lambda user, agent, plan_id, work: user.post("/api/stream-tickets"),
}

REFUSALS = {
    "full": {"maxmemory": "1", "maxmemory-policy": "noeviction"},
    "too few replicas": {"min-replicas-to-write": "1"},
}


@contextmanager
def set_to(client: redis.Redis, options: dict[str, str]) -> Iterator[None]:
    before = {name: client.config_get(name)[name] for name in options}
    for name, value in options.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


@contextmanager
def refusing(redis_url: str, how: str) -> Iterator[None]:
    with redis.Redis.from_url(redis_url) as client:
        if how in REFUSALS:
            with set_to(client, REFUSALS[how]):
                yield
            return
        client.execute_command("REPLICAOF", "127.0.0.1", "1")  # Nobody is there: it only reads.
        try:
            yield
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize("how", [*REFUSALS, "read-only"])
def test_every_write_that_redis_refuses_is_told_as_unavailable_and_changes_nothing(
    how: str, user: Caller, scene: Scene, agent: AgentCaller, execution_id: str, redis_url: str
) -> None:
    plan_id = scene.plan()
    work = agent.poll()
    seq = scene.get(execution_id)["seq"]
    with refusing(redis_url, how):
        answers = {name: call(user, agent, plan_id, work) for name, call in CALLS.items()}

    for name, answer in answers.items():
        assert answer.status_code == 503, (name, answer.json)
        assert answer.headers["Retry-After"], name
        assert answer.json["type"].endswith("/unavailable"), name
    assert scene.get(execution_id)["seq"] == seq
    assert agent.complete(work).status_code == 201
    assert CALLS["under a key"](user, agent, plan_id, work).status_code == 201


def test_a_plan_is_kept_where_only_its_breakdown_cannot_be_asked_for(
    user: Caller, redis_url: str, services: Services
) -> None:
    with refusing(redis_url, "read-only"):
        answer = user.post("/api/plans", plan_document())

    assert answer.status_code == 202
    assert user.get(f"/api/plans/{answer.json['plan_id']}").json["status"] == "DECOMPOSING"
