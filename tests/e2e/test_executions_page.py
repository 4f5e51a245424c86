"""The list of executions: live, searched, shared by address, decided about together."""

import re

import pytest
from playwright.sync_api import Browser, expect

from .browsing import EVIL, Hand, Visit, needs_chromium
from .running import Serving
from .waiting import Desk

pytestmark = needs_chromium


@pytest.fixture
def desk(run: Serving) -> Desk:
    """An agent whose plan asks for people."""
    return Desk(run)


def test_list_shows_an_execution_live_as_it_starts_and_goes_on(visit: Visit, hand: Hand) -> None:
    visit.sign_in()
    visit.mark()

    hand.start()
    row = visit.page.locator(".run").filter(has_text=hand.agent_id)
    expect(row.get_by_role("link")).to_have_text(hand.title)
    hand.work()
    expect(row).to_contain_text("1/4 tasks complete")
    while hand.work():
        pass
    expect(row).to_contain_text("4/4 tasks complete")
    expect(row).to_contain_text("Completed")

    visit.assert_not_reloaded()
    visit.assert_clean()


def test_list_says_what_an_execution_waits_for_and_leads_to_it(visit: Visit, desk: Desk) -> None:
    visit.sign_in()
    visit.mark()
    execution_id = desk.start()
    row = visit.page.locator(".run").filter(has_text=desk.agent_id)
    expect(row).to_contain_text(f"Needs your approval: Write to Marie {EVIL}")
    row.get_by_role("link", name="1 needs you").click()
    expect(visit.page).to_have_url(re.compile(rf"/inbox\?execution_id={execution_id}$"))
    expect(visit.page.locator(".wait")).to_have_count(1)
    visit.assert_clean()


def test_filters_stand_in_the_address_and_show_others_the_same(
    visit: Visit, browser: Browser, hand: Hand, desk: Desk, run: Serving
) -> None:
    hand.start()
    desk.start()
    visit.sign_in()
    visit.page.get_by_role("link", name="Needs you", exact=True).click()
    visit.page.get_by_label("Search").fill("lighthouse")
    visit.page.keyboard.press("Enter")
    visit.page.get_by_label("Agent", exact=True).select_option(desk.agent_id)
    expect(visit.page).to_have_url(
        re.compile(rf"/executions\?needs_me=1&q=lighthouse&agent_id={desk.agent_id}$")
    )
    expect(visit.page.locator(".run")).to_have_count(1)
    expect(visit.page.locator(".run")).to_contain_text(desk.agent_id)

    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{run.url}/sign-in")
        page.get_by_label("User key").fill(run.ready["user_key"])
        page.get_by_role("button", name="Sign in").click()
        page.goto(visit.page.url)
        expect(page.locator(".run")).to_have_count(1)
        expect(page.locator(".run")).to_contain_text("Needs your approval")
    visit.assert_clean()


def test_row_leaves_a_filtered_list_when_it_no_longer_fits(visit: Visit, desk: Desk) -> None:
    execution_id = desk.start()
    visit.sign_in()
    visit.open(f"/executions?needs_me=1&agent_id={desk.agent_id}")
    visit.mark()
    expect(visit.page.locator(".run")).to_have_count(1)
    desk.approve(execution_id)
    expect(visit.page.locator("#executions")).to_contain_text("No execution is like that any more")
    visit.assert_not_reloaded()
    visit.assert_clean()


def test_what_stands_still_in_several_executions_is_skipped_together(
    visit: Visit, desk: Desk
) -> None:
    first, second, third = desk.start(), desk.start(), desk.start()
    visit.sign_in()
    visit.open(f"/executions?agent_id={desk.agent_id}")
    page = visit.page
    page.get_by_text("With all of these").click()
    page.get_by_role("link", name="Skip what stands still").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Skip 3 items in 3 executions?")
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).uncheck()
    desk.approve(second)  # Somebody is faster with one of them.
    page.get_by_label("Why?").fill("Winter")
    page.get_by_role("button", name="Skip").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 2 skipped")
    expect(page.locator(".fault")).to_have_text(re.compile("The blocker is closed: approve"))
    assert [desk.waits(one) for one in (first, second, third)] == [0, 0, 1]
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(re.compile(rf"/executions\?agent_id={desk.agent_id}$"))
    visit.assert_clean()
