"""Pictures of every page, from a real run with a story: run by ``scripts/screenshots``."""

import argparse
import json
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from config.settings import PROJECT

from .browsing import CHROMIUM, QUIET
from .running import Serving, folder, serving, until

IMAGES: Final = PROJECT / "docs" / "images"
DEMO: Final = PROJECT / "examples" / "demo_plan.json"
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
CREW: Final[list[dict[str, Any]]] = [
    {
        "agent_id": "larry",
        "name": "Larry",
        "role": "Does the legwork",
        "capabilities": ["*"],
        "max_concurrent_tasks": 3,
    },
    {
        "agent_id": "ada",
        "name": "Ada",
        "role": "Reads, compares, writes",
        "capabilities": ["research", "analyse", "write_document"],
    },
    {"agent_id": "press", "name": "Label press", "role": "Prints", "capabilities": ["print"]},
]
UNDER_WAY: Final[dict[str, dict[str, Any]]] = {
    "Catalogue the tools": {
        "event_type": "task_progress",
        "progress_percent": 60,
        "message": "12 of 20 tools have a page.",
    },
    "Check each tool's safety": {
        "event_type": "task_blocked",
        "message": "Waiting for Marie's callback about the two drills.",
        "retry_after_seconds": 2400,
    },
}
STUCK: Final[dict[str, dict[str, Any]]] = {
    "Write ten questions": {
        "event_type": "task_error",
        "error_type": "permanent",
        "error_message": "The parish asks for the questions in two languages. Which ones?",
        "suggestions": ["English and Danish", "Ask the parish office"],
    },
}
DRAFT: Final[dict[str, Any]] = {
    "title": "Hold a repair café every month",
    "goal": "Mend what would be thrown away, and meet the neighbours.",
    "final_deliverable": "Three evenings held, with a plan for the year",
    "risks": [{"description": "Too few menders come", "mitigation": "Ask the technical school"}],
    "phases": [
        {
            "name": "First evening",
            "tasks": [
                {
                    "task_id": "menders",
                    "title": "Win five menders",
                    "description": "Ask the technical school and the bicycle shop. Agree on dates.",
                    "estimated_hours": 8,
                    "subtasks": [
                        {"title": "Write to the technical school"},
                        {"title": "Talk to the bicycle shop"},
                        {"title": "Settle on the first date"},
                    ],
                },
                {
                    "task_id": "evening",
                    "title": "Hold the first evening",
                    "estimated_hours": 6,
                    "prerequisites": ["menders"],
                    "subtasks": [
                        {"title": "Set up tables and tools"},
                        {"title": "Write down what was mended"},
                    ],
                },
            ],
        }
    ],
}


class Cast:
    """The agents and the person of the story; they act over HTTP as everybody does."""

    def __init__(self, run: Serving) -> None:
        self.run = run
        self.user = run.api()
        self._agents: dict[str, httpx.Client] = {}
        for member in CREW:
            told = self._made(self.user.post("/api/agents", json=member))
            self._agents[member["agent_id"]] = run.api(told["api_key"])

    def import_plan(self, document: dict[str, Any]) -> str:
        """Import a plan; give its id once it is broken down."""
        plan_id: str = self._made(self.user.post("/api/plans", json=document))["plan_id"]
        path = f"/api/plans/{plan_id}"
        done = {"READY", "NEEDS_REVIEW"}
        until("it is broken down", lambda: self.user.get(path).json()["status"] in done, 60)
        return plan_id

    def start(self, plan_id: str) -> str:
        """Start a plan with Larry."""
        body = {"plan_id": plan_id, "agent_id": "larry"}
        return str(self._made(self.user.post("/api/executions", json=body))["execution_id"])

    def carry_on(self, execution_id: str, special: dict[str, dict[str, Any]]) -> None:
        """Do all there is, people's part too; a subtask of a special title ends as told."""
        while True:
            while task := self._take():
                event = special.get(task["title"], {"event_type": "task_complete"})
                self._report(execution_id, {"task_id": task["task_id"], **event})
            if special is STUCK or not self._answer_all(execution_id):
                return

    def pause(self, agent_id: str) -> None:
        """Give an agent no more work."""
        self._made(self.user.patch(f"/api/agents/{agent_id}", json={"status": "PAUSED"}))

    def look_in(self, agent_id: str) -> None:
        """Let an agent ask for work that there is none of."""
        self._agents[agent_id].get(f"/api/agents/{agent_id}/work").raise_for_status()

    def _take(self) -> Any:
        answer = self._agents["larry"].get("/api/agents/larry/work")
        return answer.json()["next_task"] if answer.status_code == httpx.codes.OK else None

    def _report(self, execution_id: str, event: dict[str, Any]) -> None:
        path = f"/api/executions/{execution_id}/events"
        self._made(self._agents["larry"].post(path, json=event))

    def _answer_all(self, execution_id: str) -> bool:
        base = f"/api/executions/{execution_id}"
        page: Any = self.user.get(f"{base}/blockers?status=OPEN").json()
        for one in page["items"]:
            if one["kind"] == "approval":
                path, body = (
                    f"{base}/blockers/{one['blocker_id']}/resolve",
                    {"resolution": "approve"},
                )
            elif one["kind"] == "human_task":
                path, body = (
                    f"{base}/tasks/{one['task_id']}/complete",
                    {"notes": "The parish hall is dry."},
                )
            else:
                continue
            self._made(self.user.post(path, json=body))
        return any(one["kind"] in ("approval", "human_task") for one in page["items"])

    def _made(self, answer: httpx.Response) -> Any:
        assert answer.is_success, answer.text
        return answer.json()


def tell_story(run: Serving) -> dict[str, str]:
    """Play it; give the address of each page by the name of its picture."""
    cast = Cast(run)
    demo = json.loads(DEMO.read_text())
    demo_id = cast.import_plan(demo)
    cast.carry_on(cast.start(demo_id), {})
    stuck_id = cast.start(cast.import_plan({**demo, "title": "Open a tool library in Valby"}))
    cast.carry_on(stuck_id, STUCK)
    under_way = cast.start(demo_id)
    cast.carry_on(under_way, UNDER_WAY)
    draft_id = cast.import_plan(DRAFT)
    cast.look_in("ada")
    cast.pause("press")
    return {
        "executions": "/executions",
        "execution": f"/executions/{under_way}",
        "timetable": f"/executions/{under_way}#timetable-title",
        "inbox": "/inbox",
        "plans": "/plans",
        "plan": f"/plans/{demo_id}",
        "start": f"/plans/{demo_id}/start",
        "review": f"/plans/{draft_id}/tasks/menders",
        "agents": "/agents",
        "agent": "/agents/larry",
        "settings": "/settings",
    }


def picture(page: Page, place: Path) -> None:
    """Take one, once everything has come and nothing moves."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.screenshot(path=place, animations="disabled", caret="hide")
    print(f"{place.relative_to(PROJECT)}  {place.stat().st_size // 1024} KB")


def take_all(browser: Browser, run: Serving, pages: dict[str, str], wanted: set[str]) -> None:
    """Take every page in every look."""
    for look, options in LOOKS.items():
        with browser.new_context(**options, reduced_motion="reduce") as context:
            page = context.new_page()
            page.goto(f"{run.url}/sign-in")
            if not wanted or "sign-in" in wanted:
                picture(page, IMAGES / f"sign-in-{look}.png")
            page.get_by_label("User key").fill(run.ready["user_key"])
            page.get_by_role("button", name="Sign in").click()
            for name, path in pages.items():
                if wanted and name not in wanted:
                    continue
                page.goto(run.url + path)
                page.locator("html.scripted").wait_for()
                picture(page, IMAGES / f"{name}-{look}.png")


def main() -> None:
    """Take the pictures that are named, or all."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", help="pages to take, as execution; all by default")
    wanted = set(parser.parse_args().names)
    assert CHROMIUM, "Chromium is not installed"
    IMAGES.mkdir(exist_ok=True)
    with folder() as path, serving(path, "--agent", "none", "--plan", str(DEMO)) as run:
        pages = tell_story(run.await_ready())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            take_all(browser, run, pages, wanted)
            browser.close()


if __name__ == "__main__":
    main()
