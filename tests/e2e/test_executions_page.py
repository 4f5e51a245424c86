"""The list of executions, live."""

from playwright.sync_api import expect

from .browsing import Hand, Visit, needs_chromium

pytestmark = needs_chromium


def test_list_shows_an_execution_live_as_it_starts_and_goes_on(visit: Visit, hand: Hand) -> None:
    visit.sign_in()
    visit.mark()

    hand.start()
    row = visit.page.get_by_role("listitem").filter(has_text=hand.agent_id)
    expect(row.get_by_role("link")).to_have_text(hand.title)
    hand.work()
    expect(row).to_contain_text("1/4 tasks complete")
    while hand.work():
        pass
    expect(row).to_contain_text("4/4 tasks complete")
    expect(row).to_contain_text("Completed")

    visit.assert_not_reloaded()
    visit.assert_clean()
