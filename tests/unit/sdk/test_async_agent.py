"""The asyncio face: the same protocol, in one thread."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import planexe_agent
import pytest
from planexe_agent import AsyncAgent, AsyncTask, Outbox, Stopped, Unauthorized, Wait, run_all
from tests.unit.sdk.conftest import QUICK
from tests.unit.sdk.protocol_server import USER_KEY, Fault, ProtocolServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    MakeAgent = Callable[..., AsyncAgent]

EVENTS = "/events"
WORK = "/work"
SOURCE = Path(planexe_agent.__file__).parents[1]
SCRIPT = """
import asyncio, sys
from planexe_agent import AsyncAgent
agent = AsyncAgent(sys.argv[1], "user-key", name="Larry", outbox=None)
@agent.action("greet")
async def greet(task):
    await task.progress(1)
    if await task.wait(60):
        return {"reason": task.stop_reason}
asyncio.run(agent.run())
print("ended")
"""


class Running:
    """Agents that run in a loop of their own, in a thread; ``error`` is what ended them."""

    def __init__(self, *agents: AsyncAgent) -> None:
        self.agents = agents
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        for agent in self.agents:
            agent.stop()
        self.wait()

    def wait(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive(), "the agents did not end"

    def _run(self) -> None:
        try:
            asyncio.run(run_all(self.agents))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start_some(*agents: AsyncAgent) -> Running:
        started.append(Running(*agents))
        return started[-1]

    yield start_some
    for each in started:
        each.end()


@pytest.fixture
def make_agent(server: ProtocolServer) -> MakeAgent:
    def make(**settings: Any) -> AsyncAgent:
        defaults = {"agent_id": "larry", "backoff": QUICK, "outbox": None}
        return AsyncAgent(server.url, USER_KEY, **{**defaults, **settings})

    return make


@pytest.fixture
def greeter(make_agent: MakeAgent) -> AsyncAgent:
    agent = make_agent()
    agent.action("greet")(_greet)
    return agent


async def _greet(task: AsyncTask) -> dict[str, Any]:
    return {"greeting": f"hello {task.task_id}"}


Start = Callable[..., Running]


def test_each_task_costs_one_round_trip(
    server: ProtocolServer, greeter: AsyncAgent, start: Start
) -> None:
    for number in range(50):
        server.add_task(f"t{number}")
    running = start(greeter)
    server.wait_for_event("task_complete", "t49")
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) == 2, "a poll after the last")
    assert len(server.requests) == 50 + 3
    assert [event["task_id"] for event in server.events] == [f"t{n}" for n in range(50)]
    running.end()
    assert running.error is None


def test_slots_perform_tasks_side_by_side(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, together = make_agent(max_concurrent_tasks=3), []

    @agent.action("greet")
    async def greet(task: AsyncTask) -> None:
        together.append(asyncio.get_running_loop().create_future())
        if len(together) == 3:
            for each in together:
                each.set_result(None)
        await together[0]

    for number in range(3):
        server.add_task(f"t{number}")
    start(agent)
    for number in range(3):
        server.wait_for_event("task_complete", f"t{number}")


def test_ends_of_async_actions_are_told_as_those_of_plain_ones(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent()
    ends = {"t1": Wait("no reply", 60), "t2": ValueError("broken")}

    @agent.action("greet")
    async def greet(task: AsyncTask) -> None:
        raise ends[task.task_id]

    server.add_task("t1")
    server.add_task("t2")
    start(agent)
    assert server.wait_for_event("task_blocked", "t1")["retry_after_seconds"] == 60
    assert server.wait_for_event("task_error", "t2")["error_message"] == "broken"


def test_progress_notes_and_usage_arrive(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent()

    @agent.action("greet")
    async def greet(task: AsyncTask) -> None:
        await task.progress(30, "on it")
        await task.note("a line")
        task.usage("m", input_tokens=3)

    server.add_task("t1")
    start(agent)
    done = server.wait_for_event("task_complete", "t1")
    assert done["usage"] == {"model": "m", "input_tokens": 3, "output_tokens": 0, "cost_usd": 0.0}
    kinds = [event["event_type"] for event in server.events]
    assert kinds == ["task_progress", "note", "task_complete"]


@pytest.mark.parametrize("fault", [Fault("POST", EVENTS, drop=True), Fault("POST", EVENTS, 503)])
def test_result_is_sent_until_it_is_answered(
    server: ProtocolServer, greeter: AsyncAgent, start: Start, fault: Fault
) -> None:
    fault.times = 3
    server.faults.append(fault)
    server.add_task("t1")
    server.add_task("t2")
    start(greeter)
    server.wait_for_event("task_complete", "t2")
    bodies = [each.body for each in server.requests_to("POST", EVENTS)]
    assert bodies[0] == bodies[1] == bodies[2] == bodies[3]
    assert [event["task_id"] for event in server.events] == ["t1", "t2"]


def test_quiet_action_hears_of_the_loss_of_its_lease(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, reasons = make_agent(heartbeat_seconds=0.02), []

    @agent.action("greet")
    async def greet(task: AsyncTask) -> None:
        if task.task_id == "t1":
            await task.progress(30)
            assert await task.wait(10)
            reasons.append(task.stop_reason)
            raise Stopped

    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_progress", "t1")
    server.pass_lease_on("t1")
    server.add_task("t2")
    server.wait_for_event("task_complete", "t2")
    assert reasons == ["lost"]
    assert server.events_of("task_complete", "t1") == []


def test_stop_lets_the_running_action_finish_and_claims_no_more(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, reasons = make_agent(), []

    @agent.action("greet")
    async def greet(task: AsyncTask) -> None:
        agent.stop()
        assert await task.wait(10)
        reasons.append(task.stop_reason)

    server.add_task("t1")
    server.add_task("t2")
    running = start(agent)
    server.wait_for_event("task_complete", "t1")
    running.wait()
    assert reasons == ["stopping"]
    assert [event["task_id"] for event in server.events] == ["t1"]


def test_action_still_running_at_the_end_of_its_time_is_cancelled_and_given_back(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, cancelled = make_agent(stop_seconds=0.05), []

    @agent.action("greet")
    async def greet(task: AsyncTask) -> None:
        agent.stop()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(task.task_id)
            raise

    server.add_task("t1")
    running = start(agent)
    running.wait()
    assert cancelled == ["t1"]
    [given_back] = server.events
    assert (given_back["error_type"], given_back["retry_after_seconds"]) == ("agent_stopped", 0)


def test_result_that_did_not_arrive_is_sent_by_the_next_run(
    server: ProtocolServer, make_agent: MakeAgent, start: Start, tmp_path: Path
) -> None:
    performed: list[str] = []

    def greeter() -> AsyncAgent:
        agent = make_agent(outbox=tmp_path / "outbox.db", stop_seconds=0.05)

        @agent.action("greet")
        async def greet(task: AsyncTask) -> None:
            performed.append(task.task_id)

        return agent

    server.faults.append(Fault("POST", EVENTS, status=503, times=1_000_000))
    server.add_task("t1")
    running = start(greeter())
    server.wait_for(lambda: server.requests_to("POST", EVENTS), "the report")
    running.end()
    server.faults.clear()
    start(greeter())
    server.wait_for_event("task_complete", "t1")
    assert performed == ["t1"]


def test_many_agents_work_over_one_outbox(
    server: ProtocolServer, make_agent: MakeAgent, start: Start, tmp_path: Path
) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    agents = [make_agent(agent_id=f"a{number}", outbox=outbox) for number in range(20)]
    for agent in agents:
        agent.action("greet")(_greet)
    running = start(*agents)
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) == 20, "all polls")
    for number in range(40):
        server.add_task(f"t{number}")
    server.wait_for(lambda: len(server.events) == 40, "all tasks done")
    running.end()
    assert running.error is None
    assert [kept for agent in agents for kept in outbox.unsent(agent._agent_id)] == []
    outbox.close()


def test_refused_agent_ends_all_with_a_clear_error(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agents = [make_agent(agent_id=name) for name in ("larry", "moe")]
    for agent in agents:
        agent.action("greet")(_greet)
    server.faults.append(Fault("GET", "/moe/work", status=401))
    running = start(*agents)
    running.wait()
    assert isinstance(running.error, Unauthorized)


def test_agent_that_waits_for_its_server_ends_promptly(make_agent: MakeAgent, start: Start) -> None:
    agent = make_agent()
    agent._url = "http://127.0.0.1:9"  # nothing listens there
    agent.action("greet")(_greet)
    running = start(agent)
    running.end()
    assert running.error is None


def test_agent_can_run_again(server: ProtocolServer, greeter: AsyncAgent, start: Start) -> None:
    for number in range(2):
        server.add_task(f"t{number}")
        running = start(greeter)
        server.wait_for_event("task_complete", f"t{number}")
        running.end()


def test_plain_function_is_refused_at_once(make_agent: MakeAgent) -> None:
    with pytest.raises(ValueError, match="greet: needs an async function"):
        make_agent().action("greet")(lambda _task: None)


def test_process_finishes_its_action_on_sigterm(server: ProtocolServer) -> None:
    server.add_task("t1")
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, server.url],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    server.wait_for_event("task_progress", "t1")
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=10)
    assert (process.returncode, told) == (0, "ended\n")
    [done] = server.events_of("task_complete", "t1")
    assert done["output_data"] == {"reason": "stopping"}


def test_action_that_cancels_itself_is_an_error_of_the_task_and_not_the_end_of_the_agent(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent()

    @agent.action("greet")
    async def greet(task: AsyncTask) -> str:
        if task.task_id == "t1":
            raise asyncio.CancelledError
        return "hello"

    server.add_task("t1")
    server.add_task("t2")
    start(agent)
    assert (
        server.wait_for_event("task_error", "t1")["error_message"] == "the action cancelled itself"
    )
    server.wait_for_event("task_complete", "t2")
