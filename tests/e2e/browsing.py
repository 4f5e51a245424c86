"""What the tests of pages have in common: a browser that complains, and an agent at command."""

import os
import re
import shutil
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

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


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true", reason="Chromium is not installed"
)


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
        violations = self.page.evaluate("window.violations")
        assert violations == [], violations
        assert self.page.evaluate("window.ran") is None, "markup of somebody's was run"
        assert self.complaints == [], self.complaints


class Hand:
    """An agent that does its work when the test says so, on a plan full of markup."""

    def __init__(self, run: Serving) -> None:
        self._run = run
        with run.api() as api:
            body = {"name": "Hand", "capabilities": ["noop"]}
            told: Any = api.post("/api/agents", json=body).json()
            self.agent_id, self.key = told["agent_id"], told["api_key"]
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
        with self._run.api(self.key) as api:
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

    def fail(self, message: str, **more: Any) -> None:
        """Take the next task and fail it."""
        with self._run.api(self.key) as api:
            task = api.get(f"/api/agents/{self.agent_id}/work").json()["next_task"]
            event = {"event_type": "task_error", "task_id": task["task_id"]}
            told = {"error_type": "network", "error_message": message, **more}
            path = f"/api/executions/{task['execution_id']}/events"
            assert api.post(path, json=event | told).status_code == 201

    def status(self, execution_id: str) -> str:
        """Ask the API."""
        with self._run.api() as api:
            return str(api.get(f"/api/executions/{execution_id}").json()["status"])


def percent(number: int) -> re.Pattern[str]:
    return re.compile(rf"^{number}\s%$")
