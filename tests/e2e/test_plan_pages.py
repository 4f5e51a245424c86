"""From a file to a running execution: plans in the browser, with and without script."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.unit.decomposer import samples

from .browsing import EVIL, Hand, Visit, needs_chromium
from .running import Serving, until

pytestmark = needs_chromium


def document(title: str) -> dict[str, Any]:
    """Write a plan: one task brings its steps, the other is so vague that it needs a review."""
    given = [
        {"subtask_id": "s", "title": f"Light the lamp {EVIL}", "action": "noop"},
        {"title": "Sing", "action": "sing", "requires_approval": True},
    ]
    tasks = [
        {"task_id": "t", "title": f"Lamp {EVIL}", "description": EVIL, "subtasks": given},
        {"task_id": "v", "title": f"Frobnicate {EVIL}", "description": f"Do it. {EVIL}"},
    ]
    return {
        "title": title,
        "goal": f"Ships find home {EVIL}",
        "final_deliverable": f"A lighthouse {EVIL}",
        "phases": [{"name": f"Build {EVIL}", "tasks": tasks}],
        "risks": [{"description": f"Storm {EVIL}", "mitigation": f"Ropes {EVIL}"}],
        "roles_required": [f"Keeper {EVIL}"],
        "dependencies": [{"from": f"gone {EVIL}", "to": "v"}],
    }


@pytest.fixture
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A plan as a file, with a title of its own."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document(f"Tower of {request.node.name} {EVIL}")))
    return path


def title_of(file: Path) -> str:
    """Give the title of the plan in a file."""
    return str(json.loads(file.read_text())["title"])


def drop(page: Page, name: str, content: str) -> None:
    """Drop a file on the page, as from a folder."""
    page.evaluate(
        """([name, content]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([content], name));
          for (const kind of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(
              new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [name, content],
    )


def test_plan_goes_from_a_dropped_file_to_a_started_execution(
    visit: Visit, hand: Hand, file: Path
) -> None:
    visit.sign_in("/plans")
    page = visit.page
    page.locator("#upload[data-ready]").wait_for()
    drop(page, "plan.json", file.read_text())

    expect(page.get_by_role("heading", level=1)).to_have_text(title_of(file))
    page.get_by_role("link", name="Review 1 task").click()
    row = page.get_by_role("article")
    expect(row.get_by_role("heading", level=3)).to_contain_text("Frobnicate")
    row.get_by_role("checkbox").uncheck()
    approve = page.get_by_role("button", name="Approve the chosen")
    expect(approve).to_be_disabled()
    row.get_by_role("checkbox").check()
    visit.assert_clean()
    approve.click()
    expect(page.get_by_role("status").first).to_contain_text("Approved 1 breakdown.")

    page.get_by_role("link", name="Start…").click()
    expect(page.get_by_role("main")).to_contain_text("1 step asks for your approval")
    choice = page.locator(".option").filter(has=page.locator(f"[value='{hand.agent_id}']"))
    expect(choice).to_contain_text("sing")
    page.locator("[value=simulated]").check()
    page.get_by_label("In written order").check()
    visit.assert_clean()
    page.get_by_role("button", name="Start execution").click()
    expect(page.get_by_text("Execution started.")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(title_of(file))
    visit.assert_clean()


def test_file_that_is_no_plan_is_refused_with_its_places(visit: Visit) -> None:
    visit.sign_in("/plans")
    page = visit.page
    page.locator("#upload[data-ready]").wait_for()
    page.evaluate("window.marked = true")

    bad = {"title": "T", "phases": [{"name": "A", "tasks": [{"title": 7, EVIL: 1}]}]}
    drop(page, f"{EVIL}.json", json.dumps(bad))

    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("The plan was not taken")
    expect(refusal.locator(".faults code").first).to_contain_text("phases[0].tasks[0]")
    visit.assert_not_reloaded()
    # The browser itself tells the console of a 422.
    visit.complaints = [one for one in visit.complaints if "422" not in one]
    visit.assert_clean()


def test_plan_is_uploaded_found_reviewed_and_started_without_script(
    browser: Browser, run: Serving, hand: Hand, file: Path
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{run.url}/plans")
        page.get_by_label("User key").fill(run.ready["user_key"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Upload a plan").set_input_files(file)
        page.get_by_role("button", name="Upload", exact=True).click()
        review = page.get_by_role("link", name="Review 1 task")
        review.wait_for()  # The page loads itself anew until the plan is broken down.
        address = page.url

        page.goto(f"{run.url}/plans?status=NEEDS_REVIEW")
        page.get_by_label("Search plans").fill("started_without")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".row-title")).to_have_text([title_of(file)])

        page.goto(address)
        review.click()
        page.get_by_role("button", name="Approve the chosen").click()
        page.get_by_role("link", name="Start…").click()
        page.locator(f"[value='{hand.agent_id}']").check()
        page.get_by_role("button", name="Start execution").click()
        expect(page.get_by_role("main")).to_contain_text(title_of(file))
        assert "/executions/exec_" in page.url


def refused_plan(run: Serving) -> str:
    """Import a PlanExe run whose redline says no, and accept its breakdowns."""
    data = samples.packed(samples.run(redline_gate={"verdict": "REFUSE"}))
    with run.api() as api:
        path = "/api/plans"
        plan_id: str = api.post(path, files={"file": ("run.zip", data)}).json()["plan_id"]
        path = f"{path}/{plan_id}"
        until("it is broken down", lambda: api.get(path).json()["status"] == "REFUSED")
        for phase in api.get(f"{path}/tasks").json()["phases"]:
            for task in phase["tasks"]:
                api.post(f"{path}/tasks/{task['task_id']}/approve").raise_for_status()
    return plan_id


def test_refused_plan_is_started_only_with_a_reason(visit: Visit, run: Serving, hand: Hand) -> None:
    visit.sign_in(f"/plans/{refused_plan(run)}")
    page = visit.page
    expect(page.get_by_role("heading", name="Its own gates say no")).to_be_visible()
    page.get_by_role("link", name="Start…").click()
    page.locator(f"[value='{hand.agent_id}']").check()

    page.get_by_role("button", name="Override and start").click()
    assert page.url.endswith("/start")  # The browser asks for the reason.
    page.get_by_label("Why the redline does not hold").fill(f"A lawyer looked at it {EVIL}")
    page.get_by_role("button", name="Override and start").click()
    expect(page.get_by_text("Execution started.")).to_be_visible()
    visit.assert_clean()
