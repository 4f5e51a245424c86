"""Reviewing a breakdown in the browser, with and without script."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from .browsing import EVIL, Visit, needs_chromium
from .running import Serving, until

pytestmark = needs_chromium


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


def edit(page: Page, name: str, fields: dict[str, str]) -> None:
    """Change fields of a step, of which the last stands among those that are folded."""
    step = step_of(page, name)
    step.locator("summary", has_text="Edit").click()
    form = step.locator("details[open] > form")
    expect(form.get_by_role("button", name="Save")).to_be_disabled()
    form.locator("summary").click()
    for label, text in fields.items():
        form.get_by_label(label).fill(text)
    expect(form.get_by_role("status")).to_have_text("Changes: title, time limit in hours.")
    form.get_by_role("button", name="Save").click()


def test_steps_are_moved_by_dragging_and_with_the_arrow_keys(visit: Visit, draft: Draft) -> None:
    visit.sign_in(draft.path)
    page = visit.page
    page.locator("#steps[data-ready]").wait_for()

    step_of(page, "c").locator(".step-number").drag_to(
        step_of(page, "a"), target_position={"x": 40, "y": 4}
    )
    expect(page.get_by_role("status")).to_contain_text("This is version 2.")
    assert draft.edges() == {"c": [], "a": ["c"], "b": ["a"]}

    page.locator("#steps[data-ready]").wait_for()
    expect(step_of(page, "c")).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.get_by_role("status")).to_contain_text("This is version 3.")
    assert list(draft.edges()) == ["a", "c", "b"]
    visit.assert_clean()


def test_breakdown_is_changed_step_by_step_compared_and_approved(
    visit: Visit, draft: Draft
) -> None:
    visit.sign_in(draft.path)
    page = visit.page
    expect(page.locator(".step")).to_have_count(3)

    edit(page, "a", {"Title": "Write the talk", "Time limit": "2.5"})
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
    expect(page.locator("td:first-child.is-removed")).to_contain_text("Frobnicate c")
    expect(page.locator("td:last-child.is-added")).to_contain_text("Draw slides")
    expect(page.locator("td:last-child.is-changed").first).to_contain_text("Write the talk")

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
