"""The inbox: everything that waits for a person, most blocking first."""

from typing import Any

import pytest

from app.domain.errors import Invalid
from app.domain.events import EventType
from app.services import Services
from app.services.identity import Principal
from tests.unit.decomposer.samples import packed, run

from ..stage import Stage, TurnedClock, plan_document, wide_plan


def vague_plan() -> dict[str, Any]:
    """A task that nobody can break down with confidence."""
    task = {"task_id": "v0", "title": "Things"}
    return {"title": "Vague", "phases": [{"name": "All", "tasks": [task]}]}


@pytest.fixture
def agent(stage: Stage) -> Principal:
    return stage.agent(
        capabilities=[{"action": "noop"}, {"action": "send_email"}], max_concurrent_tasks=5
    )


def kinds(stage: Stage) -> list[str]:
    return [str(one["kind"]) for one in stage.services.inbox.page(stage.workspace_id).items]


def test_what_waits_is_listed_over_executions_with_titles_and_links(
    stage: Stage, agent: Principal
) -> None:
    document = plan_document(1, 2)
    document["phases"][0]["tasks"][0]["subtasks"][0]["assignee"] = "human"
    execution_id = stage.execution(agent, document)
    page = stage.services.inbox.page(stage.workspace_id)
    (item,) = page.items
    assert page.total == 1
    assert (item["kind"], item["waits_for"]) == ("human_task", "complete")
    assert (item["plan_title"], item["task_title"]) == ("Build a lighthouse", "Step 0 of task 0")
    assert item["links"]["complete"] == f"/api/executions/{execution_id}/tasks/t0s0/complete"
    stage.services.people.complete(stage.owner, execution_id, "t0s0", {})
    assert kinds(stage) == []


def test_most_blocking_comes_first_and_of_equals_the_oldest(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    older = stage.execution(agent, wide_plan(1, action="send_email"))
    clock.advance(minutes=5)
    newer = stage.execution(agent, wide_plan(1, action="send_email"))
    chain = plan_document(1, 3)
    chain["phases"][0]["tasks"][0]["subtasks"][0]["assignee"] = "human"
    blocking = stage.execution(agent, chain)
    page = stage.services.inbox.page(stage.workspace_id)
    found = [(one["execution_id"], one["holds_up"]) for one in page.items]
    assert found == [(blocking, 2), (older, 0), (newer, 0)]


def test_page_goes_on_behind_an_item_that_is_gone_by_now(stage: Stage, agent: Principal) -> None:
    execution_id = stage.execution(agent, wide_plan(5, action="send_email"))
    inbox = stage.services.inbox
    first = inbox.page(stage.workspace_id, limit=2)
    assert (len(first.items), first.total) == (2, 5)
    for one in first.items:
        stage.services.blockers.resolve(
            stage.owner, execution_id, one["blocker_id"], {"resolution": "approve"}
        )
    rest = inbox.page(stage.workspace_id, cursor=first.next_cursor)
    assert (len(rest.items), rest.next_cursor) == (3, None)
    with pytest.raises(Invalid, match="cursor"):
        inbox.page(stage.workspace_id, cursor="abc")


def test_wait_that_time_clears_is_no_person_s_business_until_it_lasts_too_long(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.poll(agent)
    stage.report(agent, execution_id, EventType.TASK_BLOCKED, "t0s0", max_wait_seconds=60)
    assert kinds(stage) == []
    clock.advance(minutes=2)
    stage.services.upkeep.sweep(stage.workspace_id)
    assert kinds(stage) == ["human_input"]


def test_plan_waits_until_it_is_reviewed(services: Services, stage: Stage) -> None:
    plan_id = stage.plan(vague_plan())
    (item,) = services.inbox.page(stage.workspace_id).items
    assert (item["kind"], item["plan_id"], item["execution_id"]) == ("review", plan_id, None)
    assert item["links"]["plan"] == f"/api/plans/{plan_id}"
    services.review.approve(stage.owner, plan_id, "v0")
    assert kinds(stage) == []


def test_refused_plan_waits_until_somebody_overrides_its_gates(
    services: Services, stage: Stage, agent: Principal
) -> None:
    data = packed(run(redline_gate={"verdict": "REFUSE"}))
    plan_id = services.plans.import_upload(stage.owner, "plan.zip", data)["plan_id"]
    services.decomposition.decompose(stage.workspace_id, plan_id, 1)
    for phase in services.plans.tasks(stage.workspace_id, plan_id)["phases"]:
        for task in phase["tasks"]:
            services.review.approve(stage.owner, plan_id, task["task_id"])
    (item,) = services.inbox.page(stage.workspace_id).items
    assert (item["kind"], item["plan_id"]) == ("review", plan_id)
    assert "gates refuse it" in item["message"]
    request = {
        "plan_id": plan_id,
        "agent_id": agent.agent_id,
        "approvals": {"redline": {"reason": "Checked by counsel."}},
        "start": False,
    }
    services.executions.create(stage.owner, request)
    assert kinds(stage) == []


def test_nobody_sees_the_inbox_of_another_workspace(stage: Stage, agent: Principal) -> None:
    stage.execution(agent, wide_plan(1, action="send_email"))
    stage.plan(vague_plan())
    assert stage.services.inbox.page("ws_other").items == []


def test_cancelled_execution_waits_for_nobody(stage: Stage, agent: Principal) -> None:
    execution_id = stage.execution(agent, wide_plan(3, action="send_email"))
    stage.services.executions.control(stage.owner, execution_id, {"status": "CANCELLED"})
    assert kinds(stage) == []


def test_count_is_that_of_the_list_and_leaves_out_what_agents_will_clear(
    stage: Stage, agent: Principal
) -> None:
    stage.plan(vague_plan())
    stage.execution(agent, wide_plan(2, action="send_email"))
    waiting = stage.execution(agent, plan_document(1, 1))
    assert stage.poll(agent)
    stage.report(agent, waiting, EventType.TASK_BLOCKED, "t0s0")
    inbox = stage.services.inbox
    assert inbox.count(stage.workspace_id) == inbox.page(stage.workspace_id).total == 3
    assert inbox.count("ws_other") == 0


def test_inbox_is_counted_filtered_and_listed_by_group(stage: Stage, agent: Principal) -> None:
    document = wide_plan(3, action="send_email")
    document["phases"][0]["tasks"][0]["subtasks"][0] |= {"action": "noop", "assignee": "human"}
    execution_id = stage.execution(agent, document)
    stage.plan(vague_plan())
    inbox, workspace_id = stage.services.inbox, stage.workspace_id

    page = inbox.page(workspace_id, by_group=True)
    assert page.groups == {"approvals": 2, "tasks": 1, "escalations": 0, "reviews": 1}
    in_groups = ["approvals", "approvals", "tasks", "reviews"]
    assert [one["group"] for one in page.items] == in_groups
    first = inbox.page(workspace_id, by_group=True, limit=3)
    rest = inbox.page(workspace_id, by_group=True, limit=3, cursor=first.next_cursor)
    assert [one["group"] for one in (*first.items, *rest.items)] == in_groups

    tasks = inbox.page(workspace_id, group="tasks")
    assert (tasks.total, [one["kind"] for one in tasks.items]) == (1, ["human_task"])
    assert tasks.groups == page.groups
    assert inbox.page(workspace_id, execution_id=execution_id).total == 3
    assert inbox.page(workspace_id, q="LIGHTHOUSE step 2").total == 1
    assert inbox.page(workspace_id, q="nowhere").total == 0
