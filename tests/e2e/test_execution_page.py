"""The page of one execution: followed live, paused, cancelled, with and without script."""

import re

from playwright.sync_api import Browser, expect

from .browsing import EVIL, Hand, Visit, needs_chromium, percent
from .running import Serving

pytestmark = needs_chromium


def test_execution_page_shows_progress_to_the_end_without_reload(visit: Visit, hand: Hand) -> None:
    execution_id = hand.start()
    visit.sign_in(f"/executions/{execution_id}")
    shown = visit.page.locator(".overview-percent")
    expect(shown).to_have_text(percent(0))
    visit.mark()

    for number in (25, 50, 75, 100):
        assert hand.work()
        expect(shown).to_have_text(percent(number))

    expect(visit.page.locator("#overview")).to_contain_text("Completed")
    expect(visit.page).to_have_title(re.compile(r"^(\(\d+\) )?100\s%"))
    expect(visit.page.locator("#feed")).to_contain_text(f"Done {EVIL}")
    expect(visit.page.get_by_role("button", name="Pause")).to_have_count(0)
    visit.assert_not_reloaded()
    visit.assert_clean()


def test_execution_is_paused_and_resumed_from_its_page(visit: Visit, hand: Hand) -> None:
    execution_id = hand.start()
    visit.sign_in(f"/executions/{execution_id}")
    hand.work()
    visit.mark()

    visit.page.get_by_role("button", name="Pause").click()
    expect(visit.page.get_by_role("button", name="Resume")).to_be_visible()
    expect(visit.page.locator("#overview")).to_contain_text("Paused")
    assert hand.status(execution_id) == "PAUSED"
    assert hand.work() is None

    visit.page.get_by_role("button", name="Resume").click()
    expect(visit.page.get_by_role("button", name="Pause")).to_be_visible()
    assert hand.status(execution_id) == "RUNNING"
    assert hand.work()

    visit.assert_not_reloaded()
    visit.assert_clean()


def test_execution_is_cancelled_only_after_a_question(visit: Visit, hand: Hand) -> None:
    execution_id = hand.start()
    visit.sign_in(f"/executions/{execution_id}")
    visit.mark()
    visit.page.get_by_role("button", name="Cancel").click()
    visit.page.get_by_role("button", name="Keep running").click()
    assert hand.status(execution_id) == "QUEUED"

    visit.page.get_by_role("button", name="Cancel").click()
    visit.page.get_by_role("dialog").get_by_label("Reason").fill("too late")
    visit.page.get_by_role("button", name="Cancel execution").click()

    expect(visit.page.locator("#overview")).to_contain_text("too late")
    assert hand.status(execution_id) == "CANCELLED"
    visit.assert_not_reloaded()
    visit.assert_clean()


def test_markup_in_titles_is_shown_and_not_run(visit: Visit, hand: Hand) -> None:
    execution_id = hand.start()
    visit.sign_in(f"/executions/{execution_id}")
    expect(visit.page.get_by_role("heading", level=1)).to_have_text(hand.title)
    expect(visit.page.locator("#tree")).to_contain_text(f"Task 0 {EVIL}")
    visit.assert_clean()

    visit.open("/plans")
    visit.page.get_by_role("link", name=re.compile(hand.agent_id)).click()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text(hand.title)
    visit.assert_clean()


def test_pages_can_be_read_and_used_without_script(
    browser: Browser, run: Serving, hand: Hand
) -> None:
    execution_id = hand.start()
    hand.work()
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{run.url}/executions")
        page.get_by_label("User key").fill(run.ready["user_key"])
        page.get_by_role("button", name="Sign in").click()
        row = page.get_by_role("listitem").filter(has_text=hand.agent_id)
        expect(row).to_contain_text("1/4 tasks complete")
        row.get_by_role("link").click()
        expect(page.locator(".overview-percent")).to_have_text(percent(25))
        expect(page.locator("#tree")).to_contain_text(f"Task 1 {EVIL}")
        expect(page.locator("#feed")).to_contain_text(f"Done {EVIL}")

        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status").first).to_contain_text("Paused")
        assert hand.status(execution_id) == "PAUSED"
        page.get_by_role("button", name="Resume").click()
        assert hand.status(execution_id) == "RUNNING"
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("button", name="Cancel execution").click()
        expect(page.locator("#overview")).to_contain_text("Cancelled")
        assert hand.status(execution_id) == "CANCELLED"


def test_item_is_opened_beside_the_page_by_its_address_and_kept_up_to_date(
    visit: Visit, hand: Hand
) -> None:
    execution_id = hand.start()
    visit.sign_in(f"/executions/{execution_id}")
    visit.mark()
    page, panel = visit.page, visit.page.locator("#item")

    page.locator("#tree").get_by_role("link", name="Step 0").click()
    expect(page).to_have_url(re.compile(r"\?item="))
    expect(panel.get_by_role("heading", level=2)).to_contain_text(f"Step 0 {EVIL}")
    expect(panel.locator(".item-state")).to_contain_text("Ready")
    hand.work()
    expect(panel.locator(".item-state")).to_contain_text("Completed")
    expect(panel.locator(".item-events")).to_contain_text(f"Done {EVIL}")
    expect(panel).to_contain_text("Hand")

    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    page.go_back()
    expect(panel).to_be_visible()
    visit.assert_not_reloaded()
    page.reload()
    expect(panel).to_contain_text(f"Done {EVIL}")
    visit.assert_clean()


def test_activity_is_filtered_by_the_address_and_goes_on_live(visit: Visit, hand: Hand) -> None:
    execution_id = hand.start()
    hand.work()
    visit.sign_in(f"/executions/{execution_id}")
    visit.mark()
    page, rows = visit.page, visit.page.locator("#feed .event-what")

    page.get_by_label("Kind").select_option("task_complete")
    expect(page).to_have_url(re.compile("type=task_complete"))
    expect(rows).to_have_text([re.compile("completed$")])
    hand.work()
    expect(rows).to_have_text([re.compile("completed$")] * 2)
    page.get_by_label("Kind").select_option("")
    page.get_by_label("Errors only").check()
    expect(page.locator("#feed")).to_have_text(re.compile("Nothing like that has happened"))
    hand.fail("No route to the harbour")
    expect(rows).to_have_text([re.compile("failed$")])
    visit.assert_not_reloaded()
    page.reload()
    expect(rows).to_have_text([re.compile("failed$")])
    visit.assert_clean()


def test_all_that_is_held_up_is_skipped_at_once(visit: Visit, hand: Hand) -> None:
    execution_id = hand.start()
    visit.sign_in(f"/executions/{execution_id}")
    visit.mark()
    hand.fail("No route to the harbour", error_type="permanent")
    page = visit.page

    page.locator("#tree-filter").get_by_role("link", name="Blocked").click()
    expect(page).to_have_url(re.compile("show=BLOCKED"))
    expect(page.locator("#tree .subtask")).to_have_count(1)
    page.locator("#bulk").get_by_text("Skip…").click()
    page.locator("#bulk").get_by_label("Why?").fill("The harbour is closed")
    page.get_by_role("button", name="Skip all of these").click()
    expect(page.locator(".overview-percent")).to_have_text(percent(25))
    expect(page.locator("#tree")).to_have_text(re.compile("Nothing is blocked now"))
    visit.assert_not_reloaded()
    visit.assert_clean()


def test_timetable_shows_plan_and_work_is_scaled_and_leads_to_details(
    visit: Visit, hand: Hand
) -> None:
    execution_id = hand.start()
    hand.work()
    visit.sign_in(f"/executions/{execution_id}")
    visit.mark()
    page, chart = visit.page, visit.page.locator("#gantt")

    expect(chart.locator(".is-task")).to_have_count(4)
    expect(chart.locator(".is-task .gantt-planned.is-critical")).to_have_count(4)
    expect(chart.locator(".is-task .is-work.tone-done")).to_have_count(1)
    hand.work()
    expect(chart.locator(".is-task .is-work.tone-done")).to_have_count(2)

    bar = chart.locator(".is-task .gantt-planned").first
    before = bar.evaluate("bar => bar.offsetWidth")
    chart.get_by_role("group").press("+")
    assert bar.evaluate("bar => bar.offsetWidth") > before
    chart.get_by_role("button", name="Whole plan").click()
    assert abs(bar.evaluate("bar => bar.offsetWidth") - before) < 3

    chart.get_by_role("button", name="Unfold Task 0").click()
    expect(chart.locator(".is-step")).to_have_count(1)
    chart.get_by_role("link", name="Task 3").click()
    expect(page.locator("#item h2")).to_contain_text("Task 3")
    visit.assert_not_reloaded()
    visit.assert_clean()
