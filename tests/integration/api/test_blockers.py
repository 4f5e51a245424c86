"""Over HTTP: blockers of an execution, and the inbox."""

from typing import Any

import pytest

from ..stage import wide_plan
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of


@pytest.fixture
def execution_id(scene: Scene, agent: AgentCaller) -> str:
    """An execution of which three people's tasks wait."""
    return scene.execution(agent, wide_plan(3, assignee="human"))


def blockers(user: Caller, execution_id: str, query: str = "") -> Any:
    return user.get(f"/api/executions/{execution_id}/blockers{query}").json


def test_blockers_are_listed_in_pages_and_by_status(user: Caller, execution_id: str) -> None:
    first = blockers(user, execution_id, "?limit=2")
    rest = blockers(user, execution_id, f"?limit=2&cursor={first['next_cursor']}")
    assert len(first["items"]) == 2
    assert (len(rest["items"]), rest["next_cursor"]) == (1, None)
    assert blockers(user, execution_id, "?status=RESOLVED")["items"] == []
    for query, field in (("?status=LOST", "status"), ("?cursor=%C3%BC", "cursor")):
        answer = user.get(f"/api/executions/{execution_id}/blockers{query}")
        assert (answer.status_code, fields_of(answer)) == (422, {field})
    assert user.get("/api/executions/exec_none/blockers").status_code == 404


def test_blocker_is_resolved_once_under_a_key(user: Caller, execution_id: str) -> None:
    blocker = blockers(user, execution_id)["items"][0]
    path = f"/api/executions/{execution_id}/blockers/{blocker['blocker_id']}/resolve"
    body = {"resolution": "provide_input", "message": "Done.", "output_data": {"a": 1}}
    answer = user.post(path, body, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 200
    told: Any = answer.json
    assert (told["status"], told["resolution"]) == ("RESOLVED", "provide_input")
    assert user.post(path, body, headers={"Idempotency-Key": "one"}).json == told
    assert user.post(path, body).status_code == 409
    shown: Any = user.get(f"/api/executions/{execution_id}").json
    assert (shown["open_blockers"], shown["progress"]["subtasks_completed"]) == (2, 1)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"resolution"}),
        ({"resolution": "shrug"}, {"resolution"}),
        ({"resolution": "approve"}, {"resolution"}),
        ({"resolution": "skip", "message": 5, "why": "x"}, {"message", "why"}),
        ({"resolution": "skip", "params": []}, {"params"}),
        ({"resolution": "reassign"}, {"agent_id"}),
        ({"resolution": "reassign", "agent_id": "agent_none"}, {"agent_id"}),
    ],
)
def test_bad_answers_name_each_field(
    user: Caller, execution_id: str, body: Any, fields: set[str]
) -> None:
    blocker = blockers(user, execution_id)["items"][0]
    path = f"/api/executions/{execution_id}/blockers/{blocker['blocker_id']}/resolve"
    answer = user.post(path, body)
    assert (answer.status_code, fields_of(answer)) == (422, fields)


def test_unknown_blocker_is_not_found(user: Caller, execution_id: str) -> None:
    path = f"/api/executions/{execution_id}/blockers/blk_none/resolve"
    assert user.post(path, {"resolution": "skip"}).status_code == 404


def test_inbox_lists_what_waits(user: Caller, scene: Scene, execution_id: str) -> None:
    task = {"task_id": "vague", "title": "Do it"}
    plan = {"title": "Vague", "phases": [{"name": "A", "tasks": [task]}]}
    plan_id = scene.plan(plan)
    inbox: Any = user.get("/api/inbox").json
    assert inbox["total"] == 4
    assert inbox["items"][0]["plan_id"] == plan_id
    assert {one["execution_id"] for one in inbox["items"]} == {None, execution_id}
    page: Any = user.get("/api/inbox?limit=3").json
    rest: Any = user.get(f"/api/inbox?cursor={page['next_cursor']}").json
    assert page["items"] + rest["items"] == inbox["items"]
    assert user.get("/api/inbox?limit=0").status_code == 422


def test_agents_have_no_part_in_it(agent: AgentCaller, execution_id: str) -> None:
    assert agent.call.get("/api/inbox").status_code == 403
    assert agent.call.get(f"/api/executions/{execution_id}/blockers").status_code == 403
    path = f"/api/executions/{execution_id}/blockers/blk_none/resolve"
    assert agent.call.post(path, {"resolution": "skip"}).status_code == 403
