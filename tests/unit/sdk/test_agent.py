"""An agent against a server that speaks the protocol."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Callable

import pytest
from planexe_agent import (
    Invalid,
    NotFound,
    Stopped,
    Task,
    Unauthorized,
)
from tests.unit.sdk.protocol_server import AGENT_KEY, USER_KEY, Fault, ProtocolServer

if TYPE_CHECKING:
    from planexe_agent import Agent
    from tests.unit.sdk.conftest import RunningAgent

    MakeAgent = Callable[..., Agent]
    Start = Callable[[Agent], RunningAgent]

EVENTS = "/events"
WORK = "/work"


@pytest.fixture
def greeter(make_agent: MakeAgent) -> Agent:
    """An agent that greets."""
    agent = make_agent()
    agent.action("greet")(_greet)
    return agent


def _greet(task: Task) -> dict[str, Any]:
    return {"greeting": f"hello {task.task_id}"}


def test_example_of_the_documentation_works_as_written(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    larry = make_agent()

    @larry.action("send_email", params={"to": "string", "subject": "string", "body": "string"})
    def send_email(task: Task, to: str, subject: str, body: str) -> dict[str, str]:
        return {"message_id": f"{task.task_id}/{to}/{subject}/{body}"}

    params = {"to": "carol", "subject": "s", "body": "b", "title": "not asked for"}
    server.add_task("t1", "send_email", params=params)
    start(larry)
    done = server.wait_for_event("task_complete", "t1")
    assert done["output_data"] == {"message_id": "t1/carol/s/b"}
    assert send_email.__name__ == "send_email"
    [capability] = server.agents["larry"]["capabilities"]
    assert capability["action"] == "send_email"
    assert capability["params"]["required"] == ["to", "subject", "body"]
    assert capability["params"]["properties"]["to"] == {"type": "string"}


def test_registration_sends_the_profile_and_uses_the_new_key(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent(name="Larry", role="closer", max_concurrent_tasks=2)
    agent.action("greet", description="Greets.")(_greet)
    start(agent)
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) == 2, "one poll per slot")
    assert server.requests[0].key == USER_KEY
    assert server.agents["larry"] == {
        "agent_id": "larry",
        "name": "Larry",
        "role": "closer",
        "capabilities": [{"action": "greet", "params": [], "description": "Greets."}],
        "max_concurrent_tasks": 2,
    }
    polls = server.requests_to("GET", "/api/agents/larry/work")
    assert {poll.key for poll in polls} == {AGENT_KEY}
    assert len({poll.query["poll_id"] for poll in polls}) == 2
    assert len({poll.query["instance"] for poll in polls}) == 1
    assert {poll.query["supported_actions"] for poll in polls} == {"greet"}


def test_registered_agent_takes_a_fresh_key_and_tells_what_it_can_do_now(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    server.agents["larry"] = {"name": "Larry the Great", "capabilities": [], "role": "closer"}
    server.add_task("t1")
    start(greeter)
    server.wait_for_event("task_complete", "t1")
    assert len(server.requests_to("POST", "/api/agents/larry/keys")) == 1
    assert server.agents["larry"] == {
        "name": "Larry the Great",
        "capabilities": [{"action": "greet", "params": [], "description": ""}],
        "role": "closer",
        "max_concurrent_tasks": 1,
    }


def test_agent_key_acts_without_registration(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent(key=AGENT_KEY)
    agent.action("greet")(_greet)
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_complete", "t1")
    assert server.agents == {}


def test_lost_answer_to_the_registration_is_harmless(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    server.faults.append(Fault("POST", "/api/agents", drop=True))
    server.add_task("t1")
    start(greeter)
    server.wait_for_event("task_complete", "t1")


def test_id_of_another_user_ends_the_run_with_a_clear_error(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    server.foreign.add("larry")
    running = start(greeter)
    running.wait()
    assert isinstance(running.error, NotFound)
    assert "/api/agents/larry/keys" in str(running.error)


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (404, NotFound), (422, Invalid)])
def test_refused_poll_ends_the_run_with_a_clear_error(
    server: ProtocolServer, greeter: Agent, start: Start, status: int, kind: type[Exception]
) -> None:
    problem = {"title": "No", "detail": "because", "errors": [{"field": "wait"}]}
    server.faults.append(Fault("GET", WORK, status=status, problem=problem))
    running = start(greeter)
    running.wait()
    assert type(running.error) is kind
    assert f"{status} No - because" in str(running.error)


def test_agent_without_actions_does_not_run(make_agent: MakeAgent) -> None:
    with pytest.raises(ValueError, match="at least one action"):
        make_agent().run()


@pytest.mark.parametrize("settings", [{"key": ""}, {"key": "a\nb"}, {"key": "ключ"}])
def test_impossible_key_is_named_before_anything_is_sent(
    server: ProtocolServer, make_agent: MakeAgent, settings: dict[str, str]
) -> None:
    agent = make_agent(**settings)
    agent.action("greet")(_greet)
    with pytest.raises(ValueError, match="key"):
        agent.run()
    assert server.requests == []


def test_each_task_costs_one_round_trip(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    for number in range(50):
        server.add_task(f"t{number}")
    start(greeter)
    server.wait_for_event("task_complete", "t49")
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) == 2, "a poll after the last")
    assert len(server.requests_to("POST", EVENTS)) == 50
    assert len(server.requests) == 50 + 3  # the registration and the polls before and after
    assert [event["task_id"] for event in server.events] == [f"t{n}" for n in range(50)]


def test_slots_perform_tasks_side_by_side(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent(max_concurrent_tasks=3)
    together = threading.Barrier(3, timeout=10)
    agent.action("greet")(lambda task: {"place": together.wait()})
    for number in range(3):
        server.add_task(f"t{number}")
    start(agent)
    for number in range(3):
        server.wait_for_event("task_complete", f"t{number}")


def test_restarted_agent_of_the_same_instance_resumes_its_lease(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    first, began, never = make_agent(instance="one", stop_seconds=0), threading.Event(), []

    @first.action("greet")
    def hang(task: Task) -> None:
        never.append(task)
        began.set()
        gate.wait(10)

    gate = threading.Event()
    server.add_task("t1", retry_policy={"max_attempts": 1})
    running = start(first)
    assert began.wait(10)
    running.end()  # the action never reports, and its last attempt is not given back

    seen: list[Task] = []
    second = make_agent(instance="one")
    second.action("greet")(seen.append)
    start(second)
    server.wait_for_event("task_complete", "t1")
    gate.set()
    assert [task.redelivered for task in seen] == [True]
    assert [task.redelivered for task in never] == [False]


def test_lost_answer_to_a_result_is_asked_for_again_with_the_same_event_id(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    server.faults.append(Fault("POST", EVENTS, drop=True, times=3))
    server.add_task("t1")
    server.add_task("t2")
    start(greeter)
    server.wait_for_event("task_complete", "t2")
    bodies = [each.body for each in server.requests_to("POST", EVENTS)]
    assert bodies[0] == bodies[1] == bodies[2] == bodies[3]
    assert [event["task_id"] for event in server.events] == ["t1", "t2"]


def test_lost_answer_to_a_poll_brings_the_same_lease_again(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    server.faults.append(Fault("GET", WORK, drop=True))
    server.add_task("t1")
    start(greeter)
    server.wait_for_event("task_complete", "t1")
    assert len(server.events_of("task_complete", "t1")) == 1


def test_note_and_progress_are_cut_to_what_the_server_takes(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent()

    @agent.action("greet")
    def greet(task: Task) -> None:
        task.note(f"\0{'x' * 30_000}")
        task.progress(50, "\ud800" * 30_000)

    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_complete", "t1")
    [note] = server.events_of("note", "t1")
    [progress] = server.events_of("task_progress", "t1")
    assert note["message"] == f"?{'x' * 19_999}"
    assert progress["message"] == "?" * 20_000


def test_retry_after_is_honoured(server: ProtocolServer, greeter: Agent, start: Start) -> None:
    server.faults.append(Fault("POST", EVENTS, status=429, headers={"Retry-After": "1"}))
    server.add_task("t1")
    start(greeter)
    server.wait_for(lambda: server.requests_to("POST", EVENTS), "the refused report")
    refused_at = time.monotonic()
    server.wait_for_event("task_complete", "t1")
    assert time.monotonic() - refused_at >= 0.95


@pytest.mark.parametrize("ending", ["/api/agents", WORK, EVENTS])
def test_unavailable_server_is_asked_again(
    server: ProtocolServer, greeter: Agent, start: Start, ending: str
) -> None:
    method = "GET" if ending == WORK else "POST"
    server.faults.append(Fault(method, ending, status=503, times=4))
    server.add_task("t1")
    start(greeter)
    server.wait_for_event("task_complete", "t1")
    assert len(server.requests_to(method, ending)) >= 5


def test_result_for_a_lost_lease_is_dropped_and_work_goes_on(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent()

    @agent.action("greet")
    def greet(task: Task) -> None:
        if task.task_id == "t1":
            server.pass_lease_on("t1")

    server.add_task("t1")
    server.add_task("t2")
    running = start(agent)
    server.wait_for_event("task_complete", "t2")
    assert [event["task_id"] for event in server.events] == ["t2"]
    running.end()
    assert running.error is None


def test_event_for_a_finished_execution_is_dropped_and_work_goes_on(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    terminal = {"type": "/problems/terminal", "title": "Terminal"}
    server.faults.append(Fault("POST", EVENTS, status=409, problem=terminal))
    server.add_task("t1")
    start(greeter)
    # The lease is still held here, so the next poll brings the task again.
    server.wait_for_event("task_complete", "t1")


def test_refused_result_is_told_as_an_error_of_the_task(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    server.faults.append(Fault("POST", EVENTS, status=422, problem={"detail": "output too odd"}))
    server.add_task("t1")
    start(greeter)
    told = server.wait_for_event("task_error", "t1")
    assert told["error_type"] == "validation_error"
    assert "output too odd" in told["error_message"]


def test_agent_ends_where_even_the_error_is_refused(
    server: ProtocolServer, greeter: Agent, start: Start
) -> None:
    server.faults.append(Fault("POST", EVENTS, status=422, times=2))
    server.add_task("t1")
    running = start(greeter)
    running.wait()
    assert isinstance(running.error, Invalid)


def test_paused_lease_does_not_start_before_the_pause_ends(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, performed = make_agent(instance="one"), []
    agent.action("greet")(lambda task: performed.append(task.task_id))
    server.add_task("t1")
    server.lease_to("one/0")
    server.set_flags(force_pause=True)
    start(agent)
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) >= 3, "polls in the pause")
    assert performed == []
    server.set_flags(force_pause=False)
    server.wait_for_event("task_complete", "t1")
    assert performed == ["t1"]


def test_pause_and_its_end_reach_the_running_action(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, seen = make_agent(), []

    @agent.action("greet")
    def greet(task: Task) -> None:
        seen.append(task.stop_reason)
        server.set_flags(force_pause=True)
        task.progress(10)
        seen.append(task.stop_reason)
        server.set_flags(force_pause=False)
        task.progress(20, "on we go")
        seen.append(task.stop_reason)

    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_complete", "t1")
    assert seen == [None, "paused", None]
    percentages = [each["progress_percent"] for each in server.events_of("task_progress", "t1")]
    assert percentages == [10, 20]


def test_cancelled_action_is_stopped_at_its_next_call_and_reports_nothing(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, stopped = make_agent(), threading.Event()

    @agent.action("greet")
    def greet(task: Task) -> None:
        server.set_flags(force_cancel=True)
        try:
            task.progress(10)
        except Stopped:
            server.set_flags(force_cancel=False)
            server.pass_lease_on("t1")
            stopped.set()
            raise

    server.add_task("t1")
    start(agent)
    assert stopped.wait(10)
    server.add_task("t2")
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) >= 2, "the next poll")
    assert server.events_of("task_error", "t1") == []
    assert server.events_of("task_complete", "t1") == []


def test_progress_that_cannot_be_sent_does_not_hold_the_action_up(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent()

    @agent.action("greet")
    def greet(task: Task) -> None:
        task.progress(10)
        task.note("a line for the log")

    server.faults.append(Fault("POST", EVENTS, status=503))
    server.add_task("t1")
    start(agent)
    server.wait_for_event("task_complete", "t1")
    assert [event["event_type"] for event in server.events] == ["note", "task_complete"]


def test_idle_agent_ends_promptly_in_the_middle_of_its_polls(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent = make_agent(max_concurrent_tasks=4)
    agent.action("greet")(_greet)
    running = start(agent)
    server.wait_for(lambda: len(server.requests_to("GET", WORK)) == 4, "four waiting polls")
    running.end()
    assert running.error is None


def test_agent_that_waits_for_its_server_ends_promptly(start: Start, make_agent: MakeAgent) -> None:
    agent = make_agent(max_concurrent_tasks=1)
    agent._url = "http://127.0.0.1:9"  # nothing listens there
    agent.action("greet")(_greet)
    running = start(agent)
    running.end()
    assert running.error is None


def test_stop_lets_the_running_action_finish_and_claims_no_more(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, reasons = make_agent(), []

    @agent.action("greet")
    def greet(task: Task) -> None:
        agent.stop()
        assert task.wait(10)
        reasons.append(task.stop_reason)

    server.add_task("t1")
    server.add_task("t2")
    running = start(agent)
    server.wait_for_event("task_complete", "t1")
    running.wait()
    assert reasons == ["stopping"]
    [report] = server.requests_to("POST", EVENTS)
    assert report.query == {}
    assert [event["task_id"] for event in server.events] == ["t1"]


def test_action_still_running_at_the_end_of_its_time_is_given_back_and_its_result_dropped(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, began = make_agent(stop_seconds=0.05), threading.Event()
    gate, ended = threading.Event(), threading.Event()

    @agent.action("greet")
    def greet(task: Task) -> None:
        began.set()
        gate.wait(10)
        ended.set()

    server.add_task("t1")
    running = start(agent)
    assert began.wait(10)
    running.end()
    gate.set()
    assert ended.wait(10)
    [given_back] = server.events
    assert (given_back["event_type"], given_back["error_type"]) == ("task_error", "agent_stopped")
    assert given_back["retry_after_seconds"] == 0


def test_agent_ends_although_nothing_can_be_given_back(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    began, gate = threading.Barrier(3), threading.Event()
    agent = make_agent(stop_seconds=0.05, max_concurrent_tasks=2)

    @agent.action("greet")
    def greet(task: Task) -> None:
        began.wait(10)
        gate.wait(10)

    server.add_task("t1")
    server.add_task("t2")
    running = start(agent)
    began.wait(10)
    server.faults.append(Fault("POST", EVENTS, status=503, times=2))
    running.end()
    gate.set()
    assert running.error is None
    assert len(server.requests_to("POST", EVENTS)) == 1


def test_lease_that_is_delivered_to_two_slots_is_performed_once(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, performed, gate = make_agent(max_concurrent_tasks=2), [], threading.Event()

    @agent.action("greet")
    def greet(task: Task) -> None:
        performed.append(task.task_id)
        gate.wait(10)

    server.deliver_to_all = True
    server.add_task("t1")
    start(agent)
    polls = lambda: len(server.requests_to("GET", WORK))  # noqa: E731
    server.wait_for(lambda: polls() >= 4, "polls of the slot that has nothing to do")
    gate.set()
    server.wait_for_event("task_complete", "t1")
    assert performed == ["t1"]


def test_work_of_another_execution_comes_with_its_own_id(
    server: ProtocolServer, make_agent: MakeAgent, start: Start
) -> None:
    agent, seen = make_agent(), []
    agent.action("greet")(lambda task: seen.append((task.execution_id, task.plan_id)))
    server.add_task("t1")
    server.add_task("t2", execution_id="exec_2", plan_id="plan_2")
    start(agent)
    server.wait_for_event("task_complete", "t2")
    assert seen == [("exec_1", "plan_1"), ("exec_2", "plan_2")]
    assert server.requests_to("POST", "/api/executions/exec_2/events")
