"""What is told before a plan is started."""

from typing import Any

import pytest

from app.domain.errors import NotFound

from ..stage import Stage, plan_document


def told(stage: Stage, document: dict[str, Any]) -> dict[str, Any]:
    plan_id = stage.plan(document)
    return stage.services.readiness.of_plan(stage.workspace_id, plan_id)


def steps(*actions: str, **more: Any) -> dict[str, Any]:
    """Write a plan of one task whose steps have these actions."""
    document = plan_document(1, len(actions))
    task = document["phases"][0]["tasks"][0]
    for step, action in zip(task["subtasks"], actions, strict=True):
        step["action"] = action
    task.update(more)
    return document


def test_each_agent_is_told_with_what_it_cannot_do(stage: Stage) -> None:
    able = stage.agent(agent_id="able", name="Able", capabilities=[{"action": "noop"}])
    stage.agent(agent_id="any", name="Any", capabilities=[{"action": "*"}])
    stage.poll(able)

    found = told(stage, steps("noop", "sing", "sing"))

    first, second = found["agents"]
    assert (first["agent_id"], first["online"]) == ("able", True)
    assert first["misses"] == [{"action": "sing", "subtasks": 2}]
    assert (second["agent_id"], second["online"], second["misses"]) == ("any", False, [])
    assert found["actions"] == [
        {"action": "sing", "subtasks": 2},
        {"action": "noop", "subtasks": 1},
    ]
    assert found["nobody"] == []


def test_what_no_agent_performs_is_named(stage: Stage) -> None:
    stage.agent(agent_id="able")

    assert told(stage, steps("noop", "sing"))["nobody"] == [{"action": "sing", "subtasks": 1}]


def test_task_of_another_agent_counts_by_what_that_one_performs(stage: Stage) -> None:
    stage.agent(agent_id="singer", name="Singer", capabilities=[{"action": "sing"}])
    stage.agent(agent_id="able", name="Able")

    found = told(stage, steps("sing", agent_id="singer"))

    assert [one["misses"] for one in found["agents"]] == [[], []]


def test_what_waits_for_people_is_listed(stage: Stage) -> None:
    document = steps("noop", "sign_lease", "send_payment")
    document["phases"][0]["tasks"][0]["subtasks"][1]["assignee"] = "human"
    document["phases"][0]["tasks"][0]["subtasks"][2]["requires_approval"] = True

    found = told(stage, document)

    assert [one["action"] for one in found["by_people"]] == ["sign_lease"]
    assert [one["title"] for one in found["approvals"]] == ["Step 2 of task 0"]
    assert found["approvals"][0]["task_title"] == "Task 0"
    assert (found["subtasks_total"], found["reviews"], found["fault"]) == (3, [], "")


def test_reviews_that_hold_a_plan_back_are_named(stage: Stage) -> None:
    document = plan_document(1, 1)
    document["phases"][0]["tasks"][0]["subtasks"] = [{"title": "Frobnicate the widget"}]

    assert told(stage, document)["reviews"] == [{"task_id": "t0", "title": "Task 0"}]


def test_plan_that_is_not_broken_down_yet_says_so(stage: Stage) -> None:
    plan_id = stage.services.plans.import_json(stage.owner, plan_document())["plan_id"]

    found = stage.services.readiness.of_plan(stage.workspace_id, plan_id)

    assert (found["fault"], found["actions"]) == ("The plan is still being broken down.", [])
    with pytest.raises(NotFound):
        stage.services.readiness.of_plan("elsewhere", plan_id)
