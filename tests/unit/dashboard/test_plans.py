"""The pages of plans."""

import io

from flask.testing import FlaskClient

from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import HOSTILE, FakeServices, plan


def test_list_shows_status_and_number_of_warnings(browser: FlaskClient) -> None:
    text = browser.get("/plans").text
    assert "Needs review" in text
    assert "1 warning" in text


def test_empty_list_says_what_to_do(browser: FlaskClient, services: FakeServices) -> None:
    services.plans.rows = []
    assert "Upload one above" in browser.get("/plans").text


def test_uploaded_plan_is_opened(post: Post) -> None:
    answer = post("/plans", {"file": (io.BytesIO(b"a plan"), "plan.zip")})
    assert (answer.status_code, answer.location) == (303, "/plans/plan_1")


def test_refused_upload_names_every_fault(post: Post) -> None:
    answer = post("/plans", {"file": (io.BytesIO(b"nonsense"), "plan.zip")})
    assert answer.status_code == 422
    assert "This is no plan." in answer.text
    assert "line 1: unexpected &lt;script&gt;" in answer.text
    assert HOSTILE not in answer.text


def test_upload_without_file_and_too_large_ones_are_refused(post: Post) -> None:
    assert post("/plans").status_code == 422
    large = post("/plans", {"file": (io.BytesIO(b"x" * 200_000), "plan.zip")})
    assert large.status_code == 413
    assert "larger than this server accepts" in large.text


def test_plan_shows_breakdown_reasons_warnings_and_gates(browser: FlaskClient) -> None:
    text = browser.get("/plans/plan_1").text
    for expected in ("60\u00a0%", "Written as three steps.", "wbs.json", "ALLOW", "send_email"):
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
        "by the rule generic/ask-and-wait",
    ):
        assert expected in text


def test_one_or_all_breakdowns_are_approved(post: Post, services: FakeServices) -> None:
    fields = {"task_id": ["1.1", "1.2"], "version": ["1", "1"]}
    answer = post("/plans/plan_1/approve", fields, follow_redirects=True)
    assert services.review.approved == ["1.1", "1.2"]
    assert "Approved 2 breakdowns." in answer.text


def test_start_names_agent_and_ordering(post: Post, services: FakeServices) -> None:
    answer = post("/plans/plan_1/start", {"agent_id": "larry", "ordering": "sequential"})
    assert (answer.status_code, answer.location) == (303, "/executions/exec_1")
    expected = {"plan_id": "plan_1", "agent_id": "larry", "ordering": "sequential"}
    assert services.executions.asked == [("create", expected | {"approvals": {}})]


def test_gate_that_refuses_asks_for_a_reason_and_takes_it(
    post: Post, services: FakeServices
) -> None:
    services.plans.rows = [
        plan("REFUSED", gates={"redline": "REFUSE", "go_no_go": None, "refusals": ["redline"]})
    ]
    services.executions.gate = "REFUSE"
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
    services.agents.rows = []
    assert "registers itself" in browser.get("/plans/plan_1").text


def test_plan_that_is_broken_down_reloads_until_it_is_done(
    browser: FlaskClient, services: FakeServices
) -> None:
    assert "http-equiv" not in browser.get("/plans/plan_1").text
    services.plans.rows = [plan("DECOMPOSING")]
    assert '<meta http-equiv="refresh" content="2">' in browser.get("/plans/plan_1").text


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
