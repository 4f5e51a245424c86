"""Registration of agents, and what is known of them."""

import datetime as dt
from typing import Any

import pytest

from ..stage import Stage
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of


@pytest.mark.parametrize("path", ["/api/agents", "/api/agents/register"])
def test_registered_agent_gets_key_and_terms(user: Caller, path: str) -> None:
    request = {
        "agent_id": "larry",
        "name": "Larry",
        "role": "salesman",
        "capabilities": [
            {"action": "send_email", "params": ["to", "text"], "description": "Sends."},
            {"action": "call", "params": {"type": "object"}},
        ],
        "max_concurrent_tasks": 3,
        "webhook_url": "https://larry.example/hook",
    }
    answer = user.post(path, request)

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/agents/larry"
    told: Any = answer.json
    assert told["agent_id"] == "larry"
    assert (told["poll_interval_seconds"], told["lease_seconds"]) == (300, 900)
    shown: Any = user.get("/api/agents/larry").json
    assert {name: shown[name] for name in ("name", "role", "max_concurrent_tasks")} == {
        "name": "Larry",
        "role": "salesman",
        "max_concurrent_tasks": 3,
    }
    assert [one["action"] for one in shown["capabilities"]] == ["send_email", "call"]
    assert user.get("/api/agents/larry/capabilities").json == shown["capabilities"]
    assert told["api_key"] not in user.get("/api/agents").text


def test_capabilities_may_be_plain_names(user: Caller) -> None:
    agent = AgentCaller(user, capabilities=["read", "write"])

    shown: Any = user.get(f"/api/agents/{agent.agent_id}/capabilities").json
    assert [(one["action"], one["params"]) for one in shown] == [("read", []), ("write", [])]


def test_made_up_ids_have_their_prefix(agent: AgentCaller) -> None:
    assert agent.agent_id.startswith("agent_")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"capabilities": []}, {"capabilities"}),
        ({"capabilities": None}, {"capabilities"}),
        ({"capabilities": [{"params": []}]}, {"capabilities.0.action"}),
        ({"capabilities": [{"action": ""}]}, {"capabilities.0.action"}),
        ({"capabilities": [{"action": "a", "params": 7}]}, {"capabilities.0.params"}),
        ({"capabilities": [{"action": "a", "colour": 1}]}, {"capabilities.0.colour"}),
        ({"capabilities": [7]}, {"capabilities.0._schema"}),
        ({"name": ""}, {"name"}),
        ({"name": 7}, {"name"}),
        ({"name": "x" * 201}, {"name"}),
        ({"agent_id": "../x"}, {"agent_id"}),
        ({"agent_id": ""}, {"agent_id"}),
        ({"agent_id": "x" * 101}, {"agent_id"}),
        ({"max_concurrent_tasks": 0}, {"max_concurrent_tasks"}),
        ({"max_concurrent_tasks": 10**30}, {"max_concurrent_tasks"}),
        ({"max_concurrent_tasks": "many"}, {"max_concurrent_tasks"}),
        ({"webhook_url": "ftp://x.example"}, {"webhook_url"}),
        ({"webhook_url": "no url"}, {"webhook_url"}),
        ({"colour": "red", "size": 1}, {"colour", "size"}),
    ],
)
def test_bad_field_is_named_and_nothing_stored(
    user: Caller, changes: dict[str, Any], fields: set[str]
) -> None:
    request = {"name": "x", "capabilities": ["a"], **changes}

    answer = user.post("/api/agents", request)

    assert answer.status_code == 422
    assert fields_of(answer) == fields
    assert user.get("/api/agents").json["items"] == []


def test_missing_fields_are_named(user: Caller) -> None:
    assert fields_of(user.post("/api/agents", {})) == {"name", "capabilities"}


def test_second_agent_of_an_id_is_refused_and_the_first_stays(user: Caller) -> None:
    first = AgentCaller(user, agent_id="larry")

    answer = user.post("/api/agents", {"agent_id": "larry", "name": "L", "capabilities": ["b"]})

    assert answer.status_code == 409
    assert "/api/agents/larry/keys" in answer.json["detail"]
    assert first.call.get("/api/agents/larry").json["name"] == "Worker"


def test_list_pages_newest_first_without_gap_or_repeat(user: Caller) -> None:
    made = [AgentCaller(user).agent_id for _ in range(5)]
    found: list[str] = []
    query = "?limit=2"
    while True:
        page: Any = user.get(f"/api/agents{query}").json
        found += [one["agent_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"

    assert found == made[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=%21"])
def test_bad_page_is_refused_by_name(user: Caller, query: str) -> None:
    answer = user.get(f"/api/agents?{query}")

    assert answer.status_code == 422
    assert fields_of(answer) == {query.partition("=")[0]}


def test_last_contact_is_shown(user: Caller, agent: AgentCaller) -> None:
    path = f"/api/agents/{agent.agent_id}"
    assert user.get(path).json["last_contact_at"] is None

    agent.poll()

    assert user.get(path).json["last_contact_at"] is not None
    assert user.get("/api/agents").json["items"][0]["last_contact_at"] is not None
    assert user.get("/api/agents/agent_none").status_code == 404


def test_agent_is_on_line_while_it_polls_and_shows_its_load(
    user: Caller, scene: Scene, agent: AgentCaller
) -> None:
    path = f"/api/agents/{agent.agent_id}"
    assert user.get(path).json["online"] is False
    scene.execution(agent)
    assert user.get(path).json["queued"] == 1

    agent.poll()

    shown: Any = user.get("/api/agents").json["items"][0]
    assert (shown["online"], shown["running"], shown["queued"]) == (True, 1, 0)


def test_success_rate_is_the_share_of_attempts_that_succeeded(
    user: Caller, stage: Stage, scene: Scene, agent: AgentCaller
) -> None:
    path = f"/api/agents/{agent.agent_id}"
    assert user.get(path).json["success_rate"] is None
    scene.execution(agent)
    scene.carry_out(agent)
    stage.services.persistence.drain(stage.workspace_id, dt.timedelta())

    shown: Any = user.get(path).json
    assert shown["success_rate"] == 1
    assert shown["subtasks_completed"] == shown["attempts"] > 0


def test_rotated_key_works_beside_the_old_one_until_that_is_revoked(
    user: Caller, agent: AgentCaller
) -> None:
    path = f"/api/agents/{agent.agent_id}"
    new_key = user.post(f"{path}/keys", None).json["api_key"]
    newest, oldest = user.get(f"{path}/keys").json["items"]
    assert (newest["ending"], oldest["ending"]) == (new_key[-4:], agent.key[-4:])
    assert new_key not in user.get(f"{path}/keys").text
    assert agent.call.get(path).status_code == user.with_key(new_key).get(path).status_code == 200

    assert user("DELETE", f"{path}/keys/{oldest['key_id']}").status_code == 204

    assert agent.call.get(path).status_code == 401
    assert user.with_key(new_key).get(path).status_code == 200
    assert [one["key_id"] for one in user.get(f"{path}/keys").json["items"]] == [newest["key_id"]]
    assert user("DELETE", f"{path}/keys/{oldest['key_id']}").status_code == 404


def test_keys_of_an_agent_are_for_users_only(user: Caller, agent: AgentCaller) -> None:
    path = f"/api/agents/{agent.agent_id}/keys"
    key_id = user.get(path).json["items"][0]["key_id"]

    assert agent.call.get(path).status_code == 403
    assert agent.call("DELETE", f"{path}/{key_id}").status_code == 403
    other = AgentCaller(user)
    assert user("DELETE", f"/api/agents/{other.agent_id}/keys/{key_id}").status_code == 404
    assert user("DELETE", f"/api/agents/agent_none/keys/{key_id}").status_code == 404
    assert len(user.get(path).json["items"]) == 1
