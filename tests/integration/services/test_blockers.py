"""Blockers of an execution: the list, and every answer to them."""

import datetime as dt
from typing import Any

import pytest

from app.domain.errors import Conflict, Invalid, NotFound, Terminal
from app.domain.events import EventType
from app.services import Services
from app.services.identity import Principal

from ..stage import Stage, TurnedClock, plan_document, wide_plan


def listed(stage: Stage, execution_id: str, **asked: Any) -> list[dict[str, Any]]:
    return stage.services.blockers.page(stage.workspace_id, execution_id, **asked).items


def the_open(stage: Stage, execution_id: str) -> dict[str, Any]:
    (blocker,) = listed(stage, execution_id, status="OPEN")
    return blocker


def resolve(stage: Stage, execution_id: str, resolution: str, **fields: Any) -> dict[str, Any]:
    blocker_id = the_open(stage, execution_id)["blocker_id"]
    request = {"resolution": resolution, **fields}
    return stage.services.blockers.resolve(stage.owner, execution_id, blocker_id, request)


@pytest.fixture
def agent(stage: Stage) -> Principal:
    return stage.agent(capabilities=[{"action": "noop"}, {"action": "send_email"}])


@pytest.fixture
def stuck(stage: Stage, agent: Principal) -> str:
    """An execution whose first step of two needs a person's advice."""
    execution_id = stage.execution(agent, plan_document(1, 2))
    ask(stage, agent, execution_id)
    return execution_id


def ask(stage: Stage, agent: Principal, execution_id: str) -> None:
    stage.poll(agent)
    stage.report(
        agent,
        execution_id,
        EventType.TASK_ERROR,
        "t0s0",
        error_message="Which door?",
        suggestions=["The red one."],
        human_review_required=True,
    )


def test_open_blocker_is_told_with_owner_options_and_what_it_holds_up(
    stage: Stage, stuck: str
) -> None:
    blocker = the_open(stage, stuck)
    assert blocker["kind"] == "human_input"
    assert (blocker["task_id"], blocker["execution_id"]) == ("t0s0", stuck)
    assert (blocker["message"], blocker["suggestions"]) == ("Which door?", ["The red one."])
    assert (blocker["owner"], blocker["holds_up"]) == (stage.owner.actor, 1)
    assert blocker["next_step_options"][0] == "provide_input"
    assert (blocker["status"], blocker["resolution"], blocker["resolved_at"]) == (
        "OPEN",
        None,
        None,
    )
    assert stage.status(stuck) == "BLOCKED"


def test_advice_reaches_the_next_attempt_and_stays_on_record(
    stage: Stage, agent: Principal, stuck: str
) -> None:
    told = resolve(
        stage, stuck, "provide_input", message="The red one.", params={"door": "red"}, option="red"
    )
    assert (told["status"], told["resolution"]) == ("RESOLVED", "provide_input")
    assert told["resolved_by"] == stage.owner.actor
    work = stage.poll(agent)
    assert work
    assert work["next_task"]["params"]["door"] == "red"
    assert work["next_task"]["context"]["resolution"]["option"] == "red"
    assert listed(stage, stuck, status="OPEN") == []
    assert listed(stage, stuck) == [told]


def test_answer_that_the_blocker_does_not_take_changes_nothing(stage: Stage, stuck: str) -> None:
    with pytest.raises(Invalid, match="This blocker takes: provide_input"):
        resolve(stage, stuck, "approve")
    assert the_open(stage, stuck)["kind"] == "human_input"


def test_blocker_can_be_resolved_once(services: Services, stage: Stage, stuck: str) -> None:
    told = resolve(stage, stuck, "skip", message="Not needed.")
    with pytest.raises(Conflict, match="skip, by user:"):
        services.blockers.resolve(
            stage.owner, stuck, told["blocker_id"], {"resolution": "provide_input"}
        )


def test_unknown_blockers_and_those_of_others_are_not_found(
    services: Services, stage: Stage, agent: Principal, stuck: str
) -> None:
    blocker_id = the_open(stage, stuck)["blocker_id"]
    other = stage.execution(agent, plan_document(1, 1))
    stranger = Principal("ws_other", "Stranger", user_id="user_other")
    for who, execution_id, name in (
        (stage.owner, stuck, "blk_none"),
        (stage.owner, other, blocker_id),
        (stage.owner, "exec_none", blocker_id),
        (stranger, stuck, blocker_id),
    ):
        with pytest.raises(NotFound):
            services.blockers.resolve(who, execution_id, name, {"resolution": "skip"})
    with pytest.raises(NotFound):
        services.blockers.page(stranger.workspace_id, stuck)


def test_risky_action_waits_for_approval_and_goes_out_once_approved(
    stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, wide_plan(1, action="send_email"))
    assert stage.poll(agent) is None
    assert the_open(stage, execution_id)["kind"] == "approval"
    resolve(stage, execution_id, "approve")
    work = stage.poll(agent)
    assert work
    assert work["next_task"]["action"] == "send_email"


def test_rejected_approval_asks_for_an_alternative_which_needs_approval_anew(
    stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, wide_plan(1, action="send_email"))
    resolve(stage, execution_id, "reject", message="Too pushy.")
    asked = the_open(stage, execution_id)
    assert (asked["kind"], asked["next_step_options"]) == (
        "human_input",
        ["alternative", "skip", "fail"],
    )
    resolve(stage, execution_id, "alternative", params={"tone": "kind"})
    assert stage.poll(agent) is None
    assert the_open(stage, execution_id)["kind"] == "approval"


def test_giving_up_fails_the_execution_and_closes_its_other_blockers(
    stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, wide_plan(2, action="send_email"))
    first, second = listed(stage, execution_id, status="OPEN")
    stage.services.blockers.resolve(
        stage.owner, execution_id, first["blocker_id"], {"resolution": "fail"}
    )
    assert stage.status(execution_id) == "FAILED"
    closed = {one["blocker_id"]: one["resolution"] for one in listed(stage, execution_id)}
    assert closed == {first["blocker_id"]: "fail", second["blocker_id"]: "failed"}
    with pytest.raises(Conflict, match="closed: failed"):
        stage.services.blockers.resolve(
            stage.owner, execution_id, second["blocker_id"], {"resolution": "approve"}
        )


def test_subtask_is_reassigned_to_an_agent_that_can(
    stage: Stage, agent: Principal, stuck: str
) -> None:
    other = stage.agent()
    resolve(stage, stuck, "reassign", agent_id=other.agent_id)
    assert stage.poll(agent) is None
    work = stage.poll(other)
    assert work
    assert work["next_task"]["task_id"] == "t0s0"


def test_reassignment_needs_an_agent_that_exists(stage: Stage, stuck: str) -> None:
    for fields in ({}, {"agent_id": "agent_none"}):
        with pytest.raises(Invalid) as refused:
            resolve(stage, stuck, "reassign", **fields)
        assert [fault.where for fault in refused.value.faults] == ["agent_id"]
    assert the_open(stage, stuck)["kind"] == "human_input"


def test_reassignment_to_an_agent_that_cannot_opens_another_blocker(
    stage: Stage, stuck: str
) -> None:
    painter = stage.agent(capabilities=[{"action": "paint"}])
    resolve(stage, stuck, "reassign", agent_id=painter.agent_id)
    blocker = the_open(stage, stuck)
    assert blocker["kind"] == "no_capable_agent"
    assert painter.agent_id in blocker["message"]
    assert "noop" in blocker["message"]
    jack = stage.agent(capabilities=[{"action": "*"}])
    resolve(stage, stuck, "reassign", agent_id=jack.agent_id)
    assert stage.poll(jack)


def test_external_wait_is_listed_with_its_next_look(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.poll(agent)
    stage.report(agent, execution_id, EventType.TASK_BLOCKED, "t0s0", message="No answer yet.")
    first = the_open(stage, execution_id)
    assert (first["kind"], first["owner"]) == ("external_wait", f"agent:{agent.agent_id}")
    clock.advance(minutes=6)
    stage.services.upkeep.sweep(stage.workspace_id)
    work = stage.poll(agent)
    assert work
    assert work["next_task"]["kind"] == "check"
    stage.report(agent, execution_id, EventType.TASK_BLOCKED, "t0s0")
    again = the_open(stage, execution_id)
    assert again["blocker_id"] == first["blocker_id"]
    assert again["next_check_at"] > first["next_check_at"]


def test_agent_that_is_off_line_is_replaced_and_the_execution_goes_on(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.poll(agent)
    clock.advance(minutes=31)
    stage.services.upkeep.sweep(stage.workspace_id)
    blocker = the_open(stage, execution_id)
    assert (blocker["kind"], blocker["task_id"]) == ("agent_offline", None)
    assert blocker["holds_up"] == 1
    other = stage.agent()
    told = resolve(stage, execution_id, "reassign", agent_id=other.agent_id)
    assert told["status"] == "RESOLVED"
    assert listed(stage, execution_id, status="OPEN") == []
    assert stage.services.executions.get(stage.workspace_id, execution_id)["agent_id"] == (
        other.agent_id
    )


def test_agent_that_comes_back_resolves_its_blocker_itself(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    clock.advance(minutes=31)
    stage.services.upkeep.sweep(stage.workspace_id)
    assert the_open(stage, execution_id)["kind"] == "agent_offline"
    stage.poll(agent)
    (closed,) = listed(stage, execution_id)
    assert (closed["resolution"], closed["resolved_by"]) == (
        "agent_online",
        f"agent:{agent.agent_id}",
    )


def test_completion_by_a_person_while_the_agent_is_off_line_leaves_nothing_open(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    clock.advance(minutes=31)
    stage.services.upkeep.sweep(stage.workspace_id)
    stage.services.people.complete(stage.owner, execution_id, "t0s0", {})
    assert stage.status(execution_id) == "COMPLETED"
    assert listed(stage, execution_id, status="OPEN") == []
    assert stage.services.executions.get(stage.workspace_id, execution_id)["open_blockers"] == 0
    assert stage.services.inbox.page(stage.workspace_id).items == []


def test_open_ones_come_first_and_pages_have_each_once(stage: Stage, agent: Principal) -> None:
    execution_id = stage.execution(agent, wide_plan(7, action="send_email"))
    for one in listed(stage, execution_id)[:3]:
        stage.services.blockers.resolve(
            stage.owner, execution_id, one["blocker_id"], {"resolution": "skip"}
        )
    whole = listed(stage, execution_id)
    assert [one["status"] for one in whole] == ["OPEN"] * 4 + ["RESOLVED"] * 3
    paged: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = stage.services.blockers.page(
            stage.workspace_id, execution_id, limit=3, cursor=cursor
        )
        paged += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == whole
    for wrong in ("x", "W10", "2"):
        with pytest.raises(Invalid, match="cursor"):
            listed(stage, execution_id, cursor=wrong)


def test_blockers_of_an_execution_that_has_left_redis_are_still_told(
    stage: Stage, stuck: str, clock: TurnedClock
) -> None:
    told = resolve(stage, stuck, "fail")
    stage.services.persistence.drain(stage.workspace_id, dt.timedelta())
    clock.advance(minutes=2)
    stage.services.upkeep.sweep(stage.workspace_id)
    assert listed(stage, stuck) == [told]
    with pytest.raises(Conflict, match="closed: fail"):
        stage.services.blockers.resolve(
            stage.owner, stuck, told["blocker_id"], {"resolution": "skip"}
        )
    with pytest.raises(Terminal):
        stage.services.people.skip(stage.owner, stuck, "t0s0", {"reason": "Late."})
