"""Agents written to the first drafts of the protocol work unchanged."""

from typing import Any

import pytest

from .conftest import AgentCaller, Scene


@pytest.fixture
def leased(agent: AgentCaller, execution_id: str) -> str:
    agent.poll()
    return execution_id


def last(scene: Scene, execution_id: str) -> Any:
    return scene.get(execution_id, "/events?order=desc&limit=1")["items"][0]


def step(scene: Scene, execution_id: str) -> Any:
    return scene.get(execution_id, "/tasks")["phases"][0]["tasks"][0]["subtasks"][0]


@pytest.mark.parametrize(
    "event",
    [
        {"event_type": "subtask_complete", "subtask_id": "t0s0"},
        {"event_type": "task_complete", "subtask_id": "t0s0", "status": "success"},
        {"task_id": "t0s0", "result": "success"},
        {"task_id": "t0s0", "status": "success"},
        {"event_type": "task_complete", "task_id": "t0s0", "result": "success"},
    ],
)
def test_success_in_any_of_its_forms_completes_the_task(
    scene: Scene, agent: AgentCaller, leased: str, event: Any
) -> None:
    whole = {
        "execution_id": leased,
        "agent_id": agent.agent_id,
        "timestamp": "2026-02-10T14:30:00Z",
        "output": {"emails": 3},
        "notes": "All sent.",
        "next_task_id": "t0s1",
        "status_code": 200,
        "tasks_completed": 1,
        "tasks_total": 4,
        "blocking": False,
        **event,
    }

    assert agent.report(leased, whole).status_code == 201

    shown = step(scene, leased)
    assert (shown["status"], shown["result"]) == ("COMPLETED", {"emails": 3})
    page = scene.get(leased, "/events?type=task_complete")["items"][0]
    assert page["agent_timestamp"] == "2026-02-10T14:30:00Z"
    assert page["message"] == "All sent."


def test_started_and_in_progress_are_understood(
    scene: Scene, agent: AgentCaller, leased: str
) -> None:
    for old, new in (("subtask_started", "task_started"), ("subtask_in_progress", "task_progress")):
        event = {"event_type": old, "subtask_id": "t0s0", "progress_percent": 30}
        assert agent.report(leased, event).status_code == 201
        assert last(scene, leased)["event_type"] == new


def test_heartbeat_names_its_task_in_its_own_words(
    scene: Scene, agent: AgentCaller, leased: str
) -> None:
    event = {"event_type": "heartbeat", "current_task_id": "t0s0", "current_task_progress": 45}

    assert agent.report(leased, event).status_code == 201
    assert step(scene, leased)["progress_percent"] == 45


def test_blocked_error_is_a_wait(scene: Scene, agent: AgentCaller, leased: str) -> None:
    event = {
        "event_type": "task_error",
        "task_id": "t0s0",
        "status": "BLOCKED",
        "error_type": "rate_limit",
        "error_message": "Too many requests",
        "suggestion": "wait a while",
    }

    assert agent.report(leased, event).json["status"] == "BLOCKED"
    kept = scene.get(leased, "/events?type=task_blocked")["items"][0]
    assert kept["suggestions"] == ["wait a while"]
    assert step(scene, leased)["status"] == "BLOCKED"


def test_ids_in_the_body_must_match(agent: AgentCaller, leased: str) -> None:
    for name in ("execution_id", "agent_id"):
        event = {"event_type": "heartbeat", "current_task_id": "t0s0", name: "other"}
        assert agent.report(leased, event).status_code == 422


def test_failed_task_of_the_drafts_is_retried(
    scene: Scene, agent: AgentCaller, leased: str
) -> None:
    event = {"event_type": "task_error", "subtask_id": "t0s0", "status": "FAILED"}

    assert agent.report(leased, event).status_code == 201
    assert step(scene, leased)["status"] == "RETRYING"
