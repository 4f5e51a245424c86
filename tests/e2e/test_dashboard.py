"""The pages in a real browser: sign in, follow live, pause and resume, with and without script."""

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from .running import Serving, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
EVIL = "<img src=x onerror='window.ran=1'><script>window.ran=1</script>"
REPORT_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true", reason="Chromium is not installed"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    assert CHROMIUM, "Chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Visit:
    """A browser on the site, and what it complained of."""

    def __init__(self, context: BrowserContext, run: Serving) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self._run = run
        self.page.add_init_script(REPORT_VIOLATIONS)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, path: str = "/") -> None:
        """Go to a page."""
        self.page.goto(self._run.url + path)

    def sign_in(self, path: str = "/") -> None:
        """Go to a page by way of the form that stands before it."""
        self.open(path)
        self.page.get_by_label("User key").fill(self._run.ready["user_key"])
        self.page.get_by_role("button", name="Sign in").click()

    def mark(self) -> None:
        """Leave a mark that a reload would wipe away, once the script has taken over."""
        # Until then a button is that of a plain form, which loads the page anew.
        self.page.locator("[data-live]").last.wait_for()
        self.page.evaluate("window.marked = true")

    def assert_not_reloaded(self) -> None:
        """Fail where the page was loaded anew since it was marked."""
        assert self.page.evaluate("window.marked") is True

    def assert_clean(self) -> None:
        """Fail where anything was complained of, or anything ran that is not ours."""
        assert self.page.evaluate("window.violations") == []
        assert self.page.evaluate("window.ran") is None
        assert self.complaints == []


@pytest.fixture
def visit(browser: Browser, run: Serving) -> Iterator[Visit]:
    """A browser with script."""
    with browser.new_context() as context:
        yield Visit(context, run)


class Hand:
    """An agent that does its work when the test says so, on a plan full of markup."""

    def __init__(self, run: Serving) -> None:
        self._run = run
        with run.api() as api:
            body = {"name": "Hand", "capabilities": ["noop"]}
            told: Any = api.post("/api/agents", json=body).json()
            self.agent_id, self._key = told["agent_id"], told["api_key"]
            plan: Any = api.post("/api/plans", json=self._plan()).json()
            self._plan_id = plan["plan_id"]
            path = f"/api/plans/{self._plan_id}"
            until("the plan is ready", lambda: api.get(path).json()["status"] == "READY")

    def _plan(self) -> dict[str, Any]:
        tasks = [
            {
                "task_id": f"t{number}",
                "title": f"Task {number} {EVIL}",
                "prerequisites": [f"t{number - 1}"] if number else [],
                "subtasks": [{"title": f"Step {number} {EVIL}", "action": "noop"}],
            }
            for number in range(4)
        ]
        return {"title": self.title, "phases": [{"name": f"Phase {EVIL}", "tasks": tasks}]}

    @property
    def title(self) -> str:
        """The title of the plan."""
        return f"Lighthouse of {self.agent_id} {EVIL}"

    def start(self) -> str:
        """Start the plan."""
        with self._run.api() as api:
            body = {"plan_id": self._plan_id, "agent_id": self.agent_id}
            execution_id: str = api.post("/api/executions", json=body).json()["execution_id"]
        return execution_id

    def work(self) -> Any:
        """Take the next task, if there is one, and complete it."""
        with self._run.api(self._key) as api:
            answer = api.get(f"/api/agents/{self.agent_id}/work")
            if answer.status_code == 204:
                return None
            task = answer.json()["next_task"]
            event = {
                "event_type": "task_complete",
                "task_id": task["task_id"],
                "message": f"Done {EVIL}",
            }
            return api.post(f"/api/executions/{task['execution_id']}/events", json=event).json()

    def status(self, execution_id: str) -> str:
        """Ask the API."""
        with self._run.api() as api:
            return str(api.get(f"/api/executions/{execution_id}").json()["status"])


@pytest.fixture
def hand(run: Serving) -> Hand:
    """An agent at the test's command."""
    return Hand(run)


def percent(number: int) -> re.Pattern[str]:
    return re.compile(rf"^{number}\s%$")


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
    expect(visit.page).to_have_title(re.compile(r"^100\s%"))
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


class Draft:
    """A plan whose only task was broken down by rules and is to be reviewed."""

    def __init__(self, run: Serving) -> None:
        self._run = run
        task = {"task_id": "t", "title": "Prepare the talk", "subtasks": self._written()}
        plan = {"title": "Talk", "phases": [{"name": "All", "tasks": [task]}]}
        with run.api() as api:
            self.plan_id: str = api.post("/api/plans", json=plan).json()["plan_id"]
        until("it is broken down", lambda: self.status() != "DECOMPOSING")
        self.path = f"/plans/{self.plan_id}/tasks/t"

    def _written(self) -> list[dict[str, str]]:
        return [{"subtask_id": name, "title": f"Frobnicate {name} {EVIL}"} for name in "abc"]

    def status(self) -> str:
        """Ask where the plan stands."""
        with self._run.api() as api:
            return str(api.get(f"/api/plans/{self.plan_id}").json()["status"])

    def edges(self) -> dict[str, list[str]]:
        """Ask who waits for whom."""
        with self._run.api() as api:
            tree: Any = api.get(f"/api/plans/{self.plan_id}/tasks").json()
        steps = tree["phases"][0]["tasks"][0]["executable_subtasks"]
        return {step["subtask_id"]: step["dependencies"] for step in steps}


@pytest.fixture
def draft(run: Serving) -> Draft:
    """A plan to review."""
    return Draft(run)


def step_of(page: Page, name: str) -> Any:
    return page.locator(f"#step-{name}")


def save(step: Any, tool: str, button: str, fields: dict[str, str] | None = None) -> None:
    """Open a tool of a step, fill its form in and send it."""
    step.locator("summary", has_text=tool).click()
    form = step.locator("details[open] form")
    for label, text in (fields or {}).items():
        form.get_by_label(label).fill(text)
    form.get_by_role("button", name=button).click()


def test_breakdown_is_changed_step_by_step_compared_and_approved(
    visit: Visit, draft: Draft
) -> None:
    visit.sign_in(draft.path)
    page = visit.page
    expect(page.locator(".step")).to_have_count(3)

    save(step_of(page, "a"), "Edit", "Save", {"Title": "Write the talk", "Time limit": "2.5"})
    expect(page.get_by_role("status")).to_contain_text("This is version 2.")
    expect(step_of(page, "a")).to_contain_text("at most 2.5 h")

    save(step_of(page, "b"), "Split", "Split", {"Titles of the parts": "Draw slides\nCheck them"})
    expect(page.locator(".step")).to_have_count(4)
    assert draft.edges() == {"a": [], "b.1": ["a"], "b": ["b.1"], "c": ["b"]}

    save(step_of(page, "c"), "Drop", "Drop this step")
    expect(page.locator(".step")).to_have_count(3)
    page.get_by_role("button", name="Move up: Check them").click()
    expect(page.locator(".step h3")).to_have_text(["Write the talk", "Check them", "Draw slides"])
    assert draft.edges() == {"a": [], "b": ["a"], "b.1": ["b"]}

    page.get_by_label("From version").select_option("1")
    page.get_by_label("To version").select_option("5")
    page.get_by_role("button", name="Compare").click()
    before, after = page.locator(".sides section").all()
    expect(before.locator(".is-removed")).to_contain_text("Frobnicate c")
    expect(after.locator(".is-added")).to_contain_text("Draw slides")
    expect(after.locator(".is-changed").first).to_contain_text("Write the talk")

    page.get_by_role("link", name="Prepare the talk").click()
    page.get_by_role("button", name="Approve version 5").click()
    expect(page.get_by_role("status")).to_contain_text("Approved.")
    assert draft.status() == "READY"
    visit.assert_clean()


def test_breakdown_is_reviewed_without_script(browser: Browser, run: Serving, draft: Draft) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page, other = context.new_page(), context.new_page()
        page.goto(run.url + draft.path)
        page.get_by_label("User key").fill(run.ready["user_key"])
        page.get_by_role("button", name="Sign in").click()
        other.goto(run.url + draft.path)

        save(step_of(page, "a"), "Merge with next", "Merge", {"Title": "Both at once"})
        assert draft.edges() == {"b": [], "c": ["b"]}
        page.locator("summary", has_text="Add a step").click()
        page.locator(".add-step").get_by_label("Title").fill("Take a breath")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".step h3").last).to_have_text("Take a breath")

        other.get_by_role("button", name="Approve version 1").click()
        expect(other.get_by_role("alert")).to_contain_text("Version 1 was replaced by version 3")
        assert draft.status() == "NEEDS_REVIEW"

        page.get_by_label("What should be different?").fill("one step only")
        page.get_by_role("button", name="Make a new version").click()
        expect(page.get_by_role("status")).to_contain_text("This is version 4.")
        expect(page.locator("main")).to_contain_text("Rules do not read notes.")
        assert list(draft.edges()) == ["a", "b", "c"]
