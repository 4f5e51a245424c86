"""What people do to subtasks: retry, skip, complete."""

import datetime as dt
from typing import Any

import pytest

from app.domain.errors import Conflict, Invalid, NotFound, Terminal
from app.domain.events import EventType
from app.services import Services
from app.services.identity import Principal

from ..stage import Stage, TurnedClock, plan_document, wide_plan


def human_plan() -> dict[str, Any]:
    """Two chained steps, the first a person's."""
    document = plan_document(1, 2)
    step = document["phases"][0]["tasks"][0]["subtasks"][0]
    step.update(assignee="human", description="Knock on the door.")
    return document


def events_of(stage: Stage, execution_id: str, kind: EventType) -> list[dict[str, Any]]:
    return stage.services.history.page(stage.workspace_id, execution_id, event_type=kind).items


@pytest.fixture
def agent(stage: Stage) -> Principal:
    return stage.agent()


def test_person_completes_a_human_task_with_evidence_and_the_next_goes_out(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, human_plan())
    assert stage.poll(agent) is None
    photo = services.files.upload(stage.owner, "door.png", "image/png", b"png")
    answer = services.people.complete(
        stage.owner,
        execution_id,
        "t0s0",
        {
            "notes": "They opened.",
            "output_data": {"name": "Ann"},
            "evidence": [
                {"name": "Map", "url": "https://maps.example/1"},
                {"file_id": photo["file_id"]},
            ],
        },
    )

    assert answer["execution"]["open_blockers"] == 0
    (row,) = answer["subtasks"]
    assert (row["subtask_id"], row["status"], row["why"]) == ("t0s0", "COMPLETED", None)
    (event,) = events_of(stage, execution_id, EventType.TASK_COMPLETE)
    assert event["actor"] == stage.owner.actor
    assert event["message"] == "They opened."
    assert event["evidence"] == [
        {"name": "Map", "url": "https://maps.example/1"},
        {"name": "door.png", "file_id": photo["file_id"], "url": photo["url"]},
    ]
    work = stage.poll(agent)
    assert work
    context = work["next_task"]["context"]
    assert context["prerequisite_results"] == {"t0s0": {"name": "Ann"}}


def test_evidence_that_was_not_uploaded_is_refused_and_nothing_is_done(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, human_plan())
    evidence = [{"name": "Map", "url": "https://maps.example/1"}, {"file_id": "file_none"}]
    with pytest.raises(Invalid) as refused:
        services.people.complete(stage.owner, execution_id, "t0s0", {"evidence": evidence})
    assert [fault.where for fault in refused.value.faults] == ["evidence.1.file_id"]
    assert stage.subtask(execution_id, "t0s0")["status"] == "BLOCKED"


def test_task_stands_for_its_only_subtask_that_is_not_done(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, human_plan())
    with pytest.raises(Conflict, match="t0s0, t0s1"):
        services.people.complete(stage.owner, execution_id, "t0", {})
    services.people.complete(stage.owner, execution_id, "t0s0", {})
    services.people.complete(stage.owner, execution_id, "t0", {})
    assert stage.status(execution_id) == "COMPLETED"
    with pytest.raises(Terminal):
        services.people.complete(stage.owner, execution_id, "t0", {})


def test_what_waits_for_others_cannot_be_completed_by_a_person(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent)
    with pytest.raises(Conflict, match="waits for others"):
        services.people.complete(stage.owner, execution_id, "t0s1", {})


def test_person_takes_over_what_an_agent_works_on_and_its_late_result_does_not_count(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.poll(agent)
    services.people.complete(stage.owner, execution_id, "t0s0", {"output_data": "by hand"})
    assert stage.status(execution_id) == "COMPLETED"
    with pytest.raises(Conflict):
        stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s0", output_data="late")
    assert stage.subtask(execution_id, "t0s0")["result"] == "by hand"


def test_skip_hands_its_substitute_to_what_waits(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 2))
    request = {"reason": "Known already.", "output_data": 42}
    answer = services.people.skip(stage.owner, execution_id, "t0s0", request)
    assert answer["subtasks"][0]["status"] == "SKIPPED"
    work = stage.poll(agent)
    assert work
    assert work["next_task"]["task_id"] == "t0s1"
    assert work["next_task"]["context"]["prerequisite_results"] == {"t0s0": 42}
    (event,) = events_of(stage, execution_id, EventType.TASK_SKIPPED)
    assert (event["actor"], event["message"]) == (stage.owner.actor, "Known already.")


def test_skipping_a_task_skips_all_of_it_that_is_not_done(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, plan_document(2, 3))
    stage.carry_out(agent, 1)
    answer = services.people.skip(stage.owner, execution_id, "t0", {"reason": "Enough."})
    assert [one["subtask_id"] for one in answer["subtasks"]] == ["t0s1", "t0s2"]
    assert answer["execution"]["progress"]["tasks_completed"] == 1
    with pytest.raises(Conflict, match="done already"):
        services.people.skip(stage.owner, execution_id, "t0", {"reason": "Again."})
    with pytest.raises(Conflict, match="SKIPPED already"):
        services.people.skip(stage.owner, execution_id, "t0s1", {"reason": "Again."})


def test_retry_ends_the_back_off_and_tells_the_next_attempt(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.poll(agent)
    stage.report(agent, execution_id, EventType.TASK_ERROR, "t0s0", error_message="No route.")
    assert stage.poll(agent) is None
    answer = services.people.retry(stage.owner, execution_id, "t0", {"message": "Use the bridge."})
    assert answer["subtasks"][0]["why"]["cause"] == "queued"
    work = stage.poll(agent)
    assert work
    context = work["next_task"]["context"]
    assert (work["next_task"]["attempt"], context["resolution"]["message"]) == (
        1,
        "Use the bridge.",
    )


def test_there_is_nothing_to_retry_where_nothing_failed(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    with pytest.raises(Conflict, match="nothing to retry"):
        services.people.retry(stage.owner, execution_id, "t0s0", {})
    with pytest.raises(Conflict, match="Nothing of t0"):
        services.people.retry(stage.owner, execution_id, "t0", {})


def test_retry_of_what_the_agent_cannot_do_opens_the_blocker_again(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, wide_plan(1, action="paint"))
    answer = services.people.retry(stage.owner, execution_id, "t0s0", {})
    assert answer["subtasks"][0]["status"] == "BLOCKED"
    assert answer["subtasks"][0]["why"]["cause"] == "no_capable_agent"


def test_unknown_tasks_and_executions_are_not_found(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent)
    stranger = Principal("ws_other", "Stranger", user_id="user_other")
    for who, execution, task in (
        (stage.owner, execution_id, "t9"),
        (stage.owner, "exec_none", "t0"),
        (stranger, execution_id, "t0"),
    ):
        with pytest.raises(NotFound):
            services.people.skip(who, execution, task, {"reason": "Any."})


def test_ended_execution_that_has_left_redis_takes_nothing_more(
    services: Services, stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.carry_out(agent)
    services.persistence.drain(stage.workspace_id, dt.timedelta())
    clock.advance(minutes=2)
    services.upkeep.sweep(stage.workspace_id)
    with pytest.raises(Terminal):
        services.people.skip(stage.owner, execution_id, "t0s0", {"reason": "Late."})
