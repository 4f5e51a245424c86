"""Heartbeats of actions that outlast a quarter of their lease."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

import pytest
from planexe_agent import Task
from tests.unit.sdk.protocol_server import Fault, ProtocolServer

if TYPE_CHECKING:
    from planexe_agent import Agent
    from tests.unit.sdk.conftest import RunningAgent

    MakeAgent = Callable[..., Agent]
    Start = Callable[[Agent], RunningAgent]

LEASE_SECONDS = 0.2


def _patient(agent: Agent) -> tuple[threading.Event, list[str | None]]:
    done, reasons = threading.Event(), []

    @agent.action("greet")
    def greet(task: Task) -> None:
        task.progress(30)
        while not done.is_set() and not task.should_stop:
            done.wait(0.01)
        reasons.append(task.stop_reason)

    return done, reasons


def _beats(server: ProtocolServer) -> list[dict[str, Any]]:
    posts = server.requests_to("POST", "/events")
    return [event for post in posts for event in post.body.get("events", [])]


def test_heartbeats_go_on_while_the_action_runs_and_end_with_it(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    server.lease_seconds = LEASE_SECONDS
    agent = make_agent()
    done, _ = _patient(agent)
    server.add_task("t1")
    running = start(agent)
    server.wait_for(lambda: len(server.events_of("heartbeat", "t1")) >= 3, "three heartbeats")
    done.set()
    server.wait_for_event("task_complete", "t1")
    running.end()
    [first, *_] = _beats(server)
    assert first["event_type"] == "heartbeat"
    assert first["lease_token"].startswith("t1/")
    assert first["progress_percent"] == 30
    assert server.events[-1]["event_type"] == "task_complete"


def test_short_actions_send_no_heartbeat(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent()
    agent.action("greet")(lambda _task: None)
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_complete", "t1")
    assert _beats(server) == []


def test_lost_lease_reaches_the_running_action(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    server.lease_seconds = LEASE_SECONDS
    agent = make_agent()
    _, reasons = _patient(agent)
    server.add_task("t1")
    running = start(agent)
    server.wait_for_event("task_progress", "t1")
    server.pass_lease_on("t1")
    server.add_task("t2")
    server.wait_for_event("task_progress", "t2")
    assert reasons == ["lost"]
    running.end()


def test_end_of_the_execution_reaches_the_running_action(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    server.lease_seconds = LEASE_SECONDS
    agent = make_agent()
    _, reasons = _patient(agent)
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_progress", "t1")
    server.ended = True
    server.wait_for(lambda: reasons, "the action's end")
    assert reasons == ["cancelled"]


def test_failed_heartbeat_is_left_to_the_next(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    server.lease_seconds = LEASE_SECONDS
    agent = make_agent()
    done, reasons = _patient(agent)
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_progress", "t1")
    server.faults.append(Fault("POST", "/events", drop=True))
    server.faults.append(Fault("POST", "/events", status=503))
    server.wait_for(lambda: len(_beats(server)) >= 4, "heartbeats after the failed ones")
    done.set()
    server.wait_for_event("task_complete", "t1")
    assert reasons == [None]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("POST", "/events", status=409, problem={"type": "/problems/terminal"}), "cancelled"),
        (Fault("POST", "/events", status=404), None),
        (Fault("POST", "/events", status=200, problem={"results": "nonsense"}), None),
        (Fault("POST", "/events", status=200), None),
    ],
)
def test_odd_answer_to_a_heartbeat_does_not_end_the_heartbeats(
    server: ProtocolServer, make_agent: MakeAgent, start: Start, fault: Fault, reason: str | None
) -> None:
    server.lease_seconds = LEASE_SECONDS
    agent = make_agent()
    done, reasons = _patient(agent)
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_progress", "t1")
    server.faults.append(replace(fault))
    server.wait_for(lambda: reasons or len(_beats(server)) >= 3, "what follows the odd answer")
    done.set()
    server.wait_for_event("task_complete", "t1")
    assert reasons == [reason]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [({"force_pause": True}, "paused"), ({"force_cancel": True}, "cancelled")],
)
def test_quiet_action_of_a_long_lease_hears_of_pause_and_cancellation(
    server: ProtocolServer,
    make_agent: MakeAgent,
    start: Start,
    flags: dict[str, bool],
    reason: str,
) -> None:
    assert server.lease_seconds == 900
    agent = make_agent(heartbeat_seconds=0.02)
    _, reasons = _patient(agent)
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_progress", "t1")
    server.set_flags(**flags)
    server.wait_for(lambda: reasons, "the action's end")
    assert reasons == [reason]


def test_quiet_action_of_a_long_lease_hears_of_its_loss(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent(heartbeat_seconds=0.02)
    _, reasons = _patient(agent)
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_progress", "t1")
    server.pass_lease_on("t1")
    server.wait_for(lambda: reasons, "the action's end")
    assert reasons == ["lost"]
