"""One decision for many executions: asked about first, then carried out one by one."""

import re

import pytest
from flask.testing import FlaskClient

from app.dashboard.ports import Wire
from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import HOSTILE, FakeServices, blocker, execution

SKIP, RETRY, REASSIGN = (f"/executions/together/{one}" for one in ("skip", "retry", "reassign"))


@pytest.fixture
def waits(services: FakeServices) -> list[Wire]:
    """Let two steps of one execution wait for people, and a plan."""
    rows = [
        blocker("attempts_exhausted", "blk_1", task_title="Dig"),
        blocker("approval", "blk_2", task_title="Write"),
    ]
    services.blockers.rows = rows
    plan = blocker("review") | {"execution_id": None, "plan_id": "plan_2"}
    services.inbox.rows = [*rows, plan]
    return rows


def boxes(text: str) -> list[str]:
    return re.findall(r'name="item" value="([^"]*)"', text)


@pytest.mark.usefixtures("waits")
def test_question_names_what_takes_the_answer_and_counts_it(browser: FlaskClient) -> None:
    text = browser.get(SKIP).text
    assert "Skip 2 items in 1 execution?" in text
    assert boxes(text) == ["exec_1 blk_1", "exec_1 blk_2"]
    text = browser.get(RETRY).text
    assert "Try again 1 item in 1 execution?" in text
    assert boxes(text) == ["exec_1 blk_1"]


def test_question_concerns_what_the_filter_shows(
    browser: FlaskClient, services: FakeServices, waits: list[Wire]
) -> None:
    waits[1]["execution_id"] = "exec_2"
    text = browser.get(f"{SKIP}?q=tea&agent_id=larry&_external=1").text
    assert boxes(text) == ["exec_1 blk_1"]
    asked = services.execution_list.asked[-1]
    assert (asked["q"], asked["agent_id"]) == ("tea", "larry")
    assert f'action="{SKIP}?q=tea&amp;agent_id=larry"' in text
    assert 'href="/executions?q=tea&amp;agent_id=larry">Keep as it is</a>' in text


def test_failed_execution_is_taken_up_again(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    services.executions.rows = [execution(status="FAILED")]
    assert boxes(browser.get(RETRY).text) == ["exec_1"]
    assert "1 of 1 tried again" in post(RETRY, {"item": "exec_1"}).text
    assert services.executions.asked == [("exec_1", {"status": "RUNNING", "reason": ""})]


def test_what_is_under_way_is_reassigned(
    browser: FlaskClient, post: Post, services: FakeServices
) -> None:
    services.executions.rows = [execution(), execution("exec_2", "COMPLETED")]
    assert boxes(browser.get(REASSIGN).text) == ["exec_1"]
    told = post(REASSIGN, {"item": ["exec_1", "exec_2"], "agent_id": "mo", "reason": "ill"}).text
    assert "1 of 2 reassigned" in told
    assert services.executions.asked[0] == ("exec_1", {"agent_id": "mo", "reason": "ill"})


@pytest.mark.usefixtures("waits")
def test_each_result_is_told_and_a_refusal_holds_up_no_other(
    post: Post, services: FakeServices
) -> None:
    fields = {
        "item": ["exec_1 blk_gone", "exec_1 blk_2"],
        "title exec_1 blk_2": f"Write {HOSTILE}",
        "reason": "Winter",
    }
    text = post(SKIP, fields).text
    assert "1 of 2 skipped" in text
    assert "The blocker is closed." in text
    assert HOSTILE not in text
    wanted = {"resolution": "skip", "message": "Winter"}
    assert services.blockers.answers == [("blk_2", wanted)]


@pytest.mark.parametrize(
    ("address", "fields", "told"),
    [
        (SKIP, {"item": "exec_1 blk_1"}, "Say why they are skipped."),
        (SKIP, {"reason": "Winter"}, "Choose at least one."),
        (REASSIGN, {"item": "exec_1"}, "Choose an agent."),
    ],
)
@pytest.mark.usefixtures("waits")
def test_decision_that_lacks_something_is_refused(
    browser: FlaskClient,
    post: Post,
    services: FakeServices,
    address: str,
    fields: Wire,
    told: str,
) -> None:
    answer = post(f"{address}?q=tea", fields)
    assert (answer.status_code, answer.location) == (303, f"{address}?q=tea")
    assert told in browser.get("/executions").text
    assert services.blockers.answers == []
    assert services.executions.asked == []


def test_nothing_to_decide_is_told(browser: FlaskClient) -> None:
    assert "There is nothing to do" in browser.get(SKIP).text
