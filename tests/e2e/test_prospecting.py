"""The prospecting scenario, from its plan to its report; every number is read from the log."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import larry.world
import pytest
from larry.ports import Message
from larry.world.people import read_breeders

from app.commands.up import PLANS, larry_settings
from app.commands.upload import read_upload
from tests.mail_servers import IS_SKIPPED, MailServers, answer_to, running_mail_servers

from .running import Serving, folder, serving

SPEED = 48_000
MAIL_SPEED = 16_000
"""Real mail takes real time, which is a part of the two days that replies are waited for."""

PEOPLE = Path(larry.world.__file__).with_name("hill_country.toml")
THIRD = "Wait for a reply from the interested breeders who have not answered"
REACHED = {
    "prospects": (50, 23),
    "qualified": (10, 10),
    "calls": (5, 5),
    "interested": (3, 3),
    "closed": (3, 2),
    "revenue": (24_000, 15_000),
}


def test_scenario_is_played_to_its_end_and_its_report_tells_each_number() -> None:
    with folder() as path:
        options = ("--auto-approve", "--speed", str(SPEED))
        with serving(path, "--once", *options) as once:
            code = once.process.wait(timeout=100)
            assert code == 0, once.said()
            assert "COMPLETED: Herd book: the first three customers" in once.said()
            assert "tasks     12 of 12" in once.said()
        with serving(path, "--agent", "none") as run:
            (execution,) = run.await_ready().executions()
            story = Story(run, execution["execution_id"])

    assert [len(phase["tasks"]) for phase in story.tree["phases"]] == [4, 4, 4]
    check_research(story)
    check_outreach(story)
    check_closing(story)
    check_third(story)
    assert story.outcomes().items() >= REACHED.items()
    assert story.outcomes()["human_minutes"] == (60, 5.0 * story.report["answers"])
    assert story.report["answers"] == len(story.approvals()) + 1


@pytest.mark.skipif(IS_SKIPPED, reason="Dovecot is not installed")
def test_same_plan_goes_by_real_mail_and_waits_for_its_owner_at_each_step(run: Serving) -> None:
    with (
        folder() as path,
        running_mail_servers() as mail,
        people_answer(mail),
        larry_lives(run, path, mail),
    ):
        owner = Owner(run)
        owner.approve("Call the top five breeders", tasks=4)
        owner.approve("Send a follow-up email", tasks=5)
        owner.approve("Email the breeders who answered about the quote", tasks=10)
        owner.approve("Email the first breeder who answered", tasks=10)
        owner.approve("Email the second breeder who answered", tasks=10)
        # All is done but the third contract, which the owner has to settle.
        owner.settle(THIRD, tasks=11)
        story = Story(run, owner.execution_id)

    check_research(story)
    check_outreach(story)
    check_closing(story)
    check_third(story)
    assert story.outcomes().items() >= REACHED.items()
    assert story.outcomes()["human_minutes"] == (60, 5 * 2.0 + 7)
    written = Counter(str(letter["To"]) for letter in mail.received)
    assert dict(written) == {
        "carol@campion-border-collies.example": 4,
        "ray@sister-creek-alpacas.example": 4,
        "marie@guadalupe-dachshunds.example": 1,
    }


def check_research(story: "Story") -> None:
    """15 queries in ten towns, 23 breeders, the ten best of them, Carol first."""
    searches = [title for title in story.titles if title.startswith("Locate")]
    assert len(searches) == 15
    assert len({title.partition(" near ")[2] for title in searches}) == 10
    assert story.result("Compile a table")["rows"] == 23
    scored = story.result("Work out which of them fit")
    assert (len(scored["rows"]), set(scored["counts"])) == (23, set("12345"))
    best = story.result("Catalogue the top ten")
    assert (best["rows"], best["first"][0]) == (10, "Carol Campion")


def check_outreach(story: "Story") -> None:
    """Five are called, three are interested, two of them answer and are interviewed."""
    called = story.result("Call the top five")
    assert len(called["calls"]) == 5
    assert called["interested"] == ["Carol Campion", "Ray Ortega", "Marie Dubose"]
    sent = story.result("Send a follow-up email")["sent"]
    assert [letter["name"] for letter in sent] == called["interested"]
    answered = story.result("Wait for 2 replies")
    texts = {reply["name"]: reply["text"] for reply in answered["replies"]}
    assert texts["Carol Campion"].startswith("Thursday 2 PM?")
    assert texts["Ray Ortega"].startswith("Let's talk")
    assert answered["silent"] == ["Marie Dubose"]
    invited = story.result("Schedule the interviews")["appointments"]
    assert len({one["starts_at"] for one in invited}) == 2
    assert story.result("Interview the breeders")["metrics"]["interviews"] == 2


def check_closing(story: "Story") -> None:
    """Each contract went out by an approval of its own, and came back signed."""
    for place, name, price in (("first", "Carol Campion", 8000), ("second", "Ray Ortega", 7000)):
        approved = story.resolutions(f"Email the {place} breeder who answered")
        assert [(one["actor"][:5], one["event_type"]) for one in approved] == [
            ("user:", "blocker_resolved")
        ]
        (reply,) = story.result(f"Wait for the answer of the {place} breeder")["replies"]
        assert (reply["name"], reply["deal"]) == (name, price)
        assert "in trade" in reply["text"]


def check_third(story: "Story") -> None:
    """Marie was looked for again and again, then her owner was asked."""
    events = story.events_of(THIRD)
    kinds = Counter(one["event_type"] for one in events)
    assert kinds["task_blocked"] >= 2
    assert kinds["task_dispatched"] == kinds["task_blocked"]
    asked = [one["message"] for one in events if one["event_type"] == "blocker_opened"]
    assert asked[-1] == "Waited in vain: No answer yet from Marie Dubose."
    assert events[-1]["event_type"] == "task_skipped"
    closed = next(one for one in story.report["blockers"] if one["message"] == asked[-1])
    assert closed["resolution"] == "skip"
    assert closed["resolved_by"].startswith("user:")


class Story:
    """An execution, as its log tells it."""

    def __init__(self, run: Serving, execution_id: str) -> None:
        with run.api() as api:
            path = f"/api/executions/{execution_id}"
            self.tree: dict[str, Any] = api.get(f"{path}/tasks").json()
            self.report: dict[str, Any] = api.get(f"{path}/report").json()
            self.events = list(pages(api, f"{path}/events"))
        assert self.report["status"] == "COMPLETED"
        tasks = [task for phase in self.tree["phases"] for task in phase["tasks"]]
        rows = [row for task in tasks for row in task["subtasks"]]
        self._ids = {row["title"]: row["subtask_id"] for row in rows}

    @property
    def titles(self) -> list[str]:
        """All subtasks' titles."""
        return list(self._ids)

    def events_of(self, title: str) -> list[dict[str, Any]]:
        """Give the events of the subtask whose title begins so."""
        (subtask_id,) = (known for one, known in self._ids.items() if one.startswith(title))
        return [one for one in self.events if one["task_id"] == subtask_id]

    def result(self, title: str) -> dict[str, Any]:
        """Give what the agent has reported of a subtask."""
        (done,) = (one for one in self.events_of(title) if one["event_type"] == "task_complete")
        found: dict[str, Any] = done["output_data"]
        return found

    def resolutions(self, title: str) -> list[dict[str, Any]]:
        """Give the answers to the blockers of a subtask."""
        return [one for one in self.events_of(title) if one["event_type"] == "blocker_resolved"]

    def approvals(self) -> list[dict[str, Any]]:
        """Give what was approved."""
        return [one for one in self.report["blockers"] if one["resolution"] == "approve"]

    def outcomes(self) -> dict[str, tuple[float | None, float | None]]:
        """Give targets and results by their metrics."""
        return {one["metric"]: (one["target"], one["result"]) for one in self.report["outcomes"]}


class Owner:
    """The person who imports the plan, starts it, and does one thing after the other."""

    def __init__(self, run: Serving) -> None:
        self._run = run
        self._api = run.api()
        name, content = read_upload(PLANS["larry"])
        plan = self._api.post("/api/plans", files={"file": (name, content)}).json()
        path = f"/api/plans/{plan['plan_id']}"
        run.until("no breakdown needs a review", lambda: self._get(path)["status"] == "READY")
        run.until("larry is there", lambda: self._api.get("/api/agents/larry").status_code == 200)
        body = {"plan_id": plan["plan_id"], "agent_id": "larry"}
        self.execution_id: str = self._api.post("/api/executions", json=body).json()["execution_id"]
        self._path = f"/api/executions/{self.execution_id}"

    def approve(self, title: str, tasks: int) -> None:
        """Wait until this is the one approval asked for, with so many tasks done; grant it."""
        self._answer("approval", title, tasks, {"resolution": "approve", "minutes": 2})

    def settle(self, title: str, tasks: int) -> None:
        """Wait until the owner is asked, with all else done; let it go, and all is complete."""
        answer = {"resolution": "skip", "message": "She may call us.", "minutes": 7}
        self._answer("human_input", title, tasks, answer)
        assert self._get(self._path)["status"] == "COMPLETED"
        self._api.close()

    def _answer(self, kind: str, title: str, tasks: int, answer: dict[str, Any]) -> None:
        def asked() -> list[dict[str, Any]]:
            if self._done() < tasks:
                return []
            found = self._get(f"{self._path}/blockers?status=OPEN")["items"]
            return [one for one in found if one["kind"] == kind]

        (blocker,) = self._run.until(f"{kind}: {title}", asked)
        assert blocker["task_title"].startswith(title)
        assert self._done() == tasks
        path = f"{self._path}/blockers/{blocker['blocker_id']}/resolve"
        assert self._api.post(path, json=answer).status_code == 200

    def _done(self) -> int:
        return int(self._get(self._path)["progress"]["tasks_completed"])

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._api.get(path).json()
        return found


@contextmanager
def larry_lives(run: Serving, path: Path, mail: MailServers) -> Generator[None]:
    """Have a Larry work who sends and gets real mail."""
    settings = {f"LARRY_{name.upper()}": text for name, text in mail.settings().items()}
    larry = subprocess.Popen(
        [sys.executable, "-m", "larry", "--url", run.url, "--speed", str(SPEED)],
        env={
            **os.environ,
            **larry_settings(path),
            **settings,
            "PLANEXE_KEY": run.ready["user_key"],
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        larry.terminate()
        larry.wait(timeout=10)


@contextmanager
def people_answer(mail: MailServers) -> Generator[None]:
    """Have the people of the world answer by mail, as late as they are, sped up."""
    world = larry.world.BreederWorld(read_breeders(PEOPLE), lambda _: "")
    waiting: list[threading.Timer] = []

    def on_letter(letter: EmailMessage) -> None:
        written = Message("", letter["From"], letter["To"], letter["Subject"], "")
        for answer in world.written_to(written):
            reply = answer_to(letter, answer.body)
            timer = threading.Timer(answer.delay_seconds / MAIL_SPEED, mail.deliver, [reply])
            waiting.append(timer)
            timer.start()

    mail.on_letter = on_letter
    yield
    for timer in waiting:
        timer.cancel()
        timer.join()


def pages(api: Any, path: str) -> Iterator[dict[str, Any]]:
    """Give all items of a list, page by page."""
    after = 0
    while items := api.get(f"{path}?limit=500&after={after}").json()["items"]:
        yield from items
        after = items[-1]["seq"]
