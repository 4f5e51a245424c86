"""Breaking plans down as workers do it: more than once, late, and in vain."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from app.commands.upload import read_upload
from app.domain.errors import ApprovalRequired, Conflict, NotFound
from app.services import Services
from tests.unit.decomposer.samples import packed, run

from ..stage import Stage, plan_document

VAGUE: dict[str, Any] = {
    "title": "Vague",
    "phases": [{"name": "A", "tasks": [{"task_id": "vague", "title": "Do it"}]}],
}


def status(services: Services, stage: Stage, plan_id: str) -> str:
    return str(services.plans.get(stage.workspace_id, plan_id)["status"])


def start(services: Services, stage: Stage, plan_id: str, **fields: Any) -> dict[str, Any]:
    agent = stage.agent(capabilities=[{"action": "*"}])
    request = {"plan_id": plan_id, "agent_id": agent.agent_id, **fields}
    return services.executions.create(stage.owner, request)


def test_breaking_down_again_changes_nothing(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(plan_document())
    before = services.plans.get(stage.workspace_id, plan_id)
    tasks = services.plans.tasks(stage.workspace_id, plan_id)
    assert before["status"] == "READY"

    services.decomposition.decompose(stage.workspace_id, plan_id, 1)

    after = services.plans.get(stage.workspace_id, plan_id)
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    assert services.plans.tasks(stage.workspace_id, plan_id) == tasks


def test_approval_outlives_a_message_that_comes_twice(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(VAGUE)
    assert status(services, stage, plan_id) == "NEEDS_REVIEW"
    services.review.approve(stage.owner, plan_id, "vague")
    assert status(services, stage, plan_id) == "READY"

    services.decomposition.decompose(stage.workspace_id, plan_id, 1)

    assert status(services, stage, plan_id) == "READY"


def test_unreviewed_breakdown_holds_the_start_back_until_it_is_approved(
    services: Services, stage: Stage
) -> None:
    plan_id = stage.plan(VAGUE)
    with pytest.raises(ApprovalRequired) as caught:
        start(services, stage, plan_id)
    assert [fault.where for fault in caught.value.faults] == ["tasks.vague"]

    shown = services.review.approve(stage.owner, plan_id, "vague")
    services.review.approve(stage.owner, plan_id, "vague")

    assert shown["needs_review"] is False
    assert start(services, stage, plan_id)["status"] == "QUEUED"


def test_gate_holds_the_start_back_until_it_is_overridden_with_a_reason(
    services: Services, stage: Stage
) -> None:
    data = packed(run(redline_gate={"verdict": "REFUSE"}))
    plan_id = services.plans.import_upload(stage.owner, "plan.zip", data)["plan_id"]
    services.decomposition.decompose(stage.workspace_id, plan_id, 1)
    assert status(services, stage, plan_id) == "REFUSED"
    for phase in services.plans.tasks(stage.workspace_id, plan_id)["phases"]:
        for task in phase["tasks"]:
            services.review.approve(stage.owner, plan_id, task["task_id"])

    for approvals in ({}, {"redline": {"reason": ""}}, {"go_no_go": {"reason": "other gate"}}):
        with pytest.raises(ApprovalRequired) as caught:
            start(services, stage, plan_id, approvals=approvals)
        assert [fault.where for fault in caught.value.faults] == ["approvals.redline"]

    approvals = {"redline": {"reason": "checked by the board"}}
    execution = start(services, stage, plan_id, approvals=approvals)
    assert execution["status"] == "QUEUED"


def test_plan_that_is_not_broken_down_yet_does_not_start(services: Services, stage: Stage) -> None:
    plan_id = services.plans.import_json(stage.owner, plan_document())["plan_id"]

    with pytest.raises(Conflict, match="still being broken down"):
        start(services, stage, plan_id)


def test_plan_that_is_gone_or_was_broken_down_anew_is_left_alone(
    services: Services, stage: Stage
) -> None:
    services.decomposition.decompose(stage.workspace_id, "plan_none", 1)

    plan_id = stage.plan(plan_document())
    services.decomposition.decompose(stage.workspace_id, plan_id, 0)

    assert services.plans.get(stage.workspace_id, plan_id)["decomposition_version"] == 1


def test_unknown_task_cannot_be_approved(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(plan_document())

    with pytest.raises(NotFound):
        services.review.approve(stage.owner, plan_id, "t9")
    with pytest.raises(NotFound):
        services.review.approve(stage.owner, "plan_none", "t0")


def test_plan_of_a_live_execution_cannot_be_deleted(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(plan_document())
    execution_id = start(services, stage, plan_id)["execution_id"]
    with pytest.raises(Conflict):
        services.plans.delete(stage.owner, plan_id)

    services.executions.control(stage.owner, execution_id, {"status": "CANCELLED"})
    services.persistence.drain(stage.workspace_id, dt.timedelta())
    services.plans.delete(stage.owner, plan_id)

    with pytest.raises(NotFound):
        services.plans.get(stage.workspace_id, plan_id)
    assert stage.status(execution_id) == "CANCELLED"


def test_largest_real_plan_is_broken_down_ready_for_review(
    services: Services, stage: Stage
) -> None:
    folder = Path(__file__).parents[4] / "shared" / "plans" / "20250629_reverse_aging_lab"
    if not folder.is_dir():
        pytest.skip("the real plans are not beside the project")
    plan_id = services.plans.import_upload(stage.owner, *read_upload(folder))["plan_id"]
    services.decomposition.decompose(stage.workspace_id, plan_id, 1)

    tasks = [
        task
        for phase in services.plans.tasks(stage.workspace_id, plan_id)["phases"]
        for task in phase["tasks"]
    ]
    assert len(tasks) == 50
    assert sum(len(task["executable_subtasks"]) for task in tasks) >= 227


def test_steps_are_matched_with_the_agents_of_the_workspace_or_with_the_one_named(
    services: Services, stage: Stage
) -> None:
    document = {
        "title": "Pots",
        "phases": [{"name": "A", "tasks": [{"task_id": "t", "title": "Research clay"}]}],
    }
    agent = stage.agent(capabilities=[{"action": "google_search"}])
    stage.agent(capabilities=[{"action": "noop"}])
    plan_id = stage.plan(document)
    assert actions(services, stage, plan_id) == ["google_search"]

    other = services.plans.import_json(stage.owner, document)["plan_id"]
    named = stage.agent(capabilities=[{"action": "*"}]).agent_id
    services.decomposition.request(stage.owner, other, {"agent_id": named})
    services.decomposition.decompose(stage.workspace_id, other, 2)
    assert actions(services, stage, other) == ["web_search"]
    services.review.approve(stage.owner, plan_id, "t")
    start = {"plan_id": plan_id, "agent_id": agent.agent_id}
    execution = services.executions.create(stage.owner, start)
    assert execution["open_blockers"] == 0


def test_parts_of_the_confidence_and_sources_are_shown(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(VAGUE)
    (task,) = services.plans.tasks(stage.workspace_id, plan_id)["phases"][0]["tasks"]
    assert {"name", "weight", "share", "explanation"} == task["confidence_parts"][0].keys()
    (step,) = task["executable_subtasks"]
    assert step["source"] == {"task_id": "vague", "quote": "Do it"}
    assert step["reasons"] == ["perform_task: no rule begins like it"]


def actions(services: Services, stage: Stage, plan_id: str) -> list[str]:
    """Name the actions of a plan's only task."""
    (task,) = services.plans.tasks(stage.workspace_id, plan_id)["phases"][0]["tasks"]
    return [step["action"] for step in task["executable_subtasks"]]
