"""What holds for every page: it can be used by everybody, runs nothing foreign, and obeys keys."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.dashboard import create_blueprint
from tests.unit.dashboard.fakes import FakeServices

from .browsing import EVIL, Visit, needs_chromium
from .running import Serving, until

pytestmark = needs_chromium

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
ASK_AXE = """
(rules) => axe.run(document, rules ? { runOnly: rules } : {}).then(({ violations }) =>
  violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`))
"""
SMALLEST, WIDE = {"width": 360, "height": 740}, {"width": 1360, "height": 850}


class Evil:
    """A plan, an execution and an agent whose every text is markup that would run."""

    def __init__(self, run: Serving) -> None:
        self._run = run
        self.url = run.url
        with run.api() as api:
            body = {"name": f"Evil {EVIL}", "role": EVIL, "capabilities": ["noop", "send_email"]}
            told: Any = api.post("/api/agents", json=body).json()
            self.agent_id: str = told["agent_id"]
            self.plan_id: str = api.post("/api/plans", json=self._plan()).json()["plan_id"]
            self.draft_id: str = api.post("/api/plans", json=self._draft()).json()["plan_id"]
            for plan_id in (self.plan_id, self.draft_id):
                path = f"/api/plans/{plan_id}"
                until(
                    "it is broken down", lambda path=path: api.get(path).json()["status"] in READY
                )
            body = {"plan_id": self.plan_id, "agent_id": self.agent_id}
            self.execution_id: str = api.post("/api/executions", json=body).json()["execution_id"]
        with run.api(told["api_key"]) as agent:
            work: Any = agent.get(f"/api/agents/{self.agent_id}/work").json()
            event = {
                "event_type": "task_error",
                "task_id": work["next_task"]["task_id"],
                "error_type": "permanent",
                "error_message": EVIL,
                "suggestions": [EVIL],
            }
            path = f"/api/executions/{self.execution_id}/events"
            agent.post(path, json=event).raise_for_status()

    def _plan(self) -> dict[str, Any]:
        steps = [
            {
                "title": f"Look {EVIL}",
                "action": "noop",
                "params": {EVIL: EVIL},
                "prerequisites": [],
            },
            {
                "title": f"Write {EVIL}",
                "action": "send_email",
                "params": {"body": EVIL},
                "requires_approval": True,
                "prerequisites": [],
            },
            {
                "title": f"Visit {EVIL}",
                "action": "noop",
                "assignee": "human",
                "description": EVIL,
                "success_criteria": [EVIL],
                "prerequisites": [],
            },
        ]
        task = {"title": f"Task {EVIL}", "description": EVIL, "subtasks": steps}
        return {
            "title": f"Plan {EVIL}",
            "goal": EVIL,
            "final_deliverable": EVIL,
            "risks": [{"description": EVIL, "mitigation": EVIL}],
            "phases": [{"name": f"Phase {EVIL}", "tasks": [task]}],
        }

    def _draft(self) -> dict[str, Any]:
        steps = [{"subtask_id": name, "title": f"Frobnicate {EVIL}"} for name in "ab"]
        task = {"task_id": "t", "title": f"Ponder {EVIL}", "description": EVIL, "subtasks": steps}
        return {"title": f"Draft {EVIL}", "phases": [{"name": EVIL, "tasks": [task]}]}

    def pages(self) -> list[str]:
        """Give an address of every page there is, made of the routes; some stand in two states."""
        with self._run.api() as api:
            tree: Any = api.get(f"/api/executions/{self.execution_id}/tasks").json()
        known = {
            "execution_id": self.execution_id,
            "plan_id": self.draft_id,
            "task_id": "t",
            "agent_id": self.agent_id,
            "item_id": tree["phases"][0]["tasks"][0]["subtasks"][0]["subtask_id"],
        }
        other_states = [
            f"/plans/{self.plan_id}",
            f"/plans/{self.plan_id}/start",
            f"/plans/{self.draft_id}?show=review",
        ]
        return [*addresses(known), *other_states]

    def clear_away(self) -> None:
        """Leave nothing that waits for anybody."""
        with self._run.api() as api:
            cancel = {"status": "CANCELLED"}
            api.patch(f"/api/executions/{self.execution_id}", json=cancel).raise_for_status()
            api.delete(f"/api/plans/{self.draft_id}").raise_for_status()


NO_PAGES = {"static", "dashboard.asset", "dashboard.home", "dashboard.sign_in"}
QUERIES: dict[str, dict[str, Any]] = {"dashboard.compare": {"from": 1, "to": 1}}
READY = {"READY", "NEEDS_REVIEW"}


@pytest.fixture(scope="module")
def evil(run: Serving) -> Iterator[Evil]:
    """Made once for all tests here."""
    made = Evil(run)
    yield made
    made.clear_away()


def addresses(known: dict[str, str]) -> Iterator[str]:
    """Build an address for each page that can be asked for, and for each of its choices."""
    site = Flask("site")
    site.register_blueprint(create_blueprint(FakeServices()))
    router = site.url_map.bind("")
    for rule in site.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in NO_PAGES:
            continue
        choices = [
            [(name, one) for one in getattr(rule._converters[name], "items", [known.get(name)])]
            for name in sorted(rule.arguments)
        ]
        for chosen in itertools.product(*choices):
            yield router.build(rule.endpoint, dict(chosen) | QUERIES.get(rule.endpoint, {}))


def troubles(page: Page) -> dict[str, list[str]]:
    """Ask axe for what is serious, in light and in dark, and whether anything sticks out."""
    page.evaluate(AXE)
    found = {"light": page.evaluate(ASK_AXE, None)}
    page.emulate_media(color_scheme="dark")
    found["dark"] = page.evaluate(ASK_AXE, ["color-contrast"])
    page.set_viewport_size(SMALLEST)
    width = page.evaluate("document.documentElement.scrollWidth")
    found["wider than a phone"] = [] if width <= SMALLEST["width"] else [str(width)]
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    return {what: told for what, told in found.items() if told}


def test_every_page_is_accessible_fits_a_phone_and_runs_nothing_foreign(
    visit: Visit, evil: Evil
) -> None:
    # Colours on their way from one scheme to the other are nobody's.
    visit.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    visit.open("/sign-in")
    found = {"/sign-in": troubles(visit.page)}
    visit.sign_in("/executions")
    for path in evil.pages():
        answer = visit.page.request.get(evil.url + path)
        assert answer.ok, path
        if "<html" not in answer.text():
            continue  # A part that scripts put into a page.
        visit.open(path)
        visit.assert_clean()
        found[path] = troubles(visit.page)
    visit.open("/nowhere")
    expect(visit.page.get_by_role("heading")).to_have_text("This page does not exist")
    found["/nowhere"] = troubles(visit.page)

    wrong = {path: told for path, told in found.items() if told}
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.parametrize(
    "deed",
    [
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
        "document.body.insertAdjacentHTML('beforeend', '<img src=//elsewhere.invalid/x.png>')",
        "document.body.insertAdjacentHTML('beforeend', '<p style=color:red>x</p>')",
    ],
)
def test_violation_of_the_policy_is_noticed(visit: Visit, deed: str) -> None:
    visit.open("/sign-in")
    visit.assert_clean()
    visit.page.evaluate(f"() => {{ {deed} }}")
    visit.page.wait_for_function("window.violations.length > 0")

    with pytest.raises(AssertionError):
        visit.assert_clean()


def test_keys_lead_through_items_to_places_and_to_their_own_list(visit: Visit, evil: Evil) -> None:
    visit.sign_in("/agents")
    page = visit.page
    # Pressed before the scripts have come, a key does nothing.
    page.locator("html.scripted").wait_for()
    items = page.locator("[data-item]")

    page.keyboard.press("j")
    expect(items.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(items.nth(0)).to_be_focused()

    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Evil {EVIL}")
    page.locator("html.scripted").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page).to_have_url(re.compile("/settings$"))
    page.get_by_label("Name of another key").focus()
    page.keyboard.type("jk?")
    expect(page.get_by_label("Name of another key")).to_have_value("jk?")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Name of another key")).not_to_be_focused()
    visit.assert_clean()


def test_skip_link_is_first_and_leads_past_the_navigation(visit: Visit) -> None:
    visit.sign_in("/plans")
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Plans")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="Skip to content")).to_be_focused()
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_role("main")).to_be_focused()


def test_inbox_is_counted_in_the_title(visit: Visit, evil: Evil) -> None:
    visit.sign_in("/settings")
    expect(visit.page).to_have_title(re.compile(r"^\(\d+\) Settings"))


def test_agent_is_added_paused_and_deleted(visit: Visit) -> None:
    visit.sign_in("/agents/new")
    page = visit.page
    page.get_by_label("Name").fill("Passing guest")
    page.get_by_label("Actions it performs").fill("noop")
    page.get_by_role("button", name="Add the agent").click()
    expect(page.locator("#new-key")).to_have_text(re.compile("^ax_agent_"))

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("main")).to_contain_text("nothing new is handed to it")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete the agent").click()
    expect(page).to_have_url(re.compile("/agents$"))
    expect(page.get_by_role("main")).not_to_contain_text("Passing guest")
    visit.assert_clean()
