"""The details of an item, decisions on one and on many, and what is said of all."""

import datetime as dt

import pytest
from flask.testing import FlaskClient

from app.dashboard.item import attempts
from app.dashboard.sentences import sentences
from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import (
    HOSTILE,
    NOON,
    FakeServices,
    blocker,
    event,
    execution,
    subtask,
    task,
    tree,
)


def test_item_is_shown_with_what_it_asks_for_and_what_happened(
    browser: FlaskClient, services: FakeServices
) -> None:
    proof = [
        {"name": "photo", "url": "https://example.org/1"},
        {"name": "x", "url": "javascript:1"},
    ]
    services.history.events = [
        event(1, "task_dispatched", attempt=1),
        event(2, "task_error", error_message="No route"),
        event(3, "task_complete", task_id="1.1.2", evidence=proof),
    ]
    for path in ("/executions/exec_1?item=1.1.2", "/executions/exec_1/items/1.1.2"):
        text = browser.get(path).text.split('id="page-data"')[0]
        assert "It is sent" in text
        assert "No route" in text
        assert 'href="https://example.org/1"' in text
        assert "javascript:1" not in text
        assert HOSTILE not in text


@pytest.mark.parametrize(
    "output",
    [None, "text", ["x"], {"evidence": "x"}, {"evidence": [1, None, {"url": 7}, {"name": ["x"]}]}],
)
def test_result_of_any_shape_brings_no_evidence(
    browser: FlaskClient, services: FakeServices, output: object
) -> None:
    services.history.events = [event(1, "task_complete", output_data=output)]
    assert "<h3>Evidence</h3>" not in browser.get("/executions/exec_1/items/1.1.2").text


def test_files_that_an_agent_made_are_shown_as_evidence(
    browser: FlaskClient, services: FakeServices
) -> None:
    made = [{"name": "offer.pdf", "file_id": "file_1"}, {"name": "bad", "url": "javascript:1"}]
    services.history.events = [event(1, "task_complete", output_data={"evidence": made})]
    text = browser.get("/executions/exec_1/items/1.1.2").text
    assert 'href="/api/files/file_1" rel="noreferrer">offer.pdf</a>' in text
    assert 'href="javascript' not in text


def test_unknown_item_opens_nothing_and_has_no_part(browser: FlaskClient) -> None:
    assert browser.get("/executions/exec_1?item=nonsense").status_code == 200
    assert browser.get("/executions/exec_1/items/nonsense").status_code == 404


def test_item_that_waits_offers_the_answers_to_its_blocker(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.blockers.rows = [blocker(status="OPEN")]
    text = browser.get("/executions/exec_1/items/1.1.2").text
    assert 'action="/executions/exec_1/blockers/blk_1"' in text


def test_attempts_are_told_from_events() -> None:
    found = attempts(
        [
            event(1, "task_dispatched", attempt=1),
            event(2, "task_progress"),
            event(3, "task_error", error_message="no"),
            event(4, "task_dispatched", attempt=2, agent_id="mo"),
        ]
    )
    assert [(one["number"], one["agent_id"], one.get("outcome")) for one in found] == [
        (1, "larry", "failed"),
        (2, "mo", None),
    ]
    assert found[0]["error"] == "no"


def test_item_is_tried_again_and_skipped_for_a_reason(post: Post, services: FakeServices) -> None:
    base = "/executions/exec_1/items/1.1.2"
    assert post(f"{base}/retry").location == "/executions/exec_1?item=1.1.2"
    assert "Say why" in post(f"{base}/skip", follow_redirects=True).text
    post(f"{base}/skip", {"reason": "Not needed"})
    assert services.people.asked == [
        ("retry", "1.1.2", {"message": ""}),
        ("skip", "1.1.2", {"reason": "Not needed"}),
    ]


def test_all_of_a_status_are_decided_at_once(post: Post, services: FakeServices) -> None:
    rows = [subtask(name, "BLOCKED") for name in "abc"]
    services.executions.shape["phases"][0]["tasks"] = [task("1.1", "BLOCKED", rows)]
    services.people.stubborn = "b"

    answer = post(
        "/executions/exec_1/all/skip",
        {"show": "BLOCKED", "reason": "Too late"},
        headers={"Accept": "application/problem+json"},
    )

    assert answer.status_code == 422
    assert answer.get_json()["detail"].startswith("2 of 3 skipped. Step b: It is done already.")
    assert [one[1] for one in services.people.asked] == ["a", "c"]
    post("/executions/exec_1/all/retry", {"show": "BLOCKED"})
    assert [one[0] for one in services.people.asked[2:]] == ["retry"] * 3


def test_all_that_are_held_up_are_reassigned(post: Post, services: FakeServices) -> None:
    rows = [subtask("1.1.2", "BLOCKED")]
    services.executions.shape["phases"][0]["tasks"] = [task("1.1", "BLOCKED", rows)]
    services.blockers.rows = [blocker(status="OPEN")]
    post("/executions/exec_1/all/reassign", {"show": "BLOCKED", "agent_id": "mo"})
    assert services.blockers.answers == [("blk_1", {"resolution": "reassign", "agent_id": "mo"})]


@pytest.mark.parametrize(
    ("deed", "form", "told"),
    [
        ("skip", {"show": "BLOCKED"}, "Say why"),
        ("reassign", {"show": "BLOCKED"}, "Choose an agent"),
        ("retry", {"show": "NONSENSE"}, "Choose which"),
    ],
)
def test_unclear_decisions_on_many_are_refused(
    post: Post, deed: str, form: dict[str, str], told: str
) -> None:
    assert told in post(f"/executions/exec_1/all/{deed}", form, follow_redirects=True).text


def test_tree_is_filtered_by_status_without_script(browser: FlaskClient) -> None:
    text = browser.get("/executions/exec_1?show=RUNNING").text.split('id="page-data"')[0]
    shown = text.split('id="tree"')[1].split('id="feed-filter"')[0]
    assert "Step 1.1.2" in shown
    assert "Step 1.1.1" not in shown
    assert "Task 1.2" not in shown


def test_events_are_filtered_without_script_and_the_filter_stays(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.history.events = [event(n, message=f"progress {n}") for n in range(1, 70)]
    services.history.events.append(event(70, "task_error", message="trouble 70"))
    text = browser.get("/executions/exec_1?errors=1&show=RUNNING&item=1.1.2").text
    feed = text.split('id="feed"')[1].split("</section>")[0]
    assert "trouble 70" in feed
    assert "progress" not in feed
    older = browser.get("/executions/exec_1?agent=larry&show=RUNNING").text
    assert "show=RUNNING" in older.split("Load older")[0].rsplit("<a", 1)[1]
    assert "Nothing like that" in browser.get("/executions/exec_1?agent=nobody").text


def test_risks_of_the_plan_are_named(browser: FlaskClient, services: FakeServices) -> None:
    services.plans.rows[0]["risks"] = [{"description": HOSTILE, "mitigation": "Keep the hall"}]
    text = browser.get("/executions/exec_1").text
    assert "Keep the hall" in text
    assert HOSTILE not in text
    services.plans.rows = []
    assert browser.get("/executions/exec_1").status_code == 200


def test_sentences_are_on_the_page_without_script(
    browser: FlaskClient, services: FakeServices
) -> None:
    waits = {
        "cause": "external_wait",
        "detail": "Waiting for Marie's callback",
        "since": NOON - dt.timedelta(hours=2),
        "until": NOON + dt.timedelta(minutes=40),
    }
    silent = {"cause": "no_contact", "detail": "…", "since": NOON}
    rows = [
        subtask("a", "RUNNING", title="Present to Carol", progress_percent=70),
        subtask("b", "BLOCKED", why=waits),
        subtask("c", "READY", why=silent),
    ]
    services.executions.shape["phases"][0]["tasks"] = [task("1.1", "RUNNING", rows)]
    text = browser.get("/executions/exec_1").text
    for sentence in (
        "3/12 tasks complete (25\u00a0%)",
        "Current: Present to Carol (70\u00a0%)",
        "Waiting for Marie&#39;s callback</a> since <time",
        "; looks again <time",
        "No agent has asked for work for</a> <time",
        "Next up: Step c",
    ):
        assert sentence in text


def test_next_is_what_nothing_holds_up_and_an_ended_execution_says_nothing() -> None:
    shape = tree()
    held = [subtask("a", "BLOCKED"), subtask("b")]
    shape["phases"][0]["tasks"] = [task("1", "BLOCKED", held), task("2", "QUEUED", [subtask("c")])]
    assert [one["text"] for one in sentences(execution(), shape)] == ["Next up: Step c"]
    assert sentences(execution(status="CANCELLED"), shape) == []
