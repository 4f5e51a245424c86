"""The pages of executions."""

import json
import re
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from app.dashboard.ports import Wire
from app.dashboard.presentation import moves, trouble
from app.domain.errors import Archived
from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import HOSTILE, FakeServices, event, execution, subtask, task


def test_list_says_in_sentences_how_far_each_is(browser: FlaskClient) -> None:
    text = browser.get("/executions").text
    assert "3/12 tasks complete (25\u00a0%)" in text
    assert "Current: Present to Carol" in text
    assert "Open a tea shop" in text


def test_list_is_filtered_by_status(browser: FlaskClient, services: FakeServices) -> None:
    services.executions.rows = [execution("exec_2", "PAUSED", plan_title="Paused one"), execution()]
    text = browser.get("/executions?status=PAUSED").text
    assert "Paused one" in text
    assert "/executions/exec_1" not in text
    assert browser.get("/executions?status=NONSENSE").status_code == 404


def test_empty_list_says_what_to_do(browser: FlaskClient, services: FakeServices) -> None:
    services.executions.rows = []
    assert "Upload a plan" in browser.get("/executions").text


def test_execution_shows_tree_feed_and_controls(browser: FlaskClient) -> None:
    text = browser.get("/executions/exec_1").text
    assert "Step 1.1.2" in text
    assert "Attempt 2 of 3" in text
    assert "#2" in text
    assert 'action="/executions/exec_1/pause"' in text
    assert "<title>25\u00a0% · Open a tea shop" in text


def test_execution_says_where_its_log_does_not_prove_it(
    browser: FlaskClient, services: FakeServices
) -> None:
    assert "does not prove" not in browser.get("/executions/exec_1").text
    services.verification.found = "The log does not prove this execution: … event 12."
    assert services.verification.found in browser.get("/executions/exec_1").text


def test_execution_leads_to_its_report(browser: FlaskClient) -> None:
    assert 'href="/api/executions/exec_1/report"' in browser.get("/executions/exec_1").text


def test_older_events_can_be_read_without_script(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.history.events = [event(seq) for seq in range(1, 61)]
    first = browser.get("/executions/exec_1").text
    found = re.search(r'href="([^"]+cursor=11[^"]*)"', first)
    assert found
    second = browser.get(found[1]).text
    assert "#11<" in first
    assert "#10<" in second


def test_markup_in_titles_and_messages_is_shown_not_run(
    browser: FlaskClient, services: FakeServices
) -> None:
    row = subtask("1.1.1", "BLOCKED", title=HOSTILE, why={"detail": HOSTILE})
    phase = {"phase_id": "1", "name": HOSTILE, "status": "BLOCKED"}
    services.executions.shape = {
        "phases": [phase | {"tasks": [task("1.1", "BLOCKED", [row], title=HOSTILE)]}]
    }
    services.executions.rows = [execution(plan_title=HOSTILE, status_message=HOSTILE)]
    services.history.events = [event(1, message=HOSTILE, agent_id=HOSTILE, event_type=HOSTILE)]
    for path in ("/executions", "/executions/exec_1"):
        text = browser.get(path).text
        assert HOSTILE not in text
        assert "&lt;script&gt;" in text


def test_data_for_scripts_is_what_the_services_gave(
    browser: FlaskClient, services: FakeServices
) -> None:
    found = re.search(r'id="page-data">(.*?)</script>', browser.get("/executions/exec_1").text)
    assert found
    data = json.loads(found[1])
    assert data["execution"] == msgspec.to_builtins(services.executions.rows[0])
    assert data["execution"]["updated_at"] == "2026-03-01T12:00:00Z"
    assert [row["seq"] for row in data["events"]] == [2, 1]


@pytest.mark.parametrize(
    ("move", "status"),
    [("start", "RUNNING"), ("pause", "PAUSED"), ("resume", "RUNNING"), ("cancel", "CANCELLED")],
)
def test_control_is_passed_on(post: Post, services: FakeServices, move: str, status: str) -> None:
    answer = post(f"/executions/exec_1/{move}")
    assert (answer.status_code, answer.location) == (303, "/executions/exec_1")
    assert services.executions.asked == [("exec_1", {"status": status})]


def test_cancel_is_confirmed_and_keeps_the_reason(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    assert "cannot be undone" in browser.get("/executions/exec_1/cancel").text
    post("/executions/exec_1/cancel", {"reason": "Budget is gone"})
    assert services.executions.asked[0][1]["reason"] == "Budget is gone"


def test_reassign_asks_for_another_agent_and_passes_it_on(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    services.agents.rows.append({"agent_id": "mo", "name": HOSTILE, "role": "Cook"})
    for path in ("/executions/exec_1", "/executions/exec_1/reassign"):
        text = browser.get(path).text
        assert '<option value="mo">&lt;script&gt;' in text
        assert '<option value="larry">' not in text.split('id="reassign-title"')[1]
    post("/executions/exec_1/reassign", {"agent_id": "mo", "reason": "Larry is ill"})
    assert services.executions.asked == [("exec_1", {"agent_id": "mo", "reason": "Larry is ill"})]


def test_reassign_without_another_agent_says_how_one_comes(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    text = browser.get("/executions/exec_1/reassign").text
    assert "registers itself" in text
    assert "<select" not in text
    assert "Choose an agent." in post("/executions/exec_1/reassign", follow_redirects=True).text
    assert services.executions.asked == []


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("CREATED", ["start", "reassign", "cancel"]),
        ("BLOCKED", ["pause", "reassign", "cancel"]),
        ("FAILED", ["resume", "cancel"]),
        ("CANCELLED", []),
    ],
)
def test_controls_are_those_that_make_sense(status: str, offered: list[str]) -> None:
    assert moves(status) == offered


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (subtask("1", "QUEUED", why={"cause": "prerequisites", "detail": "It waits."}), []),
        (subtask("1", "CANCELLED", why={"cause": "done", "detail": "It is over."}), []),
        (subtask("1", "READY", why={"detail": "Mo is silent."}), [("Mo is silent.", "wait")]),
        (
            subtask("1", "RETRYING", why={"detail": "Attempt 1 failed: no."}, error_message="no"),
            [("Attempt 1 failed: no.", "wait")],
        ),
        (subtask("1", "FAILED", error_message="no"), [("no", "fail")]),
        (subtask("1", "COMPLETED", error_message="no"), []),
    ],
)
def test_subtask_says_once_why_it_does_not_run(row: Wire, told: list[tuple[str, str]]) -> None:
    assert trouble(row) == told


def test_task_that_has_not_begun_says_what_it_waits_for(
    browser: FlaskClient, services: FakeServices
) -> None:
    waits = {"cause": "prerequisites", "detail": "It waits for 'Task 1.1'."}
    tasks = [task("1.2", "QUEUED", [subtask("1.2.1", why=waits)], why=waits)]
    phase = {"phase_id": "1", "name": "Prepare", "status": "QUEUED", "tasks": tasks}
    services.executions.shape = {"phases": [phase]}
    page = browser.get("/executions/exec_1").text.split('id="page-data"')[0]
    assert page.count("It waits for &#39;Task 1.1&#39;.") == 1


def test_refused_control_is_told_on_the_page(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    services.executions.rows = [execution(status="COMPLETED")]
    assert post("/executions/exec_1/pause").status_code == 303
    assert "COMPLETED cannot become PAUSED" in browser.get("/executions/exec_1").text


def test_refused_control_is_told_to_scripts(post: Post, services: FakeServices) -> None:
    wanted = {"Accept": "application/problem+json"}
    assert post("/executions/exec_1/pause", headers=wanted).status_code == 204
    services.executions.rows = [execution(status="COMPLETED")]
    answer = post("/executions/exec_1/pause", headers=wanted)
    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert "COMPLETED cannot become PAUSED" in answer.get_json()["detail"]


def test_unknown_execution_is_a_page_with_404(browser: FlaskClient) -> None:
    answer = browser.get("/executions/exec_9")
    assert answer.status_code == 404
    assert "does not exist" in answer.text


def test_execution_whose_events_are_archived_says_where_they_are(
    browser: FlaskClient, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(*_: object, **__: object) -> None:
        raise Archived("The events of this execution are in the archive of 2026-06.")

    monkeypatch.setattr(services.history, "page", page)
    answer = browser.get("/executions/exec_1")
    assert answer.status_code == 200
    assert "in the archive of 2026-06" in answer.text
    assert "Step 1.1.2" in answer.text


def test_page_of_a_large_plan_holds_the_steps_of_its_open_tasks_alone(
    browser: FlaskClient, services: FakeServices
) -> None:
    def tasks(name: str, status: str) -> list[Any]:
        return [
            task(f"{name}{n}", status, [subtask(f"{name}{n}.{k}", status) for k in range(50)])
            for n in range(15)
        ]

    services.executions.shape["phases"][0]["tasks"] = tasks("a", "READY") + tasks("b", "QUEUED")
    text = browser.get("/executions/exec_1").text.split('id="page-data"')[0]
    assert text.count('class="subtask"') == 15 * 50
    assert "Details and 50 subtasks" in text
    asked = browser.get("/executions/exec_1?show=QUEUED").text.split('id="page-data"')[0]
    assert asked.count('class="subtask"') == 15 * 50


def test_results_are_left_to_the_details(browser: FlaskClient, services: FakeServices) -> None:
    step = subtask("1.1.1", "COMPLETED", result={"secret": "long"})
    services.executions.shape["phases"][0]["tasks"] = [task("1.1", "COMPLETED", [step])]
    assert "secret" not in browser.get("/executions/exec_1").text
