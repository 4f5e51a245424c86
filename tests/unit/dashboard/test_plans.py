"""The pages of plans."""

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.dashboard.plan_facts import gate_tone, hours, mending, totals
from app.domain.errors import Fault
from app.domain.plan import Gates
from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import HOSTILE, FakeServices, plan, readiness


def test_list_shows_where_each_plan_stands(browser: FlaskClient) -> None:
    text = browser.get("/plans").text
    for expected in ("Needs review", "3 tasks", "6 steps", "75\u00a0%", "lowest 60\u00a0%"):
        assert expected in text
    assert "2 to review" in text
    assert 'href="/executions/exec_1"' in text


def test_empty_list_says_what_to_do(browser: FlaskClient, services: FakeServices) -> None:
    services.plans.rows = []
    text = browser.get("/plans").text
    assert "<strong>Upload one</strong> above" in text
    assert "Search plans" not in text


def test_list_is_searched_filtered_and_sorted_by_its_address(
    browser: FlaskClient, services: FakeServices
) -> None:
    assert "Open a tea shop" in browser.get("/plans?q=TEA&status=NEEDS_REVIEW&sort=changed").text
    none = browser.get("/plans?q=coffee&status=READY").text
    assert "“coffee” in its title or goal and the status “Ready”" in none
    assert 'value="READY" selected' in none
    assert 'value="coffee"' in none
    assert services.plans.sorts == ["changed", "newest"]


def test_strange_filters_are_passed_over(browser: FlaskClient, services: FakeServices) -> None:
    assert "Open a tea shop" in browser.get("/plans?status=DOG&sort=cat").text
    assert HOSTILE not in browser.get("/plans", query_string={"q": HOSTILE}).text
    assert services.plans.sorts == ["newest", "newest"]


def test_list_renews_itself_while_a_plan_is_broken_down(
    browser: FlaskClient, services: FakeServices
) -> None:
    assert "data-renews" not in browser.get("/plans").text
    services.plans.rows = [plan("DECOMPOSING")]
    text = browser.get("/plans").text
    assert "data-renews" in text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text


def test_plan_is_written_by_a_server_where_there_is_one(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    assert "Have PlanExe write one" not in browser.get("/plans").text
    services.imports.is_configured = True
    assert "Have PlanExe write one" in browser.get("/plans").text

    answer = post("/plans/generate", {"prompt": " Open a tea shop "})

    assert answer.location.startswith("/plans/plan_")
    assert services.imports.asked == [{"prompt": "Open a tea shop"}]
    assert post("/plans/generate", {"prompt": " "}).status_code == 422
    refused = post("/plans/generate", {"prompt": "refused"})
    assert "It was imported before." in refused.text
    assert ">refused</textarea>" in refused.text


def test_uploaded_plan_is_opened(post: Post) -> None:
    answer = post("/plans", {"file": (io.BytesIO(b"a plan"), "plan.zip")})
    assert (answer.status_code, answer.location) == (303, "/plans/plan_1")


def test_refused_upload_names_every_fault(post: Post) -> None:
    answer = post("/plans", {"file": (io.BytesIO(b"nonsense"), "plan.zip")})
    assert answer.status_code == 422
    assert "This is no plan." in answer.text
    assert "<code>line 1</code><span>unexpected &lt;script&gt;" in answer.text
    assert HOSTILE not in answer.text


def test_upload_without_file_and_too_large_ones_are_refused(post: Post) -> None:
    assert post("/plans").status_code == 422
    large = post("/plans", {"file": (io.BytesIO(b"x" * 200_000), "plan.zip")})
    assert large.status_code == 413
    assert "larger than this server accepts" in large.text


def test_plan_shows_breakdown_reasons_warnings_and_gates(browser: FlaskClient) -> None:
    text = browser.get("/plans/plan_1").text
    for expected in ("60\u00a0%", "3 tasks", "wbs.json", "Allow", "send_email", "Dangling id"):
        assert expected in text
    assert "2 of 3 tasks need your review" in text


def test_plan_shows_what_its_confidence_is_made_of_and_what_no_step_serves(
    browser: FlaskClient,
) -> None:
    text = browser.get("/plans/plan_1").text
    for expected in (
        "<dt>coverage</dt>",
        'value="0.25"',
        "Buy &lt;b&gt;plaster&lt;/b&gt;",
        "Ignore &lt;i&gt;this&lt;/i&gt;",
    ):
        assert expected in text
    review = browser.get("/plans/plan_1?show=review").text
    assert "by the rule generic/ask-and-wait" in review


def test_one_or_all_breakdowns_are_approved(post: Post, services: FakeServices) -> None:
    fields = {"task_id": ["1.1", "1.2"], "version:1.1": "1", "version:1.2": "1"}
    answer = post("/plans/plan_1/approve", fields, follow_redirects=True)
    assert services.review.approved == ["1.1", "1.2"]
    assert "Approved 2 breakdowns." in answer.text


def test_review_shows_only_what_waits_and_approves_what_is_chosen(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    text = browser.get("/plans/plan_1?show=review").text
    assert [name for name in ("1.1", "1.2", "1.3") if f'value="{name}" checked' in text] == [
        "1.1",
        "1.2",
    ]
    # The version of what was not chosen comes along, as a form sends it.
    post("/plans/plan_1/approve", {"task_id": "1.2", "version:1.1": "1", "version:1.2": "1"})
    assert services.review.approved == ["1.2"]


def test_approvals_before_a_refused_one_are_told(post: Post, services: FakeServices) -> None:
    fields = {"task_id": ["1.1", "1.2"], "version:1.1": "1", "version:1.2": "0"}
    text = post("/plans/plan_1/approve", fields, follow_redirects=True).text
    assert services.review.approved == ["1.1"]
    assert "1 breakdown approved, then one was refused." in text
    assert "Version 0 was replaced by version 1." in text


def test_review_without_anything_to_do_leads_on(
    browser: FlaskClient, services: FakeServices
) -> None:
    for task in services.plans.shape["phases"][0]["tasks"]:
        task["needs_review"] = False
    text = browser.get("/plans/plan_1?show=review").text
    assert "Every breakdown of this plan is accepted." in text
    assert 'href="/plans/plan_1/start"' in text


def test_start_names_agent_and_ordering(post: Post, services: FakeServices) -> None:
    answer = post("/plans/plan_1/start", {"agent_id": "larry", "ordering": "sequential"})
    assert (answer.status_code, answer.location) == (303, "/executions/exec_1")
    expected = {"plan_id": "plan_1", "agent_id": "larry", "ordering": "sequential"}
    assert services.executions.asked == [("create", expected | {"approvals": {}})]


def test_gate_that_refuses_asks_for_a_reason_and_takes_it(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    services.plans.rows = [
        plan("REFUSED", gates={"redline": "REFUSE", "go_no_go": None, "refusals": ["redline"]})
    ]
    services.executions.gate = "REFUSE"
    services.readiness.told = readiness(refusals=["redline"])
    assert "Its own gates say no" in browser.get("/plans/plan_1").text
    refused = post("/plans/plan_1/start", {"agent_id": "larry"})
    assert refused.status_code == 409
    assert "A gate refuses." in refused.text
    assert 'name="override_redline"' in refused.text
    fields = {"agent_id": "larry", "override_redline": "A lawyer looked at it."}
    assert post("/plans/plan_1/start", fields).status_code == 303
    approvals = services.executions.asked[-1][1]["approvals"]
    assert approvals == {"redline": {"reason": "A lawyer looked at it."}}


def test_without_an_agent_the_page_says_how_one_comes(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.readiness.told = readiness(agents=[])
    assert "registers itself" in browser.get("/plans/plan_1/start").text


def test_start_says_who_can_do_what_and_what_needs_people(browser: FlaskClient) -> None:
    text = browser.get("/plans/plan_1/start").text
    for expected in (
        "On line",
        "<code>sing</code> (2 times). 2 steps would wait",
        "1 step asks for your approval",
        "1 step is done by a person",
        "<code>send_payment</code>",
    ):
        assert expected in text
    assert HOSTILE not in text
    assert "No agent at all" not in text


def test_start_tells_agents_that_fit_from_those_that_do_not(
    browser: FlaskClient, services: FakeServices
) -> None:
    (larry,) = readiness()["agents"]
    services.readiness.told = readiness(
        agents=[
            {**larry, "misses": []},
            {**larry, "agent_id": "ann", "online": False, "last_contact_at": None},
            {**larry, "agent_id": "bob", "status": "PAUSED"},
        ],
        nobody=[{"action": "dance", "subtasks": 1}],
    )
    text = browser.get("/plans/plan_1/start").text
    for expected in (
        "Does all 2 kinds of action",
        "Off line",
        "not heard of yet",
        "Paused",
        "No agent at all does <code>dance</code>: 1 step.",
    ):
        assert expected in text
    assert text.count(" checked>") == 2


def test_start_of_a_plan_that_waits_for_review_cannot_be_pressed(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.readiness.told = readiness(reviews=[{"task_id": "1.1", "title": "Task 1.1"}])
    text = browser.get("/plans/plan_1/start").text
    assert "1 breakdown waits for your review" in text
    assert re.search(r"<button[^>]* disabled", text)
    assert not re.search(r"<button[^>]* disabled", fine(browser, services))


def fine(browser: FlaskClient, services: FakeServices) -> str:
    services.readiness.told = readiness()
    return browser.get("/plans/plan_1/start").text


def test_plan_that_is_broken_down_reloads_until_it_is_done(
    browser: FlaskClient, services: FakeServices
) -> None:
    assert "http-equiv" not in browser.get("/plans/plan_1").text
    services.plans.rows = [plan("DECOMPOSING", decomposition={"tasks_total": 3, "tasks_done": 1})]
    text = browser.get("/plans/plan_1").text
    assert '<meta http-equiv="refresh" content="2">' in text
    assert "1/3 tasks" in text


def test_unknown_plan_is_a_page_with_404(browser: FlaskClient) -> None:
    assert browser.get("/plans/plan_9").status_code == 404


def test_plan_shows_risks_people_and_documents_it_came_with(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.plans.rows = [
        plan(
            risks=[{"risk_id": "r", "description": HOSTILE, "mitigation": "A roof"}],
            roles_required=["Carpenter"],
            context={
                "documents_to_find": [{"document_name": "Map"}, {"id": 1}, 7],
                "documents_to_create": "none",
            },
        )
    ]
    text = browser.get("/plans/plan_1").text
    for expected in ("1 risk", "A roof", "Carpenter", "To find", "Map", "9.9"):
        assert expected in text
    assert HOSTILE not in text
    assert "Documents to create" not in text


def test_whole_plan_is_broken_down_again_by_whom_its_owner_chooses(
    post: Post, browser: FlaskClient, services: FakeServices
) -> None:
    assert "The model</option>" in browser.get("/plans/plan_1").text

    answer = post("/plans/plan_1/decompose", {"strategy": "llm"}, follow_redirects=True)
    post("/plans/plan_1/decompose", {"strategy": "rules"})
    post("/plans/plan_1/decompose", {"strategy": "dog"})

    assert "The plan is being broken down again." in answer.text
    asked = [request["strategy"] for _, request in services.decomposition.asked]
    assert asked == ["llm", "rules", "auto"]
    assert post("/plans/none/decompose").status_code == 303
    assert len(services.decomposition.asked) == 3


def test_nobody_is_offered_a_model_that_is_not_set_up(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.decomposition.has_model = False

    text = browser.get("/plans/plan_1").text

    assert "Break down again" in text
    assert "The model</option>" not in text


def test_breakdown_under_way_is_shown_and_not_begun_again(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.plans.rows = [{**plan("DECOMPOSING"), "status_message": "1 of 3 tasks broken down"}]

    text = browser.get("/plans/plan_1").text

    assert "A new breakdown is under way: 1 of 3 tasks broken down." in text
    assert "Break down again" not in text


def grown(services: FakeServices, tasks: int, **more: object) -> None:
    """Make the plan have many tasks."""
    (phase,) = services.plans.shape["phases"]
    first = phase["tasks"][0]
    phase["tasks"] = [{**first, **more, "task_id": f"t{number}"} for number in range(tasks)]


def test_tasks_of_a_big_plan_are_shown_on_pages_of_their_own(
    browser: FlaskClient, services: FakeServices
) -> None:
    assert "The plan says" in browser.get("/plans/plan_1").text
    grown(services, 101)
    text = browser.get("/plans/plan_1").text
    assert "The plan says" not in text
    assert text.count('class="task task-line"') == 101
    assert 'href="/plans/plan_1/tasks/t100"' in text


def test_many_reviews_come_in_parts(browser: FlaskClient, services: FakeServices) -> None:
    grown(services, 45)
    text = browser.get("/plans/plan_1?show=review").text
    assert text.count('name="task_id"') == 40
    assert "The other 5 come after these." in text


@pytest.mark.parametrize(
    ("message", "suggestion"),
    [
        ("the field is missing", "Add it."),
        ("Expected float | null, got str", "Write a number without quotes, or leave it out."),
        ("it is strange", ""),
    ],
)
def test_fault_of_a_file_comes_with_how_to_mend_it(message: str, suggestion: str) -> None:
    assert mending(Fault("tasks[0]", message)) == suggestion


def test_totals_count_what_is_known() -> None:
    known = {"min_hours": 4.0, "realistic_hours": 8.0, "max_hours": None}
    tasks = [
        {"estimate": known, "estimated_hours": 8.0, "decomposition_confidence": 0.5},
        {"estimate": {}, "estimated_hours": None, "decomposition_confidence": None},
    ]
    found = totals([{**task, "needs_review": False} for task in tasks])
    assert (found["hours"], found["unknown"]) == ((4.0, 8.0, 8.0), 1)
    assert (found["confidence"], found["lowest"], found["waiting"]) == (0.5, 0.5, 0)
    assert totals([])["hours"] is None
    assert [hours(count) for count in (0, 0.5, 1240.0)] == [
        "0\u00a0h",
        "0.5\u00a0h",
        "1,240\u00a0h",
    ]


@pytest.mark.parametrize(
    ("gates", "tones"),
    [
        ({"redline": "REFUSE", "go_no_go": "Do Not Execute"}, ("fail", "fail")),
        (
            {"redline": "ALLOW_WITH_SAFETY_FRAMING", "go_no_go": "Proceed with Caution"},
            2 * ("wait",),
        ),
        ({"redline": "ALLOW", "go_no_go": "Proceed"}, ("done", "done")),
        ({"redline": None, "go_no_go": None}, ("idle", "idle")),
    ],
)
def test_gates_have_the_tone_of_what_they_say(
    gates: dict[str, Any], tones: tuple[str, str]
) -> None:
    refusals = Gates(**gates).refusals
    told = {**gates, "refusals": refusals}
    assert (gate_tone(told, "redline"), gate_tone(told, "go_no_go")) == tones
