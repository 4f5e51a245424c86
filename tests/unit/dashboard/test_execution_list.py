"""The list of executions: its sentences, its filter in the address, what shows when it is empty."""

import datetime as dt
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.dashboard.execution_list import standings
from app.dashboard.ports import Wire
from tests.unit.dashboard.fakes import HOSTILE, NOON, FakeServices, execution

SINCE, UNTIL = "2026-03-01T10:00:00Z", "2026-03-01T12:40:00Z"


def waits(kind: str = "external_wait", **more: Any) -> Wire:
    """Make what an execution waits for."""
    return {
        "blocker_id": "blk_1",
        "kind": kind,
        "task_id": "1.1.2",
        "task_title": "Write to Marie",
        "message": "Waiting for Marie's callback.",
        "opened_at": SINCE,
        "next_check_at": UNTIL if kind == "external_wait" else None,
    } | more


def idle(**more: Any) -> Wire:
    """Make an execution in which nothing is worked on."""
    found = execution(**more)
    return found | {"progress": found["progress"] | {"current_task_title": None}}


def test_wait_is_a_sentence_with_since_when_and_when_it_is_looked_at_again() -> None:
    (told,) = standings(idle(waits_for=waits(), waits_for_people=0))
    assert told == {
        "text": "Waiting for Marie's callback",
        "tone": "wait",
        "since": SINCE,
        "until": UNTIL,
    }


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        (execution(), ["Current: Present to Carol"]),
        (idle(status="QUEUED"), ["Waits for its agent to ask for work"]),
        (idle(status="PAUSED", status_message="Holidays"), ["Holidays"]),
        (idle(status="PAUSED"), ["No new work is handed out."]),
        (execution(status="FAILED", status_message="Given up."), ["Given up."]),
        (execution(status="CANCELLED"), []),
        (
            execution(waits_for=waits("approval"), waits_for_people=3),
            ["Current: Present to Carol", "Needs your approval: Write to Marie and 2 more"],
        ),
        (
            idle(waits_for=waits("agent_offline", task_title=None), waits_for_people=1),
            ["Agent off line: the whole execution"],
        ),
        (
            idle(waits_for=waits(message="Marie calls back."), waits_for_people=0),
            ["Waiting: Marie calls back"],
        ),
    ],
)
def test_execution_says_how_it_stands(row: Wire, texts: list[str]) -> None:
    assert [one["text"] for one in standings(row)] == texts


def test_row_tells_all_that_is_worth_knowing_at_a_glance(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.executions.rows = [
        execution(
            waits_for=waits("approval"),
            waits_for_people=2,
            forecast_end_at=NOON + dt.timedelta(days=1),
        )
    ]
    text = browser.get("/executions").text
    for expected in (
        "3/12 tasks complete (25\N{NO-BREAK SPACE}%)",
        "Current: Present to Carol",
        "Needs your approval: Write to Marie and 1 more since",
        'href="/inbox?execution_id=exec_1">2 need you</a>',
        'Ends <time datetime="2026-03-02T12:00:00Z">',
        "Larry",
    ):
        assert expected in text


def test_address_says_what_is_listed(browser: FlaskClient, services: FakeServices) -> None:
    address = "/executions?q=tea&status=RUNNING&plan_id=plan_1&agent_id=larry&needs_me=1&sort=quiet"
    text = browser.get(address).text
    (asked,) = services.execution_list.asked
    assert asked == {
        "q": "tea",
        "status": "RUNNING",
        "plan_id": "plan_1",
        "agent_id": "larry",
        "needs_me": True,
        "sort": "quiet",
        "forecast": True,
        "limit": 25,
        "cursor": None,
    }
    assert '<option value="quiet" selected>' in text
    assert (
        'href="/executions?q=tea&amp;status=BLOCKED&amp;plan_id=plan_1&amp;agent_id=larry' in text
    )


@pytest.mark.parametrize("query", ["status=NONSENSE", "sort=nonsense", "needs_me=maybe"])
def test_filter_that_makes_no_sense_is_not_found(browser: FlaskClient, query: str) -> None:
    assert browser.get(f"/executions?{query}").status_code == 404


def test_next_page_keeps_the_filter(browser: FlaskClient, services: FakeServices) -> None:
    services.execution_list.next_cursor = "next"
    text = browser.get("/executions?q=tea&_external=1&_scheme=evil").text
    assert 'href="/executions?q=tea&amp;cursor=next">Show more</a>' in text
    browser.get("/executions?q=tea&cursor=next")
    assert services.execution_list.asked[-1]["cursor"] == "next"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "Nothing has been started yet"),
        ("?q=x", "No execution is like that"),
        ("?needs_me=1", "Nothing waits for you"),
    ],
)
def test_empty_list_says_what_to_do_next(
    browser: FlaskClient, services: FakeServices, query: str, told: str
) -> None:
    services.executions.rows = []
    assert told in browser.get(f"/executions{query}").text


def test_markup_in_lists_and_filters_is_shown_not_run(
    browser: FlaskClient, services: FakeServices
) -> None:
    waiting = waits("approval", task_title=HOSTILE)
    services.executions.rows = [
        execution(plan_title=HOSTILE, agent_id=HOSTILE, waits_for=waiting, waits_for_people=1)
    ]
    text = browser.get("/executions", query_string={"q": HOSTILE, "plan_id": HOSTILE}).text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
