"""Over HTTP: why something is not running, and what a person does about it."""

from typing import Any

import pytest

from ..stage import plan_document
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of


def human_plan(steps: int = 2) -> dict[str, Any]:
    document = plan_document(1, steps)
    document["phases"][0]["tasks"][0]["subtasks"][0]["assignee"] = "human"
    return document


@pytest.fixture
def execution_id(scene: Scene, agent: AgentCaller) -> str:
    """An execution that waits for a person."""
    return scene.execution(agent, human_plan())


def test_why_of_task_and_subtask(user: Caller, execution_id: str) -> None:
    told: Any = user.get(f"/api/executions/{execution_id}/tasks/t0/why").json
    assert (told["task_id"], told["cause"], told["cleared_by"]) == ("t0s0", "human_task", "user")
    assert told["actions"][0]["method"] == "POST"
    waits: Any = user.get(f"/api/executions/{execution_id}/tasks/t0s1/why").json
    assert (waits["cause"], waits["status"]) == ("prerequisites", "QUEUED")
    assert user.get(f"/api/executions/{execution_id}/tasks/t9/why").status_code == 404
    assert user.get("/api/executions/exec_none/tasks/t0/why").status_code == 404


def test_human_task_is_completed_with_links_and_files(
    user: Caller, agent: AgentCaller, execution_id: str
) -> None:
    path = f"/api/executions/{execution_id}/tasks/t0s0/complete"
    evidence = [{"name": "Map", "url": "http://intranet/map"}]
    answer = user.post(path, {"notes": "Done.", "output_data": {"a": 1}, "evidence": evidence})
    assert answer.status_code == 200
    told: Any = answer.json
    assert told["subtasks"][0]["status"] == "COMPLETED"
    assert agent.poll()["next_task"]["task_id"] == "t0s1"
    page: Any = user.get(f"/api/executions/{execution_id}/events?type=task_complete").json
    assert page["items"][0]["evidence"] == evidence
    assert user.post(path, {}).status_code == 409


@pytest.mark.parametrize(
    ("evidence", "field"),
    [
        ({"name": "x", "url": "javascript:alert(1)"}, "evidence.0.url"),
        ({"name": "x", "url": "ftp://host.example/x"}, "evidence.0.url"),
        ({"url": "https://host.example/x"}, "evidence.0.name"),
        ({"name": "x"}, "evidence.0.url"),
        ({"name": "x", "url": "https://host.example/x", "file_id": "file_1"}, "evidence.0.url"),
        ({"name": "", "file_id": "file_1"}, "evidence.0.name"),
        ({"name": "x", "url": "https://host.example/", "size": 1}, "evidence.0.size"),
        ({"file_id": "file_none"}, "evidence.0.file_id"),
        ("file_none", "evidence.0.file_id"),
    ],
)
def test_bad_evidence_is_named(user: Caller, execution_id: str, evidence: Any, field: str) -> None:
    path = f"/api/executions/{execution_id}/tasks/t0s0/complete"
    answer = user.post(path, {"evidence": [evidence]})
    assert answer.status_code == 422
    assert fields_of(answer) == {field}


@pytest.mark.parametrize(
    ("call", "body", "fields"),
    [
        ("skip", {}, {"reason"}),
        ("skip", {"reason": ""}, {"reason"}),
        ("skip", {"reason": 1, "x": 1}, {"reason", "x"}),
        ("skip", {"reason": "y", "output_data": "z" * 300_000}, {"output_data"}),
        ("retry", {"message": "z" * 20_001}, {"message"}),
        ("complete", {"notes": None}, {"notes"}),
        ("complete", {"evidence": [{"file_id": "f"}] * 51}, {"evidence"}),
    ],
)
def test_bad_requests_name_each_field(
    user: Caller, execution_id: str, call: str, body: Any, fields: set[str]
) -> None:
    answer = user.post(f"/api/executions/{execution_id}/tasks/t0s0/{call}", body)
    assert answer.status_code == 422
    assert fields_of(answer) == fields


def test_skip_with_a_key_is_carried_out_once_and_answered_twice(
    user: Caller, execution_id: str
) -> None:
    path = f"/api/executions/{execution_id}/tasks/t0s0/skip"
    body, headers = {"reason": "Not needed."}, {"Idempotency-Key": "one"}
    first = user.post(path, body, headers=headers)
    again = user.post(path, body, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json == again.json
    assert user.post(path, body).status_code == 409


def test_retry_takes_no_body(user: Caller, agent: AgentCaller, scene: Scene) -> None:
    execution_id = scene.execution(agent, plan_document(1, 1))
    agent.poll()
    error = {"event_type": "task_error", "task_id": "t0s0", "error_message": "No route."}
    agent.report(execution_id, error)
    assert agent.poll() is None
    answer = user.post(f"/api/executions/{execution_id}/tasks/t0s0/retry")
    assert answer.status_code == 200
    assert agent.poll()["next_task"]["task_id"] == "t0s0"


def test_agents_decide_nothing(agent: AgentCaller, execution_id: str) -> None:
    for call in ("retry", "skip", "complete"):
        path = f"/api/executions/{execution_id}/tasks/t0s0/{call}"
        assert agent.call.post(path, {"reason": "x"} if call == "skip" else {}).status_code == 403
    assert agent.call.get(f"/api/executions/{execution_id}/tasks/t0/why").status_code == 403


def test_tree_tells_why(user: Caller, execution_id: str) -> None:
    tree: Any = user.get(f"/api/executions/{execution_id}/tasks").json
    (task,) = tree["phases"][0]["tasks"]
    assert [row["why"]["cause"] for row in task["subtasks"]] == ["human_task", "prerequisites"]
    assert task["why"] == task["subtasks"][0]["why"]
