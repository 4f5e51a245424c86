"""The simulated agent, in a thread and as the process that one starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import planexe_agent
import pytest
from planexe_agent.simulated import SimulatedWork, main
from tests.unit.sdk.protocol_server import USER_KEY, ProtocolServer

if TYPE_CHECKING:
    from planexe_agent import Agent, Task
    from tests.unit.sdk.conftest import RunningAgent

    MakeAgent = Callable[..., Agent]
    Start = Callable[[Agent], RunningAgent]

SOURCE = Path(planexe_agent.__file__).parents[1]
TASKS = 227


def _process(server: ProtocolServer, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "planexe_agent.simulated", "--url", server.url, *options]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PLANEXE_KEY": USER_KEY}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_durations_are_plausible_and_the_same_again_for_the_same_seed() -> None:
    drawn = [SimulatedWork(seed=1).duration_seconds(f"t{number}") for number in range(100)]
    assert drawn == [SimulatedWork(seed=1).duration_seconds(f"t{number}") for number in range(100)]
    assert drawn[0] != SimulatedWork(seed=2).duration_seconds("t0")
    assert min(drawn) >= 2
    assert max(drawn) <= 20


def test_long_work_shows_progress_in_its_middle(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, began, work = make_agent(), threading.Event(), SimulatedWork(speed=1.0)

    @agent.action("*")
    def perform(task: Task) -> dict[str, Any]:
        began.set()
        return work.perform(task)

    server.add_task("t1", "dance", title="Dance")
    running = start(agent)
    assert began.wait(10)
    running.end()  # cuts the time short, not the result
    assert server.wait_for_event("task_progress", "t1")["progress_percent"] == 50
    output = server.wait_for_event("task_complete", "t1")["output_data"]
    assert output["simulated"] is True
    assert output["summary"].startswith("Dance: done")


def test_process_performs_a_whole_plan_in_seconds_and_ends_on_sigterm(
    server: ProtocolServer,
) -> None:
    for number in range(TASKS):
        server.add_task(f"t{number}", "perform_task", title=f"Task {number}")
    process = _process(server, "--speed", "1000", "--instance", "one", "--slots", "4")
    server.wait_for(lambda: len(server.events) == TASKS, "every task done")
    server.wait_for(lambda: len(server.requests_to("GET", "/work")) >= 8, "idle polls")
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    assert process.returncode == 0, log
    [capability] = server.agents["simulated"]["capabilities"]
    assert capability["action"] == "*"
    assert "imulated" in capability["description"]
    assert "supported_actions" not in server.requests_to("GET", "/work")[0].query


def test_killed_process_is_resumed_by_the_next_of_its_instance(server: ProtocolServer) -> None:
    server.add_task("t1", "perform_task")
    first = _process(server, "--speed", "1", "--instance", "one", "--slots", "1")
    server.wait_for(lambda: server.requests_to("GET", "/work"), "the first poll")
    server.wait_for(lambda: server.is_leased("t1"), "the lease")
    first.kill()
    first.communicate()
    second = _process(server, "--speed", "1000", "--instance", "one", "--slots", "1")
    server.wait_for_event("task_complete", "t1")
    second.terminate()
    second.communicate(timeout=10)


def test_unknown_key_ends_the_process_with_a_sentence(server: ProtocolServer) -> None:
    process = _process(server, "--key", "wrong")
    _, log = process.communicate(timeout=10)
    assert process.returncode == 1
    assert log.splitlines()[-1].startswith("simulated agent: POST /api/agents: 401")


@pytest.mark.parametrize("options", [[], ["--url", "http://x", "--speed", "0"]])
def test_wrong_options_are_named(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert "--url" in capsys.readouterr().err
