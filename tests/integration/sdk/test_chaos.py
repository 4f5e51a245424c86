"""Agents of the SDK in trouble: each action ran once or was told so, each result arrived once."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from planexe_agent import Agent, AsyncAgent, AsyncTask, Backoff, Outbox, Task

from app.domain.events import EventType
from app.services.identity import Principal

from ..stage import Stage, TurnedClock, plan_document, wait_until, wide_plan
from .conftest import Site

QUICK = Backoff(0.005, 0.05)
TROUBLES = ("passed", "lost", "unheard", "twice", "failed", "away", "busy")
SUBTASKS = 16


class Effects:
    """What actions did to the world."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def plain(self, task: Task) -> dict[str, str]:
        """Have an effect."""
        self.of[task.task_id] += 1
        return {"done": task.task_id}

    async def on_loop(self, task: AsyncTask) -> dict[str, str]:
        """Have an effect, on asyncio."""
        self.of[task.task_id] += 1
        return {"done": task.task_id}


class Run:
    """An agent at work in a thread."""

    def __init__(self, agent: Agent | AsyncAgent) -> None:
        self._agent = agent
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        """Stop it and wait."""
        self._agent.stop()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the agent does not end"

    def _run(self) -> None:
        if isinstance(self._agent, AsyncAgent):
            asyncio.run(self._agent.run())
        else:
            self._agent.run()


Start = Callable[..., Run]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
def start(site: Site, owner_key: str, effects: Effects, path: Path) -> Iterator[Start]:
    """Start the agent larry, plain or on asyncio; it ends with the test."""
    runs: list[Run] = []

    def start_one(kind: type[Agent | AsyncAgent] = Agent, **settings: Any) -> Run:
        settings = {"outbox": path, "backoff": QUICK, **settings}
        agent = kind(site.url, owner_key, agent_id="larry", **settings)
        agent.action("noop")(effects.plain if kind is Agent else effects.on_loop)
        runs.append(Run(agent))
        return runs[-1]

    yield start_one
    for run in runs:
        run.end()


@pytest.fixture
def larry(stage: Stage) -> Principal:
    return stage.agent(agent_id="larry")


def completions(stage: Stage, execution_id: str) -> list[dict[str, Any]]:
    """List the completions of the log."""
    page = stage.services.history.page(
        stage.workspace_id, execution_id, event_type=EventType.TASK_COMPLETE, limit=1000
    )
    return page.items


def wait_for_end(stage: Stage, execution_id: str) -> None:
    """Wait until all is done."""
    ended = lambda: stage.status(execution_id) == "COMPLETED"  # noqa: E731
    wait_until("the execution is complete", ended, seconds=30)


def tried_to_report(site: Site) -> bool:
    """Tell whether a report was sent into the trouble."""
    return sum(site.trouble.seen.values()) > 0


def unsent(path: Path) -> list[str]:
    """Name the subtasks whose results wait in an outbox that nobody has open."""
    outbox = Outbox(path)
    try:
        return [kept.task_id for kept in outbox.unsent("larry")]
    finally:
        outbox.close()


@pytest.mark.parametrize(("kind", "slots"), [(Agent, 4), (AsyncAgent, 1)])
def test_everything_is_done_once_whatever_happens_to_reports(
    stage: Stage,
    site: Site,
    start: Start,
    effects: Effects,
    path: Path,
    kind: type[Agent | AsyncAgent],
    slots: int,
) -> None:
    larry = stage.agent(agent_id="larry", max_concurrent_tasks=slots)
    site.trouble.kinds = TROUBLES
    execution_id = stage.execution(larry, wide_plan(SUBTASKS))
    run = start(kind, max_concurrent_tasks=slots)
    wait_for_end(stage, execution_id)
    site.trouble.kinds = ()
    run.end()

    done = completions(stage, execution_id)
    assert Counter(event["task_id"] for event in done) == effects.of
    assert set(effects.of.values()) == {1}
    assert len(done) == SUBTASKS
    assert {event["attempt"] for event in done} == {1}
    assert set(site.trouble.seen) == set(TROUBLES)
    assert unsent(path) == []
    assert stage.services.verification.verify(stage.workspace_id, execution_id).ok


def test_agent_killed_between_action_and_report_reports_when_it_is_back(
    stage: Stage, site: Site, larry: Principal, start_process: Any, tmp_path: Path
) -> None:
    execution_id = stage.execution(larry)
    site.trouble.kinds = ("away",)
    first = start_process()
    wait_until("the agent tried to report", lambda: tried_to_report(site))
    first.kill()
    first.wait()
    assert completions(stage, execution_id) == []
    assert unsent(tmp_path / "outbox.db") == ["t0s0"]

    site.trouble.kinds = ()
    start_process()
    wait_for_end(stage, execution_id)
    assert [event["task_id"] for event in completions(stage, execution_id)] == [
        "t0s0",
        "t0s1",
        "t1s0",
        "t1s1",
    ]
    assert set(Counter(one["task_id"] for one in effects_of(tmp_path)).values()) == {1}


def test_agent_killed_between_effect_and_outbox_is_told_of_the_redelivery(
    stage: Stage, larry: Principal, start_process: Any, tmp_path: Path
) -> None:
    execution_id = stage.execution(larry, plan_document(1, 1))
    assert start_process("die").wait(20) == -9
    start_process()
    wait_for_end(stage, execution_id)
    first, second = effects_of(tmp_path)
    assert (first["attempt"], first["redelivered"]) == (1, False)
    assert (second["attempt"], second["redelivered"]) == (1, True)
    assert first["idempotency_key"] == second["idempotency_key"]
    assert len(completions(stage, execution_id)) == 1


def effects_of(folder: Path) -> list[dict[str, Any]]:
    """Read what the processes did."""
    return [json.loads(line) for line in (folder / "effects").read_text().splitlines()]


@pytest.mark.parametrize("kind", [Agent, AsyncAgent])
def test_server_may_go_away_while_an_agent_works(
    stage: Stage,
    site: Site,
    larry: Principal,
    start: Start,
    effects: Effects,
    kind: type[Agent | AsyncAgent],
) -> None:
    site.trouble.kinds = ("unheard",)
    execution_id = stage.execution(larry)
    start(kind)
    wait_until("the agent tried to report", lambda: tried_to_report(site))
    site.stop()
    site.trouble.kinds = ()
    site.start()
    wait_for_end(stage, execution_id)
    assert len(completions(stage, execution_id)) == 4
    assert set(effects.of.values()) == {1}


def test_result_kept_for_days_serves_the_attempt_that_follows(
    stage: Stage,
    site: Site,
    larry: Principal,
    start: Start,
    effects: Effects,
    clock: TurnedClock,
) -> None:
    site.trouble.kinds = ("away",)
    execution_id = stage.execution(larry, plan_document(1, 1))
    run = start(stop_seconds=0.05)
    wait_until("the agent tried to report", lambda: tried_to_report(site))
    run.end()
    clock.advance(minutes=20)
    stage.services.upkeep.sweep(stage.workspace_id)
    assert stage.subtask(execution_id, "t0s0")["status"] == "RETRYING"
    clock.advance(hours=2)
    stage.services.upkeep.sweep(stage.workspace_id)

    site.trouble.kinds = ()
    start()
    wait_for_end(stage, execution_id)
    [done] = completions(stage, execution_id)
    assert done["attempt"] == 2
    assert "not performed again" in done["message"]
    assert effects.of == {"t0s0": 1}


def test_result_for_an_execution_that_ended_meanwhile_is_settled_with_what_the_server_said(
    stage: Stage, site: Site, larry: Principal, start: Start, path: Path
) -> None:
    site.trouble.kinds = ("away",)
    execution_id = stage.execution(larry, plan_document(1, 1))
    run = start(stop_seconds=0.05)
    wait_until("the agent tried to report", lambda: tried_to_report(site))
    run.end()
    change = {"status": "CANCELLED", "reason": "no longer wanted"}
    stage.services.executions.control(stage.owner, execution_id, change)

    site.trouble.kinds = ()
    other = stage.execution(larry, plan_document(1, 1))
    run = start()
    wait_for_end(stage, other)
    run.end()
    assert completions(stage, execution_id) == []
    assert unsent(path) == []
    outbox = Outbox(path)
    said = [kept.said for kept in outbox._index.values()]
    outbox.close()
    assert len(said) == 1
    assert "execution" in str(said[0]).lower()


def test_lease_of_a_stopped_agent_is_another_attempt_at_once(
    stage: Stage, site: Site, larry: Principal, owner_key: str
) -> None:
    execution_id = stage.execution(larry, plan_document(1, 1))
    agent = Agent(site.url, owner_key, agent_id="larry", outbox=None, stop_seconds=0.05)
    began, gate = threading.Event(), threading.Event()

    @agent.action("noop")
    def noop(_task: Task) -> None:
        began.set()
        gate.wait(20)

    run = Run(agent)
    assert began.wait(20)
    run.end()
    gate.set()
    stage.services.upkeep.sweep(stage.workspace_id)
    work = stage.poll(larry)
    assert work
    assert (work["next_task"]["attempt"], work["next_task"]["redelivered"]) == (2, False)
    assert work["next_task"]["context"]["last_error"]["error_type"] == "agent_stopped"
    assert stage.status(execution_id) == "RUNNING"
