"""People who change breakdowns at the same time, and while the plan is broken down."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.domain.errors import ApprovalRequired, Conflict, Invalid
from app.services import Services

from ..stage import Stage, plan_document


def edit(title: str, version: int = 1, **more: Any) -> dict[str, Any]:
    operation = {"op": "edit", "subtask_id": "t0s0", "title": title}
    return {"version": version, "operations": [operation], **more}


def version(services: Services, stage: Stage, plan_id: str) -> int:
    return int(services.plans.get(stage.workspace_id, plan_id)["decomposition_version"])


def step(services: Services, stage: Stage, plan_id: str) -> dict[str, Any]:
    tree = services.plans.tasks(stage.workspace_id, plan_id)
    task = tree["phases"][0]["tasks"][0]
    return {**task["executable_subtasks"][0], "version": task["version"]}


def test_of_many_who_change_one_version_at_once_one_wins(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(plan_document())

    def change(number: int) -> str:
        wanted = edit(f"Title {number}")
        try:
            services.review.revise(stage.owner, plan_id, "t0", wanted)
        except Conflict:
            return ""
        return f"Title {number}"

    # More than there are connections: whoever holds the plan must not need a second one.
    with ThreadPoolExecutor(20) as pool:
        won = [title for title in pool.map(change, range(20)) if title]

    assert len(won) == 1
    assert step(services, stage, plan_id)["title"] == won[0]
    assert version(services, stage, plan_id) == 2


def test_changes_of_different_tasks_at_once_all_hold(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(plan_document(8, 1))

    def change(number: int) -> None:
        operation = {"op": "edit", "subtask_id": f"t{number}s0", "title": "New"}
        wanted = {"version": 1, "operations": [operation], "approve": True}
        services.review.revise(stage.owner, plan_id, f"t{number}", wanted)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(8)))

    tree = services.plans.tasks(stage.workspace_id, plan_id)
    tasks = tree["phases"][0]["tasks"]
    assert {task["executable_subtasks"][0]["title"] for task in tasks} == {"New"}
    assert sorted(task["version"] for task in tasks) == list(range(2, 10))
    assert services.plans.get(stage.workspace_id, plan_id)["status"] == "READY"


def test_approval_and_change_at_once_never_approve_what_was_not_seen(
    services: Services, stage: Stage
) -> None:
    plan_id = stage.plan(plan_document())

    def approve() -> None:
        try:
            services.review.approve(stage.owner, plan_id, "t0", 2)
        except Conflict:
            return

    services.review.revise(stage.owner, plan_id, "t0", edit("Seen"))
    with ThreadPoolExecutor(2) as pool:
        pool.submit(approve)
        pool.submit(services.review.revise, stage.owner, plan_id, "t0", edit("Unseen", 2))

    tree = services.plans.tasks(stage.workspace_id, plan_id)
    task = tree["phases"][0]["tasks"][0]
    assert (task["version"], task["needs_review"]) == (3, True)
    assert services.plans.get(stage.workspace_id, plan_id)["status"] == "NEEDS_REVIEW"


def test_changed_breakdown_holds_the_start_back_until_it_is_approved(
    services: Services, stage: Stage
) -> None:
    agent = stage.agent()
    plan_id = stage.plan(plan_document())
    services.review.revise(stage.owner, plan_id, "t0", edit("New"))
    request = {"plan_id": plan_id, "agent_id": agent.agent_id}

    with pytest.raises(ApprovalRequired):
        services.executions.create(stage.owner, request)

    services.review.approve(stage.owner, plan_id, "t0", 2)
    assert services.executions.create(stage.owner, request)["plan_version"] == 2


def test_message_that_comes_again_after_a_change_undoes_nothing(
    services: Services, stage: Stage
) -> None:
    plan_id = stage.plan(plan_document())
    services.review.revise(stage.owner, plan_id, "t0", edit("New"))

    services.decomposition.decompose(stage.workspace_id, plan_id, 1)

    assert step(services, stage, plan_id)["title"] == "New"
    assert services.plans.get(stage.workspace_id, plan_id)["status"] == "NEEDS_REVIEW"


def test_text_that_cannot_be_stored_is_refused_and_nothing_kept(
    services: Services, stage: Stage
) -> None:
    plan_id = stage.plan(plan_document())

    with pytest.raises(Invalid):
        services.review.revise(stage.owner, plan_id, "t0", edit("a\0b"))

    assert step(services, stage, plan_id)["title"] == "Step 0 of task 0"
    assert version(services, stage, plan_id) == 1
