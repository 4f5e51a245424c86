"""Breaking plans down anew, and tasks for agents, over HTTP."""

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from app.services import Services
from config.settings import Settings
from tests.model_server import ModelServer, Reply, serving

from ..stage import wait_until
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of

TASK = {
    "title": "Interview Carol about her workflow",
    "description": "Ask Carol (carol@example.com) for a call, then write down what she tells.",
}
CONTEXT = {"title": "Study", "goal": "Learn how people work", "phase": "Interviews"}


def ask(caller: Caller, agent_id: str, query: str = "", **fields: Any) -> Any:
    body = {"task": TASK, "plan_context": CONTEXT, **fields}
    return caller.post(f"/api/agents/{agent_id}/decompose{query}", body)


class TestByRules:
    def test_agent_gets_its_task_broken_down_at_once(self, agent: AgentCaller) -> None:
        answer = ask(
            agent.call, agent.agent_id, agent_capabilities=["send_email", "wait_for_reply"]
        )

        assert answer.status_code == 200
        found = answer.json
        assert found["strategy"] == "rules"
        actions = [one["action"] for one in found["executable_subtasks"]]
        assert actions[:2] == ["send_email", "wait_for_reply"]
        assert found["execution_sequence"] == [
            one["subtask_id"] for one in found["executable_subtasks"]
        ]

    def test_capabilities_of_the_request_count_else_the_agents_own(
        self, agent: AgentCaller
    ) -> None:
        own = ask(agent.call, agent.agent_id).json
        given = ask(agent.call, agent.agent_id, agent_capabilities=["send_email"]).json

        assert own["executable_subtasks"][0]["assignee"] == "human"
        assert given["executable_subtasks"][0]["assignee"] == "agent"

    def test_own_ids_are_kept(self, agent: AgentCaller) -> None:
        task = {**TASK, "task_id": "mine", "subtasks": [{"subtask_id": "s", "title": "Call her"}]}

        found = ask(agent.call, agent.agent_id, task=task).json

        assert found["task_id"] == "mine"
        assert found["executable_subtasks"][-1]["subtask_id"] == "s"

    @pytest.mark.parametrize(
        "fields",
        [
            {"task": {}},
            {"task": "Interview Carol"},
            {"task": {"title": 5}},
            {"plan_context": "Study"},
            {"agent_capabilities": [5]},
        ],
    )
    def test_what_cannot_be_read_is_named(self, agent: AgentCaller, fields: Any) -> None:
        answer = ask(agent.call, agent.agent_id, **fields)

        assert answer.status_code == 422
        assert fields_of(answer)

    @pytest.mark.parametrize("field", ["title", "goal", "phase"])
    @pytest.mark.parametrize("value", [5, ["x"], {"a": 1}, True])
    def test_odd_context_is_refused_not_a_fault(
        self, agent: AgentCaller, field: str, value: Any
    ) -> None:
        answer = ask(agent.call, agent.agent_id, plan_context={field: value})

        assert answer.status_code == 422

    def test_other_agents_are_none_of_its_business(self, user: Caller, agent: AgentCaller) -> None:
        other = AgentCaller(user)

        assert ask(agent.call, other.agent_id).status_code == 404
        assert ask(user, "agent_none").status_code == 404
        assert ask(user, other.agent_id).status_code == 200

    def test_plan_is_broken_down_anew_as_another_version(self, user: Caller, scene: Scene) -> None:
        plan_id = scene.plan()

        answer = user.post(f"/api/plans/{plan_id}/decompose", {"task_ids": ["t1"]})

        assert answer.status_code == 202
        assert answer.headers["Location"].endswith(f"/api/plans/{plan_id}")
        plan: Any = answer.json
        assert (plan["decomposition_version"], plan["status"]) == (2, "DECOMPOSING")
        assert plan["decomposition"]["tasks_total"] == 1

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"strategy": "llm"}, "strategy"),
            ({"strategy": "magic"}, "strategy"),
            ({"task_ids": ["t0", "nothing"]}, "task_ids"),
            ({"agent_id": "agent_none"}, "agent_id"),
            ({"model": "gpt"}, "model"),
        ],
    )
    def test_breakdown_that_cannot_be_made_is_refused(
        self, user: Caller, scene: Scene, body: Any, field: str
    ) -> None:
        plan_id = scene.plan()

        answer = user.post(f"/api/plans/{plan_id}/decompose", body)

        assert answer.status_code == 422
        assert fields_of(answer) == {field}
        assert scene.user.get(f"/api/plans/{plan_id}").json["status"] == "READY"

    def test_plans_are_for_users(self, user: Caller, agent: AgentCaller, scene: Scene) -> None:
        plan_id = scene.plan()

        assert agent.call.post(f"/api/plans/{plan_id}/decompose", {}).status_code == 403
        assert user.post("/api/plans/plan_none/decompose", {}).status_code == 404


class TestByModel:
    @pytest.fixture
    def server(self) -> Iterator[ModelServer]:
        """A model's server."""
        with serving() as state:
            yield state

    @pytest.fixture
    def settings(self, settings: Settings, server: ModelServer) -> Settings:
        return dataclasses.replace(
            settings, decomposition_model="test-model", decomposition_base_url=server.url
        )

    def test_answer_that_takes_longer_is_fetched_at_its_location(
        self, agent: AgentCaller, user: Caller, services: Services, server: ModelServer
    ) -> None:
        pending = ask(agent.call, agent.agent_id, "?wait=0")
        assert pending.status_code == 202
        place = pending.headers["Location"]
        assert agent.call.get(place).status_code == 202

        services.inquiries.answer("default", pending.json["decomposition_id"])
        services.inquiries.answer("default", pending.json["decomposition_id"])

        answer = agent.call.get(place)
        assert answer.status_code == 200
        assert answer.json["strategy"] == "llm"
        assert answer.json["usage"]["input_tokens"] == 100
        assert len(server.calls) == 1
        assert server.calls[0].question["plan"]["phase"] == "Interviews"
        other = AgentCaller(user)
        assert other.call.get(place).status_code == 404
        assert other.call.get(place.replace(agent.agent_id, other.agent_id)).status_code == 404
        assert agent.call.get(place + "x").status_code == 404

    def test_answer_within_the_wait_comes_at_once(
        self, agent: AgentCaller, services: Services, redis_client: Any
    ) -> None:
        answers: list[Any] = []
        thread = threading.Thread(
            target=lambda: answers.append(ask(agent.call, agent.agent_id, "?wait=20"))
        )
        thread.start()
        key = wait_until(
            "the question is there", lambda: next(redis_client.scan_iter("*:inquiry:*"), None)
        )
        services.inquiries.answer("default", key.decode().rpartition(":")[2])
        thread.join()

        assert answers[0].status_code == 200
        assert all(redis_client.ttl(one) > 0 for one in redis_client.scan_iter("*inq_*"))

    def test_model_that_stays_busy_leaves_it_to_the_rules(
        self, agent: AgentCaller, services: Services, server: ModelServer
    ) -> None:
        server.always(Reply("oops", status=500))
        pending = ask(agent.call, agent.agent_id, "?wait=0").json

        services.inquiries.answer("default", pending["decomposition_id"], last_try=True)

        place = f"/api/agents/{agent.agent_id}/decompositions/{pending['decomposition_id']}"
        assert agent.call.get(place).json["strategy"] == "rules"

    @pytest.fixture
    def redis_client(self, redis_url: str) -> Iterator[Any]:
        with redis.Redis.from_url(redis_url) as client:
            yield client
