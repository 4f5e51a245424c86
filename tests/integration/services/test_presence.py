"""Agents that have only a task or a subtask of an execution: watched, welcomed back, kept."""

from typing import Any

import pytest

from app.domain.errors import Conflict, NotFound
from app.domain.events import EventType
from app.services import Services
from app.services.identity import Principal

from ..stage import Stage, TurnedClock, plan_document


@pytest.fixture
def lead(stage: Stage) -> Principal:
    return stage.agent()


@pytest.fixture
def helper(stage: Stage) -> Principal:
    return stage.agent()


def shared(stage: Stage, lead: Principal, helper: Principal) -> str:
    """Start two tasks that do not wait for each other, the second one the helper's."""
    document = plan_document(2, 1)
    document["phases"][0]["tasks"][1] |= {"agent_id": helper.agent_id, "prerequisites": []}
    return stage.execution(lead, document)


def silence(stage: Stage, clock: TurnedClock, *present: Principal) -> None:
    """Let half an hour pass in which only those present are heard of."""
    clock.advance(minutes=29)
    for agent in present:
        stage.poll(agent)
    clock.advance(minutes=2)
    stage.services.upkeep.sweep(stage.workspace_id)


def inbox(stage: Stage) -> list[dict[str, Any]]:
    return stage.services.inbox.page(stage.workspace_id).items


def why(stage: Stage, execution_id: str, subtask_id: str) -> str:
    cause: str = stage.services.why.get(stage.workspace_id, execution_id, subtask_id)["cause"]
    return cause


def complete(stage: Stage, agent: Principal, execution_id: str, subtask_id: str) -> None:
    assert stage.poll(agent)
    stage.report(agent, execution_id, EventType.TASK_COMPLETE, subtask_id)


def test_silent_helper_holds_up_its_own_subtask_until_it_is_back(
    stage: Stage, clock: TurnedClock, lead: Principal, helper: Principal
) -> None:
    execution_id = shared(stage, lead, helper)
    silence(stage, clock, lead)

    (asked,) = inbox(stage)
    assert (asked["kind"], asked["task_id"], asked["owner"]) == (
        "agent_offline",
        "t1s0",
        stage.owner.actor,
    )
    assert asked["next_step_options"] == ["reassign", "skip", "fail"]
    assert (stage.status(execution_id), why(stage, execution_id, "t1s0")) == (
        "RUNNING",
        "agent_offline",
    )
    stage.report(lead, execution_id, EventType.TASK_COMPLETE, "t0s0")
    assert stage.status(execution_id) == "BLOCKED"

    complete(stage, helper, execution_id, "t1s0")

    assert (inbox(stage), stage.status(execution_id)) == ([], "COMPLETED")


def test_who_gets_a_subtask_by_a_person_is_watched_from_then_on(
    services: Services, stage: Stage, clock: TurnedClock, lead: Principal, helper: Principal
) -> None:
    execution_id = shared(stage, lead, helper)
    silence(stage, clock, lead)
    (asked,) = inbox(stage)
    third = stage.agent()
    answer = {"resolution": "reassign", "agent_id": third.agent_id}
    services.blockers.resolve(stage.owner, execution_id, asked["blocker_id"], answer)
    assert services.agents.delete(stage.owner, helper.agent_id or "") is None

    silence(stage, clock, lead)

    (asked,) = inbox(stage)
    assert (asked["task_id"], third.agent_id in asked["message"]) == ("t1s0", True)
    complete(stage, third, execution_id, "t1s0")
    assert inbox(stage) == []


def test_agent_that_may_still_get_work_is_not_deleted_and_the_reason_is_told(
    services: Services, stage: Stage, lead: Principal, helper: Principal
) -> None:
    execution_id = shared(stage, lead, helper)
    for agent in (lead, helper):
        with pytest.raises(Conflict, match=f"may still get work .*{execution_id}"):
            services.agents.delete(stage.owner, agent.agent_id or "")

    complete(stage, helper, execution_id, "t1s0")
    services.agents.delete(stage.owner, helper.agent_id or "")

    with pytest.raises(NotFound):
        services.agents.get(stage.workspace_id, helper.agent_id or "")
    with pytest.raises(Conflict):
        services.agents.delete(stage.owner, lead.agent_id or "")


def test_refusal_to_delete_names_a_few_executions_and_counts_the_others(
    services: Services, stage: Stage, lead: Principal, helper: Principal
) -> None:
    for _ in range(5):
        shared(stage, lead, helper)
    with pytest.raises(Conflict, match="and 2 more"):
        services.agents.delete(stage.owner, helper.agent_id or "")
