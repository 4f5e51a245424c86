"""An agent with an outbox: nothing is performed twice, nothing is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable

import pytest
from planexe_agent import Outbox, Task, Wait
from planexe_agent.agent import Default
from tests.unit.sdk.protocol_server import Fault, ProtocolServer

if TYPE_CHECKING:
    from pathlib import Path

    from planexe_agent import Agent
    from tests.unit.sdk.conftest import RunningAgent

    MakeAgent = Callable[..., Agent]
    Start = Callable[[Agent], RunningAgent]

EVENTS = "/events"
WORK = "/work"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


class Greeters:
    """Makes one agent after the other, with one outbox; knows what each performed."""

    def __init__(self, make_agent: MakeAgent, path: Path) -> None:
        self.performed: list[Task] = []
        self.ends: list[Any] = []
        self._make_agent, self._path = make_agent, path

    def __call__(self, **settings: Any) -> Agent:
        agent = self._make_agent(**{"outbox": self._path, "instance": "one", **settings})
        agent.action("greet")(self._greet)
        return agent

    def _greet(self, task: Task) -> dict[str, Any]:
        self.performed.append(task)
        if self.ends:
            raise self.ends.pop(0)
        return {"greeting": f"hello {task.task_id}"}


@pytest.fixture
def greeters(make_agent: MakeAgent, path: Path) -> Greeters:
    return Greeters(make_agent, path)


def _end_while_the_server_is_away(server: ProtocolServer, running: RunningAgent) -> None:
    server.wait_for(lambda: server.requests_to("POST", EVENTS), "the report")
    running.end()
    assert server.events == []
    server.faults.clear()


def _away(times: int = 1_000_000) -> Fault:
    return Fault("POST", EVENTS, status=503, times=times)


@pytest.mark.parametrize("instance", ["one", "two"])
def test_result_that_did_not_arrive_is_sent_by_the_next_run_and_not_performed_again(
    server: ProtocolServer, greeters: Greeters, start: Start, instance: str
) -> None:
    server.faults.append(_away())
    server.add_task("t1")
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    [sent, *_] = server.requests_to("POST", EVENTS)
    server.add_task("t2")
    start(greeters(instance=instance))
    server.wait_for_event("task_complete", "t2")
    assert [event["task_id"] for event in server.events] == ["t1", "t2"]
    assert server.events[0] == sent.body
    assert [task.task_id for task in greeters.performed] == ["t1", "t2"]


def test_result_of_an_earlier_run_brings_the_next_task_along(
    server: ProtocolServer, greeters: Greeters, start: Start
) -> None:
    server.faults.append(_away())
    server.add_task("t1")
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    server.add_task("t2")
    polls = len(server.requests_to("GET", WORK))
    start(greeters())
    server.wait_for_event("task_complete", "t2")
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) > polls, "the poll after")
    assert len(server.requests_to("GET", WORK)) == polls + 1


def test_redelivered_lease_whose_result_is_kept_is_not_performed_again(
    server: ProtocolServer, greeters: Greeters, start: Start
) -> None:
    server.faults.append(_away())
    server.add_task("t1")
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    # The result of the earlier run fails once more, so that the poll brings the lease first.
    server.faults.append(_away(times=1))
    start(greeters())
    server.wait_for_event("task_complete", "t1")
    assert len(greeters.performed) == 1


def test_success_of_an_attempt_that_came_too_late_serves_the_next(
    server: ProtocolServer, greeters: Greeters, start: Start
) -> None:
    server.faults.append(_away())
    server.add_task("t1", params={"to": "carol"})
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    server.pass_lease_on("t1")
    server.add_task("t1", params={"to": "carol"}, attempt=2, round=2)
    start(greeters())
    done = server.wait_for_event("task_complete", "t1")
    assert done["output_data"] == {"greeting": "hello t1"}
    assert "not performed again" in done["message"]
    assert len(greeters.performed) == 1


@pytest.mark.parametrize(
    ("ends", "again"),
    [
        ([], {"context": {"resolution": {"message": "once more"}}}),
        ([], {"params": {"to": "marie"}}),
        ([ValueError("no")], {}),
        ([Wait("no reply")], {"kind": "check"}),
    ],
    ids=["a person asked for it", "other params", "it failed", "it is a check"],
)
def test_next_attempt_is_performed_where_the_kept_result_does_not_serve(
    server: ProtocolServer,
    greeters: Greeters,
    start: Start,
    ends: list[Exception],
    again: dict[str, Any],
) -> None:
    greeters.ends = ends
    server.faults.append(_away())
    server.add_task("t1")
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    server.pass_lease_on("t1")
    server.add_task("t1", attempt=2, round=2, **again)
    start(greeters())
    server.wait_for_event("task_complete", "t1")
    assert len(greeters.performed) == 2


def test_result_of_an_ended_execution_is_told_once_and_kept_with_the_answer(
    server: ProtocolServer, greeters: Greeters, start: Start, path: Path
) -> None:
    server.faults.append(_away())
    server.add_task("t1")
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    server.pass_lease_on("t1")
    problem = {"type": "/api/problems/execution-ended", "title": "The execution has ended"}
    server.faults.append(Fault("POST", EVENTS, status=409, problem=problem))
    server.add_task("t2")
    running = start(greeters())
    server.wait_for_event("task_complete", "t2")
    running.end()
    outbox = Outbox(path)
    found = outbox.find("larry", greeters.performed[0])
    assert found is not None
    assert "The execution has ended" in (found.said or "")
    assert outbox.unsent("larry") == []
    outbox.close()


def test_result_that_one_server_fault_holds_up_does_not_hold_up_work(
    server: ProtocolServer, greeters: Greeters, start: Start
) -> None:
    server.faults.append(_away())
    server.add_task("t1")
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    server.pass_lease_on("t1")
    server.faults.append(_away(times=3))
    server.add_task("t2")
    start(greeters(poll_seconds=0.05))
    server.wait_for_event("task_complete", "t2")


def test_refused_result_of_an_earlier_run_does_not_end_the_agent(
    server: ProtocolServer, greeters: Greeters, start: Start, path: Path
) -> None:
    server.faults.append(_away())
    server.add_task("t1")
    _end_while_the_server_is_away(server, start(greeters(stop_seconds=0.05)))
    server.pass_lease_on("t1")
    server.faults.append(Fault("POST", EVENTS, status=422, times=2))
    server.add_task("t2")
    running = start(greeters())
    server.wait_for_event("task_complete", "t2")
    running.end()
    outbox = Outbox(path)
    assert outbox.unsent("larry") == []
    outbox.close()


def test_nothing_stays_in_the_outbox_of_an_agent_whose_results_arrived(
    server: ProtocolServer, greeters: Greeters, start: Start, path: Path
) -> None:
    for number in range(20):
        server.add_task(f"t{number}")
    running = start(greeters(max_concurrent_tasks=4))
    for number in range(20):
        server.wait_for_event("task_complete", f"t{number}")
    running.end()
    outbox = Outbox(path)
    assert outbox.unsent("larry") == []
    outbox.close()


def test_outbox_adds_no_request(server: ProtocolServer, greeters: Greeters, start: Start) -> None:
    for number in range(20):
        server.add_task(f"t{number}")
    start(greeters())
    server.wait_for_event("task_complete", "t19")
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) == 2, "a poll after the last")
    assert len(server.requests) == 20 + 3  # the registration and the polls before and after


def test_result_is_sent_although_the_disk_fails(
    server: ProtocolServer, make_agent: MakeAgent, start: Start, path: Path
) -> None:
    outbox = Outbox(path)
    agent = make_agent(outbox=outbox)
    agent.action("greet")(lambda _task: outbox.close())
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_complete", "t1")


def test_outbox_in_use_ends_the_run_before_anything_is_sent(
    server: ProtocolServer, greeters: Greeters, start: Start, path: Path
) -> None:
    outbox = Outbox(path)
    running = start(greeters())
    running.wait()
    assert type(running.error).__name__ == "OutboxInUse"
    assert server.requests == []
    outbox.close()


def test_agents_of_one_process_share_an_outbox(
    server: ProtocolServer, make_agent: MakeAgent, start: Start, path: Path
) -> None:
    outbox, together = Outbox(path), threading.Barrier(2, timeout=10)
    running: list[RunningAgent] = []
    for name in ("larry", "moe"):
        agent = make_agent(agent_id=name, outbox=outbox)
        agent.action("greet")(lambda _task: {"place": together.wait()})
        server.add_task(f"of {name}")
        running.append(start(agent))
    for each, name in zip(running, ("larry", "moe")):
        server.wait_for_event("task_complete", f"of {name}")
        each.end()
    assert outbox.unsent("larry") + outbox.unsent("moe") == []
    outbox.close()


def test_agent_that_is_told_nothing_keeps_its_results_below_the_folder_for_state(
    server: ProtocolServer,
    make_agent: MakeAgent,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("planexe_agent.outbox.state_folder", lambda: tmp_path)
    server.faults.append(_away())
    server.add_task("t1")
    for _ in range(2):
        agent = make_agent(outbox=Default.OUTBOX, stop_seconds=0.05, instance="one")
        agent.action("greet")(lambda _task: None)
        running = start(agent)
        server.wait_for(lambda: server.requests_to("POST", EVENTS), "the report")
        if server.faults:
            _end_while_the_server_is_away(server, running)
    server.wait_for_event("task_complete", "t1")
    assert [path.name for path in tmp_path.glob("larry/*/*.db")] == ["outbox-1.db"]
