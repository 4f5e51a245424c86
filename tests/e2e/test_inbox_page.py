"""The inbox: what waits for a person, answered in place, by two people, with and without script."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, expect

from .browsing import EVIL, Visit, needs_chromium
from .running import Serving
from .waiting import Desk, evidence_of

pytestmark = needs_chromium

PHOTO: FilePayload = {"name": "menu <b>.html", "mimeType": "text/html", "buffer": EVIL.encode()}
NOTE: FilePayload = {"name": "prices.txt", "mimeType": "text/plain", "buffer": b"21 a head"}


@pytest.fixture
def desk(run: Serving) -> Desk:
    """An agent whose plan asks for people."""
    return Desk(run)


@pytest.fixture
def other(browser: Browser, run: Serving) -> Iterator[Visit]:
    """The browser of somebody else."""
    with browser.new_context() as context:
        yield Visit(context, run)


def items(visit: Visit) -> Locator:
    """What waits, as the page shows it."""
    return visit.page.locator(".wait")


def test_plan_is_carried_through_its_approval_failure_and_task_for_a_person(
    visit: Visit, desk: Desk, run: Serving
) -> None:
    execution_id = desk.start()
    visit.sign_in("/inbox")
    visit.open(f"/inbox?execution_id={execution_id}")
    page = visit.page
    expect(page.locator(".letter")).to_contain_text(f"may we call you? {EVIL}")
    expect(page.locator(".letter")).to_contain_text("marie@harbour.example")
    page.evaluate("window.marked = true")

    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".toast")).to_have_text("Approved.")
    expect(items(visit)).to_have_count(0)
    desk.work()
    desk.give_up()
    page.get_by_role("button", name="Take the brass one").click()
    expect(page.locator(".toast").last).to_contain_text("The agent is told")
    expect(items(visit)).to_have_count(0)
    desk.work()

    expect(items(visit)).to_contain_text(f"Taste the menus {EVIL}")
    page.get_by_label("Notes").fill("The second one.")
    page.get_by_label("Files that show it").set_input_files([PHOTO, NOTE])
    page.get_by_label("Minutes spent").fill("90")
    page.get_by_role("button", name="Done", exact=True).click()
    expect(page.locator(".toast").last).to_have_text("Noted as done.")
    expect(page.locator("#waiting")).to_contain_text("Nothing here waits for you")
    visit.assert_not_reloaded()

    assert desk.status(execution_id) == "COMPLETED"
    assert [one["name"] for one in evidence_of(run, execution_id)] == [PHOTO["name"], NOTE["name"]]
    visit.assert_clean()


def test_evidence_is_a_download_on_the_page_of_its_item(
    visit: Visit, desk: Desk, run: Serving
) -> None:
    execution_id = _at_the_menus(desk)
    visit.sign_in("/inbox")
    visit.open(f"/inbox?execution_id={execution_id}")
    visit.page.get_by_label("Files that show it").set_input_files(PHOTO)
    visit.page.get_by_role("button", name="Done", exact=True).click()
    expect(items(visit)).to_have_count(0)
    (brought,) = evidence_of(run, execution_id)

    with run.api() as api:
        answer = api.get(brought["url"])
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.content == EVIL.encode()
    with run.api() as api:
        tree = api.get(f"/api/executions/{execution_id}/tasks").json()
    item = tree["phases"][0]["tasks"][0]["subtasks"][-1]["subtask_id"]
    visit.open(f"/executions/{execution_id}?item={item}")
    link = visit.page.locator("#item").get_by_role("link", name=PHOTO["name"])
    expect(link).to_have_attribute("href", brought["url"])
    visit.assert_clean()


def test_second_of_two_answers_is_refused_with_what_the_first_was(
    visit: Visit, other: Visit, desk: Desk
) -> None:
    execution_id = desk.start()
    for one in (visit, other):
        one.sign_in("/inbox")
        one.open(f"/inbox?execution_id={execution_id}")
        expect(items(one)).to_have_count(1)
    # The news does not reach the second one in time.
    other.page.route("**/inbox?*", lambda _: None)

    visit.page.get_by_role("button", name="Approve").click()
    expect(items(visit)).to_have_count(0)
    other.page.get_by_role("button", name="Approve").click()
    told = other.page.get_by_role("alert")
    expect(told).to_contain_text("The blocker is closed: approve")
    assert desk.waits(execution_id) == 0
    visit.assert_clean()
    # A browser notes each refusal of a form on its console.
    assert len(other.complaints) == 1
    assert "409" in other.complaints[0]


def test_item_that_somebody_else_answers_goes_from_all_inboxes(
    visit: Visit, other: Visit, desk: Desk
) -> None:
    execution_id = desk.start()
    for one in (visit, other):
        one.sign_in("/inbox")
        one.open(f"/inbox?execution_id={execution_id}")
        expect(items(one)).to_have_count(1)
    other.page.get_by_text("Reject…").click()
    visit.page.get_by_role("button", name="Approve").click()
    expect(items(other)).to_have_count(0)
    visit.assert_clean()
    other.assert_clean()


def test_answer_that_is_refused_is_told_beside_it_and_loses_nothing(
    visit: Visit, desk: Desk, run: Serving
) -> None:
    execution_id = _at_the_menus(desk)
    visit.sign_in("/inbox")
    visit.open(f"/inbox?execution_id={execution_id}")
    visit.page.get_by_label("Notes").fill("The second one.")
    many: list[FilePayload] = [{**NOTE, "name": f"{number}.txt"} for number in range(11)]
    visit.page.get_by_label("Files that show it").set_input_files(many)
    visit.page.get_by_role("button", name="Done", exact=True).click()
    expect(visit.page.get_by_role("alert").last).to_contain_text("at most 10 files")
    expect(visit.page.get_by_label("Notes")).to_have_value("The second one.")
    assert evidence_of(run, execution_id) == []
    # A browser notes each refusal of a form on its console.
    assert len(visit.complaints) == 1
    assert "422" in visit.complaints[0]


def test_next_item_has_the_focus_after_an_answer(visit: Visit, desk: Desk) -> None:
    first, second = desk.start(), desk.start()
    visit.sign_in("/inbox")
    visit.open("/inbox?group=approvals&q=" + desk.agent_id)
    expect(items(visit)).to_have_count(2)
    before = visit.page.title()
    items(visit).first.get_by_role("button", name="Approve").click()
    expect(items(visit)).to_have_count(1)
    expect(items(visit)).to_be_focused()
    expect(visit.page).not_to_have_title(before)
    assert re.match(r"\(\d+\) Inbox", before)
    assert sorted([desk.waits(first), desk.waits(second)]) == [0, 1]
    visit.assert_clean()


def test_inbox_is_answered_without_script(browser: Browser, run: Serving, desk: Desk) -> None:
    execution_id = _at_the_menus(desk)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{run.url}/inbox")
        page.get_by_label("User key").fill(run.ready["user_key"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Search").fill(desk.agent_id)
        page.get_by_role("button", name="Search").click()
        expect(page).to_have_url(re.compile(rf"q={desk.agent_id}"))
        page.get_by_label("Files that show it").set_input_files(NOTE)
        page.get_by_role("button", name="Done", exact=True).click()
        expect(page.locator(".notice-done")).to_have_text("Noted as done.")
        expect(page).to_have_url(re.compile(rf"/inbox\?q={desk.agent_id}"))
    assert desk.status(execution_id) == "COMPLETED"


def _at_the_menus(desk: Desk) -> str:
    """Bring an execution to its task for a person."""
    execution_id = desk.start()
    desk.approve(execution_id)
    assert desk.work()
    assert desk.work()
    return execution_id
