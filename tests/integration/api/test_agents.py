"""Registration of agents, and what is known of them."""

from typing import Any

import pytest

from .conftest import AgentCaller
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
