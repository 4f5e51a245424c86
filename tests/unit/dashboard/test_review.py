"""The pages of one task's breakdown."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.dashboard.presentation import fill_tone, plain, repeated
from app.dashboard.sides import aligned
from app.dashboard.sources import pieces, source_of
from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import HOSTILE, FakeServices, plan

TASK = "/plans/plan_1/tasks/1.1"


def test_task_shows_its_source_beside_its_steps(browser: FlaskClient) -> None:
    text = browser.get(TASK).text

    for expected in ("Ask three suppliers", "send_email", "1 of 2", "60\u00a0%", "Approval"):
        assert expected in text
    missing = "Buy &lt;b&gt;plaster&lt;/b&gt;"
    assert (
        f'Ask around. <mark class="missing" title="No step serves this">{missing}</mark> today.'
        in text
    )
    assert "after <q>Ask three suppliers</q>" in text
    assert HOSTILE not in text


def test_task_shows_its_versions_and_where_to_go_on(browser: FlaskClient) -> None:
    text = browser.get(TASK).text

    assert "Version 2" in text
    assert "Dropped “tea”." in text
    assert f'href="{TASK}/compare?from=1&amp;to=2"' in text
    assert 'href="/plans/plan_1/tasks/1.1"' in browser.get("/plans/plan_1").text
    assert 'href="/plans/plan_1/tasks/1.1"' in browser.get("/plans/plan_1/tasks/1.3").text


def test_task_of_a_plan_that_is_broken_down_cannot_be_changed(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.plans.rows = [{**plan("DECOMPOSING"), "status_message": "0 of 1 tasks broken down"}]
    text = browser.get(TASK).text

    assert "A new breakdown is under way: 0 of 1 tasks broken down." in text
    assert 'http-equiv="refresh"' in text
    assert "Nothing can be changed" in text
    assert "Move up" not in text


def test_version_that_was_looked_at_is_approved(post: Post, services: FakeServices) -> None:
    answer = post(f"{TASK}/accept", {"version": "1"})

    assert (answer.status_code, answer.location) == (303, TASK)
    assert services.review.approved == ["1.1"]


@pytest.mark.parametrize("place", ["accept", "revise", "regenerate"])
def test_form_of_a_version_that_was_replaced_says_so(
    post: Post, services: FakeServices, place: str
) -> None:
    services.review.newest = 3
    fields = {"version": "1", "op": "drop", "subtask_id": "1.1.1"}

    answer = post(f"{TASK}/{place}", fields, follow_redirects=True)

    assert "Version 1 was replaced by version 3." in answer.text
    assert (services.review.approved, services.review.asked) == ([], [])


@pytest.mark.parametrize(
    ("fields", "operation"),
    [
        (
            {"op": "split", "subtask_id": "a", "parts": "One\r\n\r\n Two "},
            {"op": "split", "subtask_id": "a", "parts": [{"title": "One"}, {"title": "Two"}]},
        ),
        (
            {"op": "merge", "subtask_ids": ["a", "b"], "title": "Both", "action": ""},
            {"op": "merge", "subtask_ids": ["a", "b"], "title": "Both"},
        ),
        (
            {"op": "move", "subtask_id": "a", "before": ""},
            {"op": "move", "subtask_id": "a", "before": None},
        ),
        (
            {"op": "move", "subtask_id": "a", "before": "b"},
            {"op": "move", "subtask_id": "a", "before": "b"},
        ),
        ({"op": "drop", "subtask_id": "a"}, {"op": "drop", "subtask_id": "a"}),
        (
            {"op": "add", "title": "New", "description": "", "action": "", "assignee": "human"},
            {"op": "add", "subtask": {"title": "New", "assignee": "human"}, "before": None},
        ),
        (
            {"op": "edit", "subtask_id": "a", "title": " New ", "timeout_hours": "1.5"},
            {"op": "edit", "subtask_id": "a", "title": "New", "timeout_hours": 1.5},
        ),
        (
            {"op": "edit", "subtask_id": "a", "has_approval": "1", "has_dependencies": "1"},
            {"op": "edit", "subtask_id": "a", "requires_approval": False, "dependencies": []},
        ),
        (
            {
                "op": "edit",
                "subtask_id": "a",
                "has_params": "1",
                "param:to": "x",
                "param:gone": " ",
                "json:copies": "[3]",
                "new_param": "cc",
                "new_value": "y",
                "success_criteria": "it is\nthere",
            },
            {
                "op": "edit",
                "subtask_id": "a",
                "params": {"to": "x", "copies": [3], "cc": "y"},
                "success_criteria": ["it is", "there"],
            },
        ),
    ],
)
def test_form_becomes_an_operation(
    post: Post, services: FakeServices, fields: dict[str, Any], operation: dict[str, Any]
) -> None:
    answer = post(f"{TASK}/revise", {"version": "1", **fields}, follow_redirects=True)

    asked = {"version": 1, "operations": [operation]}
    assert services.review.asked == [("revise", "1.1", asked)]
    assert "Changed “it”. This is version 2." in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"version": "x"},
        {"version": "9" * 30},
        {"version": "1"},
        {"version": "1", "op": "explode"},
        {"version": "1", "op": "edit", "timeout_hours": "nan"},
        {"version": "1", "op": "edit", "timeout_hours": "soon"},
        {"version": "1", "op": "edit", "has_params": "1", "json:n": "[" * 5000},
    ],
)
def test_strange_forms_are_refused_with_a_message(
    post: Post, services: FakeServices, fields: dict[str, str]
) -> None:
    answer = post(f"{TASK}/revise", fields, follow_redirects=True)

    assert 'role="alert"' in answer.text
    assert services.review.asked == []


def test_note_goes_along_when_a_task_is_broken_down_anew(
    post: Post, services: FakeServices
) -> None:
    post(f"{TASK}/regenerate", {"version": "1", "message": " smaller steps "})

    asked = {"message": "smaller steps", "version": 1}
    assert services.review.asked == [("regenerate", "1.1", asked)]


def test_task_that_a_model_breaks_down_anew_says_so(post: Post, services: FakeServices) -> None:
    services.review.queued = True

    answer = post(f"{TASK}/regenerate", {"version": "1"}, follow_redirects=True)

    assert "A model breaks this task down anew." in answer.text
    assert "The model reads it." in answer.text
    services.decomposition.has_model = False
    assert "Rules do not read it" in post(f"{TASK}/accept", {}, follow_redirects=True).text


def test_versions_stand_side_by_side_with_what_differs(browser: FlaskClient) -> None:
    text = browser.get(f"{TASK}/compare?from=1&to=2").text

    for expected in ("Old tea", "Removed", "Added", "Changed", "waits for", "asks for approval"):
        assert expected in text
    assert "50\u00a0%" in text
    assert HOSTILE not in text


def test_comparison_needs_two_versions_and_a_task_has_to_exist(browser: FlaskClient) -> None:
    assert browser.get(f"{TASK}/compare?from=1").status_code == 422
    assert browser.get("/plans/plan_1/tasks/9").status_code == 404
    assert browser.get("/plans/plan_9/tasks/1.1").status_code == 404


def test_sentences_are_marked_where_they_stand() -> None:
    text = "One. Two. Three."

    assert pieces(text, ["Two."], ["Three."]) == [
        ("One. ", ""),
        ("Two.", "quoted"),
        (" ", ""),
        ("Three.", "missing"),
    ]
    assert pieces(text, ["One. Two."], ["One."]) == [("One.", "missing"), (" Two. Three.", "")]
    assert pieces(text) == pieces(text, ["Four.", ""]) == [(text, "")]
    assert pieces("", ["x"]) == []


def test_what_the_plan_says_names_the_steps_that_come_from_it() -> None:
    quote = "Ask: Call them"
    steps = [
        {"subtask_id": "a", "source": {"task_id": "t", "subtask_id": "w", "quote": quote}},
        {"subtask_id": "b", "source": {"task_id": "t", "quote": "Do it"}},
        {"subtask_id": "c"},
    ]
    written = [{"subtask_id": "w", "title": "Ask", "description": "Call them. Soon."}]
    task = {"title": "T", "description": "Do it", "executable_subtasks": steps}

    whole, item = source_of({**task, "subtasks": written})

    assert (whole["text"], whole["steps"]) == ([("Do it", "quoted")], [(2, "b")])
    assert item["text"] == [("Call them", "quoted"), (". Soon.", "")]
    assert item["steps"] == [(1, "a")]


def test_steps_of_both_versions_stand_in_one_row() -> None:
    a, b, c = ({"subtask_id": name} for name in "abc")

    found = aligned([{"steps": [a, b]}, {"steps": [c, b]}])

    assert found == [(a, None), (None, c), (b, b)]


def test_next_task_follows_an_approval_where_it_is_asked_for(post: Post) -> None:
    answer = post(f"{TASK}/accept", {"version": "1", "then": "1.2"})
    assert answer.location == "/plans/plan_1/tasks/1.2"


def test_changed_step_is_shown_after_its_change(post: Post) -> None:
    fields = {"version": "1", "op": "edit", "subtask_id": "1.1.1", "title": "New"}
    assert post(f"{TASK}/revise", fields).location == f"{TASK}#step-1.1.1"
    assert post(f"{TASK}/revise", {**fields, "op": "drop"}).location == TASK


def test_dropping_a_step_says_who_waits_for_it(browser: FlaskClient) -> None:
    text = browser.get(TASK).text
    assert "<q>Wait for answers</q> will wait for what this step waits for instead." in text
    assert "No other step of this task waits for it." in text


def test_rules_break_a_task_down_anew_where_they_are_chosen(
    post: Post, services: FakeServices
) -> None:
    post(f"{TASK}/regenerate", {"version": "1", "strategy": "rules"})
    assert services.review.asked[-1][2] == {"message": "", "version": 1, "strategy": "rules"}


def test_values_and_shares_are_shown_for_people() -> None:
    assert (plain("x"), plain([1, "ü"])) == ("x", '[1,"ü"]')
    step = {"title": "x", "description": "y", "params": {"title": "x", "description": "z", "n": 1}}
    assert (repeated(step), repeated({"title": "x"})) == (["title"], [])
    assert [fill_tone(share) for share in (1.0, 0.5, 0.1)] == ["done", "wait", "fail"]
