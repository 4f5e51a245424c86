"""Who may call what: keys, sessions, other agents and other workspaces."""

import datetime as dt
from typing import Any

import pytest
from flask import Flask

from app.record.engine import connect
from app.record.identities import Identities
from app.services.identity import make_key

from .conftest import AgentCaller, Scene
from .contract import Caller

USER_CALLS = [
    ("POST", "/api/agents", {"name": "x", "capabilities": ["a"]}),
    ("GET", "/api/agents", None),
    ("GET", "/api/agents/{agent}/capabilities", None),
    ("POST", "/api/agents/{agent}/keys", None),
    ("POST", "/api/plans", {"title": "x"}),
    ("GET", "/api/plans/{plan}", None),
    ("GET", "/api/plans/{plan}/tasks", None),
    ("DELETE", "/api/plans/{plan}", None),
    ("POST", "/api/plans/{plan}/tasks/t0/approve", None),
    ("POST", "/api/executions", {"plan_id": "x", "agent_id": "y"}),
    ("GET", "/api/executions", None),
    ("GET", "/api/executions/{execution}", None),
    ("GET", "/api/executions/{execution}/tasks", None),
    ("GET", "/api/executions/{execution}/events", None),
    ("PATCH", "/api/executions/{execution}", {"status": "PAUSED"}),
    ("POST", "/api/stream-tickets", None),
]
AGENT_CALLS = [
    ("GET", "/api/agents/{agent}/work", None),
    ("POST", "/api/executions/{execution}/events", {"event_type": "note"}),
]


@pytest.fixture
def ids(agent: AgentCaller, scene: Scene, execution_id: str) -> dict[str, str]:
    plan_id = scene.get(execution_id)["plan_id"]
    return {"agent": agent.agent_id, "plan": plan_id, "execution": execution_id}


@pytest.fixture
def stranger(user: Caller, settings: Any, services: Any) -> Caller:
    """The user of another workspace."""
    engine = connect(settings.database_url)
    identities = Identities(engine)
    identities.create_workspace("ws_other", "Other")
    key, stored = make_key("user")
    identities.create_user("user_other", "ws_other", "Other", "owner", stored)
    engine.dispose()
    return user.with_key(key)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", "Bearer café", "Basic dTpw", "Token x", "Bearer a b"],
)
def test_call_without_a_known_key_is_refused(user: Caller, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    nobody = user.with_key(None)

    for method, path, body in [*USER_CALLS, *AGENT_CALLS]:
        named = path.format(agent="a", plan="p", execution="e")
        answer = nobody(method, named, body, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_agent_key_does_not_act_for_its_user(agent: AgentCaller, ids: dict[str, str]) -> None:
    for method, path, body in USER_CALLS:
        assert agent.call(method, path.format(**ids), body).status_code == 403, path


def test_user_key_does_not_act_for_an_agent(user: Caller, ids: dict[str, str]) -> None:
    for method, path, body in AGENT_CALLS:
        assert user(method, path.format(**ids), body).status_code == 403, path


def test_agent_sees_itself_and_no_other(user: Caller, agent: AgentCaller) -> None:
    other = AgentCaller(user)

    assert agent.call.get(f"/api/agents/{agent.agent_id}").json["agent_id"] == agent.agent_id
    for path in ("", "/work"):
        assert agent.call.get(f"/api/agents/{other.agent_id}{path}").status_code == 404


def test_foreign_agent_s_execution_answers_as_if_there_were_none(
    user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    other = AgentCaller(user)
    event = {"event_type": "task_complete", "task_id": "t0s0"}
    before = scene.get(execution_id)["seq"]

    assert other.report(execution_id, event).status_code == 404
    note = {"event_type": "note", "message": "let me in"}
    assert other.report(execution_id, note).status_code == 404
    assert other.call.get(f"/api/executions/{execution_id}/status").status_code == 404
    assert other.report("exec_none", event).status_code == 404
    assert scene.get(execution_id)["seq"] == before
    results = other.report(execution_id, {"events": [event, note]}).json["results"]
    assert [one["status"] for one in results] == [404, 404]


def test_foreign_agent_s_ended_execution_answers_404_too(
    user: Caller, scene: Scene, agent: AgentCaller, services: Any, clock: Any, execution_id: str
) -> None:
    other = AgentCaller(user)
    scene.carry_out(agent)
    event = {"event_type": "note", "message": "x"}
    for _ in ("live", "retired"):
        assert other.report(execution_id, event).status_code == 404
        assert agent.report(execution_id, event).status_code == 409
        clock.advance(minutes=5)
        services.persistence.drain("default", dt.timedelta())
        services.upkeep.sweep("default")


def test_other_workspaces_see_nothing(stranger: Caller, ids: dict[str, str]) -> None:
    for method, path, body in USER_CALLS:
        if "{" in path:
            answer = stranger(method, path.format(**ids), body)
            assert answer.status_code == 404, path
    for path in ("/api/agents", "/api/plans", "/api/executions"):
        assert stranger.get(path).json["items"] == []
    request = {"plan_id": ids["plan"], "agent_id": ids["agent"]}
    assert stranger.post("/api/executions", request).status_code == 404


def test_browser_session_reads_freely_and_writes_with_its_token(
    app: Flask, user: Caller, owner_key: str, execution_id: str
) -> None:
    path = f"/api/executions/{execution_id}"
    with app.test_client() as browser:
        page = browser.get("/sign-in").text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        signed_in = browser.post("/sign-in", data={"key": owner_key, "csrf_token": token})
        assert signed_in.status_code == 303
        session = user.in_browser(browser)
        assert session.get(path).status_code == 200
        with browser.session_transaction() as held:
            held["csrf"] = "right"
        for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "wrong"}):
            assert session.patch(path, {"status": "PAUSED"}, headers=wrong).status_code == 401
        headers = {"X-CSRF-Token": "right"}
        paused = session.patch(path, {"status": "PAUSED"}, headers=headers)
        assert (paused.status_code, paused.json["status"]) == (200, "PAUSED")


def test_session_without_a_token_of_its_own_cannot_write(
    app: Flask, user: Caller, owner: Any, execution_id: str
) -> None:
    with app.test_client() as browser:
        with browser.session_transaction() as held:
            held.update(user_id=owner.user_id, workspace_id=owner.workspace_id)
        session = user.in_browser(browser)
        for sent in ("", "-"):
            answer = session.patch(
                f"/api/executions/{execution_id}",
                {"status": "PAUSED"},
                headers={"X-CSRF-Token": sent},
            )
            assert answer.status_code == 401


def test_new_key_works_beside_the_first(user: Caller, agent: AgentCaller) -> None:
    told: Any = user.post(f"/api/agents/{agent.agent_id}/keys").json
    assert told["api_key"] != agent.key

    for key in (agent.key, told["api_key"]):
        assert user.with_key(key).get(f"/api/agents/{agent.agent_id}/work").status_code == 204
    assert user.post("/api/agents/agent_none/keys").status_code == 404
