"""What waits for a person: the inbox, the panel of an execution, and the answers."""

import io
import re

import pytest
from flask.testing import FlaskClient

from app.dashboard.choices import offered
from app.dashboard.ports import Wire
from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import HOSTILE, NOON, FakeServices, blocker, execution

ADDRESS = "/executions/exec_1/blockers/blk_1"
SCRIPTED = {"Accept": "application/problem+json"}


@pytest.fixture
def waits(services: FakeServices) -> list[Wire]:
    """Give what waits in the one execution: an approval, until a test changes it."""
    services.blockers.rows = [blocker()]
    return services.blockers.rows


def _waiting_plan() -> Wire:
    return blocker("review", message="3 tasks need review.") | {
        "blocker_id": None,
        "execution_id": None,
        "task_id": None,
        "plan_id": "plan_1",
        "plan_title": "Open a tea shop",
        "task_title": None,
    }


def test_panel_says_what_waits_and_what_it_holds_up(
    browser: FlaskClient, waits: list[Wire]
) -> None:
    waits[0]["suggestions"] = ["Ask Carol."]
    text = browser.get("/executions/exec_1").text
    for expected in (
        "Waits for you",
        "Needs your approval",
        "<h3>Step 1.1.2</h3>",
        "May &#39;send_email&#39; be done?</p>",
        "holds up 5 subtasks",
        "Ask Carol.",
        f'action="{ADDRESS}"',
    ):
        assert expected in text


def test_execution_without_blockers_has_no_panel(browser: FlaskClient) -> None:
    assert "Waits for you" not in browser.get("/executions/exec_1").text


def test_waiting_for_somebody_outside_names_the_next_look(
    browser: FlaskClient, waits: list[Wire]
) -> None:
    waits[:] = [blocker("external_wait", next_check_at=NOON)]
    text = browser.get("/executions/exec_1").text
    assert "Waits for you" not in text
    assert re.search(r'next look <time datetime="2026-03-01T12:00:00Z">', text)


def test_part_for_scripts_is_the_panel_alone(browser: FlaskClient, waits: list[Wire]) -> None:
    text = browser.get("/executions/exec_1/waiting").text
    assert text.lstrip().startswith('<div id="waiting">')
    assert "Step 1.1.2" in text
    waits.clear()
    assert "Waits" not in browser.get("/executions/exec_1/waiting").text


@pytest.mark.parametrize(
    ("fields", "request_body"),
    [
        ({"answer": "approve"}, {"resolution": "approve"}),
        ({"answer": "retry"}, {"resolution": "retry"}),
        (
            {"answer": "reject", "message": " no "},
            {"resolution": "reject", "message": "no"},
        ),
        (
            {"answer": "skip", "message": "Too dear"},
            {"resolution": "skip", "message": "Too dear"},
        ),
        (
            {"answer": "provide_input", "message": "Office 3"},
            {"resolution": "provide_input", "message": "Office 3"},
        ),
        (
            {"answer": "alternative", "option": "By post"},
            {"resolution": "alternative", "option": "By post"},
        ),
        (
            {"answer": "reassign", "agent_id": "mo"},
            {"resolution": "reassign", "agent_id": "mo"},
        ),
        ({"answer": "fail"}, {"resolution": "fail"}),
    ],
)
@pytest.mark.usefixtures("waits")
def test_answer_is_passed_on(
    post: Post, services: FakeServices, fields: Wire, request_body: Wire
) -> None:
    answer = post(ADDRESS, fields)
    assert (answer.status_code, answer.location) == (303, "/executions/exec_1")
    assert services.blockers.answers == [("blk_1", request_body)]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Choose one of the answers."),
        ({"answer": "nonsense"}, "Choose one of the answers."),
        ({"answer": "skip", "message": "  "}, "Skip: fill in “Why?”."),
        ({"answer": "reassign"}, "Reassign: fill in “Agent that does it”."),
        ({"answer": "fail", "message": "x" * 20_001}, "at most 20000 characters"),
    ],
)
@pytest.mark.usefixtures("waits")
def test_answer_that_lacks_something_is_refused(
    post: Post, services: FakeServices, fields: Wire, told: str
) -> None:
    assert told in post(ADDRESS, fields, follow_redirects=True).text
    assert post(ADDRESS, fields, headers=SCRIPTED).status_code == 422
    assert services.blockers.answers == []


def test_answer_that_comes_too_late_is_told(post: Post) -> None:
    text = post(ADDRESS, {"answer": "approve"}, follow_redirects=True).text
    assert "The blocker is closed." in text
    answer = post(ADDRESS, {"answer": "approve"}, headers=SCRIPTED)
    assert answer.status_code == 409
    assert answer.get_json()["detail"] == "The blocker is closed."


def test_task_for_a_person_is_done_with_notes_and_a_link(
    browser: FlaskClient, post: Post, services: FakeServices, waits: list[Wire]
) -> None:
    waits[:] = [blocker("human_task", message="Look at it.", suggestions=["It is dry"])]
    text = browser.get("/executions/exec_1").text
    assert "Done when" in text
    assert 'value="provide_input"' not in text
    fields = {"answer": "complete", "task_id": "1.1.2", "notes": "Dry.", "link": ""}
    post(ADDRESS, fields)
    post(ADDRESS, fields | {"link": "https://example.org/photo?1"})
    evidence = [{"name": "example.org", "url": "https://example.org/photo?1"}]
    assert services.people.completed == [
        ("1.1.2", {"notes": "Dry.", "evidence": []}),
        ("1.1.2", {"notes": "Dry.", "evidence": evidence}),
    ]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://", "example.org", "http://[a"])
def test_evidence_that_is_no_link_is_refused(post: Post, services: FakeServices, link: str) -> None:
    fields = {"answer": "complete", "task_id": "1.1.2", "link": link}
    assert "A link starts with" in post(ADDRESS, fields, follow_redirects=True).text
    assert services.people.completed == []


def test_task_for_a_person_is_done_with_files_and_the_time_it_took(
    browser: FlaskClient, post: Post, services: FakeServices, waits: list[Wire]
) -> None:
    waits[:] = [blocker("human_task")]
    assert "Up to 10 files of" in browser.get("/executions/exec_1").text
    files = [(io.BytesIO(b"one"), "menu.txt"), (io.BytesIO(b"two"), "photo.png")]
    fields = {"answer": "complete", "task_id": "1.1.2", "minutes": "90", "files": files}
    assert post(ADDRESS, fields).status_code == 303
    assert services.files.kept == [
        ("menu.txt", "text/plain", b"one"),
        ("photo.png", "image/png", b"two"),
    ]
    body = {
        "notes": "",
        "evidence": [{"file_id": "file_1"}, {"file_id": "file_2"}],
        "minutes": 90,
    }
    assert services.people.completed == [("1.1.2", body)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"files": [(io.BytesIO(b"x" * 1001), "film.bin")]}, "film.bin is larger than"),
        ({"files": [(io.BytesIO(b"x"), f"{n}.txt") for n in range(11)]}, "at most 10 files"),
        ({"minutes": "-1"}, "write a whole number"),
        ({"minutes": "999999"}, "write a whole number"),
    ],
)
def test_evidence_that_is_too_much_is_refused_and_nothing_is_kept(
    post: Post, services: FakeServices, wrong: Wire, told: str
) -> None:
    fields = {"answer": "complete", "task_id": "1.1.2"} | wrong
    answer = post(ADDRESS, fields, headers=SCRIPTED)
    assert answer.status_code == 422
    assert told in answer.get_json()["detail"]
    assert services.files.kept == []
    assert services.people.completed == []


def test_suggestion_of_an_agent_is_taken_with_one_click(
    browser: FlaskClient, waits: list[Wire]
) -> None:
    waits[:] = [blocker("attempts_exhausted", suggestions=["Ask in Quimper"])]
    text = browser.get("/executions/exec_1").text
    assert 'name="option" value="Ask in Quimper"><button>Ask in Quimper</button>' in text
    waits[:] = [blocker("no_capable_agent", suggestions=["Start one"])]
    assert "<li>Start one</li>" in browser.get("/executions/exec_1").text


def test_approval_shows_what_goes_out_with_its_envelope_first(
    browser: FlaskClient, waits: list[Wire]
) -> None:
    letter = {"body": "Dear Marie,\nbye", "subject": "Berths", "to": "marie@example.org"}
    waits[:] = [blocker(params=letter)]
    text = browser.get("/executions/exec_1").text
    places = [text.index(one) for one in ("marie@example.org", "Berths</dd>", "Dear Marie")]
    assert places == sorted(places)
    assert '<div class="is-long"><dt>Body</dt>' in text


WHOLE: Wire = {"task_id": None, "next_step_options": ["reassign", "fail"]}


@pytest.mark.parametrize(
    ("waiting", "agents", "names"),
    [
        (blocker("human_task"), 1, ["complete", "skip", "fail"]),
        (blocker("no_capable_agent"), 1, ["reassign", "retry", "skip", "complete", "fail"]),
        (blocker("no_capable_agent"), 0, ["retry", "skip", "complete", "fail"]),
        (blocker("agent_offline", **WHOLE), 1, ["fail"]),
        (blocker("agent_offline", **WHOLE), 2, ["reassign", "fail"]),
        (blocker("agent_offline"), 2, ["reassign", "skip", "complete", "fail"]),
        (blocker(), 1, ["approve", "reject", "alternative", "skip", "fail"]),
    ],
)
def test_answers_are_those_that_make_sense(waiting: Wire, agents: int, names: list[str]) -> None:
    assert [choice.name for choice in offered(waiting, agents)] == names


def test_inbox_lists_all_with_its_plan_and_leads_back_to_itself(
    browser: FlaskClient, post: Post, services: FakeServices, waits: list[Wire]
) -> None:
    named = {"plan_id": "plan_1", "plan_title": "Open a tea shop", "task_title": "Step 1.1.2"}
    services.inbox.rows = [waits[0] | named, _waiting_plan()]
    text = browser.get("/inbox").text
    assert '<a href="/executions/exec_1?item=1.1.2">Open a tea shop</a>' in text
    assert 'href="/plans/plan_1">Look at the plan</a>' in text
    assert "holds up 5 tasks" in text
    answer = post(ADDRESS, {"answer": "approve", "back": "inbox"})
    assert answer.location == "/inbox"
    assert "Approved." in browser.get("/inbox").text


def test_inbox_is_grouped_counted_and_filtered_by_its_address(
    browser: FlaskClient, post: Post, services: FakeServices, waits: list[Wire]
) -> None:
    named = {"plan_id": "plan_1", "plan_title": "Open a tea shop"}
    services.inbox.rows = [waits[0] | named, _waiting_plan()]
    text = browser.get("/inbox").text
    assert text.index('id="group-approvals"') < text.index('id="group-reviews"')
    assert 'href="/inbox?group=reviews">Plans to look at <span class="count">1</span>' in text
    text = browser.get("/inbox?group=approvals&q=tea").text
    assert 'id="group-reviews"' not in text
    assert 'name="back" value="inbox?group=approvals&amp;q=tea"' in text
    assert browser.get("/inbox?group=nonsense").status_code == 404
    back = "inbox?group=approvals&next=https://evil.example&_external=1"
    answer = post(ADDRESS, {"answer": "approve", "back": back})
    assert answer.location == "/inbox?group=approvals"


def test_navigation_counts_what_waits(browser: FlaskClient, services: FakeServices) -> None:
    assert re.search(r'id="inbox-count"[^>]* hidden>0<', browser.get("/plans").text)
    services.inbox.rows = [_waiting_plan() for _ in range(3)]
    assert re.search(r'id="inbox-count" class="[^"]+">3<', browser.get("/plans").text)


def test_empty_inbox_says_so(browser: FlaskClient) -> None:
    assert "Nothing waits for you." in browser.get("/inbox").text


def test_markup_in_what_waits_is_shown_not_run(
    browser: FlaskClient, services: FakeServices, waits: list[Wire]
) -> None:
    waits[:] = [
        blocker(
            "attempts_exhausted",
            f'"{HOSTILE}',
            task_id=HOSTILE,
            message=HOSTILE,
            suggestions=[HOSTILE],
        )
    ]
    services.inbox.rows = [waits[0] | {"plan_title": HOSTILE, "task_title": HOSTILE}]
    services.agents.rows = [{"agent_id": HOSTILE, "name": HOSTILE, "role": HOSTILE}]
    services.executions.rows = [execution(agent_id=HOSTILE)]
    for path in ("/inbox", "/executions/exec_1", "/executions/exec_1/waiting"):
        text = browser.get(path).text
        assert HOSTILE not in text
        assert "&lt;script&gt;" in text
