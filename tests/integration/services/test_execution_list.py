"""The list of executions: what each waits for, searched, filtered and sorted."""

import datetime as dt
from typing import Any

import pytest

from app.domain.events import EventType
from app.services.identity import Principal

from ..stage import Stage, TurnedClock, plan_document, wide_plan


@pytest.fixture
def agent(stage: Stage) -> Principal:
    return stage.agent(
        capabilities=[{"action": "noop"}, {"action": "send_email"}], max_concurrent_tasks=5
    )


def listed(stage: Stage, **asked: Any) -> list[dict[str, Any]]:
    return stage.services.execution_list.page(stage.workspace_id, **asked).items


def ids(stage: Stage, **asked: Any) -> list[str]:
    return [one["execution_id"] for one in listed(stage, **asked)]


def persist(stage: Stage) -> None:
    stage.services.persistence.drain(stage.workspace_id, dt.timedelta())


def test_row_says_what_people_are_asked_for_before_what_time_will_do(
    stage: Stage, agent: Principal
) -> None:
    document = wide_plan(3, action="send_email")
    document["phases"][0]["tasks"][0]["subtasks"][0]["action"] = "noop"
    execution_id = stage.execution(agent, document)
    work = stage.poll(agent)
    assert work
    waits = {"message": "Marie calls back."}
    stage.report(agent, execution_id, EventType.TASK_BLOCKED, work["next_task"]["task_id"], **waits)
    (row,) = listed(stage)
    assert (row["waits_for_people"], row["open_blockers"]) == (2, 3)
    assert row["waits_for"]["kind"] == "approval"
    assert row["waits_for"]["task_title"] == "Step 1 of task 0"


def test_external_wait_alone_asks_for_nobody(stage: Stage, agent: Principal) -> None:
    execution_id = stage.execution(agent)
    work = stage.poll(agent)
    assert work
    waits = {"message": "Marie calls back."}
    stage.report(agent, execution_id, EventType.TASK_BLOCKED, work["next_task"]["task_id"], **waits)
    (row,) = listed(stage)
    assert row["waits_for_people"] == 0
    assert (row["waits_for"]["kind"], row["waits_for"]["message"]) == (
        "external_wait",
        "Marie calls back.",
    )
    assert row["waits_for"]["next_check_at"] > row["waits_for"]["opened_at"]
    assert listed(stage, needs_me=True) == []


def test_what_needs_a_person_is_found_and_gone_once_it_is_answered(
    stage: Stage, agent: Principal
) -> None:
    asking = stage.execution(agent, wide_plan(1, action="send_email"))
    stage.execution(agent)
    assert ids(stage, needs_me=True) == [asking]
    (item,) = stage.services.inbox.page(stage.workspace_id).items
    answer = {"resolution": "approve"}
    stage.services.blockers.resolve(stage.owner, asking, item["blocker_id"], answer)
    assert ids(stage, needs_me=True) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("harbour", ["harbour"]),
        ("BREST harb", ["harbour"]),
        ("100%", ["percent"]),
        ("lighthouse", []),
        ("_", []),
        ("", ["percent", "harbour"]),
    ],
)
def test_search_takes_words_of_titles_as_they_are(
    stage: Stage, agent: Principal, words: str, found: list[str]
) -> None:
    named = {
        name: stage.execution(agent, plan_document(title=title))
        for name, title in (("harbour", "The harbour of Brest"), ("percent", "Be 100% sure"))
    }
    if words == "_":  # Ids hold it; no title does.
        words = "0% _x"
    assert ids(stage, q=words) == [named[one] for one in found]


def test_search_finds_ids(stage: Stage, agent: Principal) -> None:
    execution_id = stage.execution(agent)
    assert ids(stage, q=execution_id) == [execution_id]
    assert ids(stage, q=str(agent.agent_id)) == [execution_id]


def test_lists_are_sorted_in_both_directions_page_by_page(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    made: list[str] = []
    for _ in range(3):
        made.append(stage.execution(agent))
        clock.advance(minutes=1)
    stage.services.executions.control(stage.owner, made[0], {"status": "PAUSED"})
    persist(stage)
    assert ids(stage) == made[::-1]
    assert ids(stage, sort="oldest") == made
    assert ids(stage, sort="updated") == [made[0], made[2], made[1]]
    assert ids(stage, sort="quiet") == [made[1], made[2], made[0]]
    page = stage.services.execution_list.page(stage.workspace_id, sort="oldest", limit=2)
    rest = ids(stage, sort="oldest", limit=2, cursor=page.next_cursor)
    assert [*(one["execution_id"] for one in page.items), *rest] == made


def test_end_is_forecast_where_it_is_asked_for(stage: Stage, agent: Principal) -> None:
    stage.execution(agent)
    assert listed(stage)[0]["forecast_end_at"] is None
    assert listed(stage, forecast=True)[0]["forecast_end_at"] is not None
