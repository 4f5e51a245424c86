"""The page that asks for a key."""

import re

from playwright.sync_api import expect

from .browsing import Visit, needs_chromium

pytestmark = needs_chromium


def test_wrong_key_is_refused_and_the_right_one_lets_in(visit: Visit) -> None:
    visit.open("/executions")
    expect(visit.page).to_have_url(re.compile("/sign-in"))
    visit.page.get_by_label("User key").fill("wrong")
    visit.page.get_by_role("button", name="Sign in").click()
    expect(visit.page.get_by_role("alert")).to_contain_text("not known")
    # The browser itself tells the console of every answer 401.
    assert [one for one in visit.complaints if "401" not in one] == []

    visit.sign_in("/plans")

    expect(visit.page).to_have_url(re.compile("/plans$"))
    visit.page.get_by_role("button", name="Sign out").click()
    visit.open("/executions")
    expect(visit.page).to_have_url(re.compile("/sign-in"))
