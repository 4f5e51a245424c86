"""Agents ask for work: at once, with patience, and after having lost an answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.services import Services

from ..stage import plan_document, wait_until, wide_plan
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of


def patient(agent: AgentCaller, pool: ThreadPoolExecutor, services: Services, query: str) -> Any:
    """Poll in another thread; return once the poll waits."""
    answer = pool.submit(agent.poll, query)
    wait_until("the poll waits", lambda: services.work.waiting() == 1)
    return answer


def test_work_has_everything_an_agent_needs(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    first = agent.poll()
    agent.complete(first, output_data={"survey": "done"})
    work = agent.poll()

    assert work["work_available"] is True
    assert work["execution_id"] == execution_id
    assert work["plan_id"] == scene.get(execution_id)["plan_id"]
    assert work["tasks"] == [work["next_task"]]
    assert (work["force_pause"], work["force_cancel"]) == (False, False)
    task = work["next_task"]
    assert (task["task_id"], task["parent_task_id"], task["action"]) == ("t0s1", "t0", "noop")
    assert (task["attempt"], task["redelivered"], task["kind"]) == (1, False, "run")
    assert task["retry_policy"] == {
        "max_attempts": 3,
        "backoff": "exponential",
        "backoff_seconds": 300,
        "max_backoff_seconds": 3600,
    }
    assert task["context"] == {
        "plan_goal": "Ships find the harbour",
        "task_title": "Task 0",
        "success_criteria": [],
        "prerequisite_results": {"t0s0": {"survey": "done"}},
        "previous_tasks": [{"task_id": "t0s0", "title": "Step 0 of task 0"}],
        "upcoming_tasks": [],
        "last_error": None,
        "resolution": None,
    }


def test_poll_without_work_answers_204_with_nothing(agent: AgentCaller) -> None:
    answer = agent.call.get(f"/api/agents/{agent.agent_id}/work")

    assert (answer.status_code, answer.data) == (204, b"")


def test_long_poll_answers_204_after_its_time(agent: AgentCaller) -> None:
    started = time.monotonic()

    assert agent.poll("?wait=0.3") is None
    assert time.monotonic() - started >= 0.3


def test_long_poll_answers_as_soon_as_work_is_there(
    scene: Scene, agent: AgentCaller, services: Services
) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = patient(agent, pool, services, "?wait=30")
        scene.execution(agent)
        assert answer.result(5)["next_task"]["task_id"] == "t0s0"


@pytest.mark.parametrize("cause", ["resume", "complete", "start"])
def test_long_poll_is_woken_by_whatever_makes_work(
    user: Caller, scene: Scene, services: Services, cause: str
) -> None:
    agent = AgentCaller(user, max_concurrent_tasks=2)
    execution_id = scene.execution(agent, start=cause != "start")
    if cause == "resume":
        scene.control(execution_id, "PAUSED")
    work = agent.poll() if cause == "complete" else None
    with ThreadPoolExecutor(1) as pool:
        answer = patient(agent, pool, services, "?wait=30")
        if work:
            agent.complete(work)
        else:
            scene.control(execution_id, "RUNNING")
        assert answer.result(5)["next_task"]["task_id"] == ("t0s1" if work else "t0s0")


def test_waiting_polls_answer_when_the_process_ends(agent: AgentCaller, services: Services) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = patient(agent, pool, services, "?wait=30")
        services.work.stop()
        assert answer.result(5) is None


def test_ten_polls_at_once_share_the_work_without_overlap(user: Caller, scene: Scene) -> None:
    agent = AgentCaller(user, max_concurrent_tasks=50)
    execution_id = scene.execution(agent, wide_plan(40))
    taken: list[str] = []
    ready = threading.Barrier(10)

    def take() -> None:
        ready.wait()
        while work := agent.poll():
            taken.append(work["next_task"]["task_id"])

    threads = [threading.Thread(target=take) for _ in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(taken) == sorted(f"t0s{number}" for number in range(40))
    page = scene.get(execution_id, "/events?type=task_dispatched&limit=1000")
    assert len(page["items"]) == 40


def test_max_gives_several_tasks_up_to_the_agent_s_room(user: Caller, scene: Scene) -> None:
    agent = AgentCaller(user, max_concurrent_tasks=3)
    scene.execution(agent, wide_plan(10))

    work = agent.poll("?max=5")

    assert [one["task_id"] for one in work["tasks"]] == ["t0s0", "t0s1", "t0s2"]
    assert work["next_task"] == work["tasks"][0]
    assert agent.poll("?max=5") is None


def test_poll_that_repeats_its_poll_id_gets_its_lease_again(user: Caller, scene: Scene) -> None:
    agent = AgentCaller(user, max_concurrent_tasks=5)
    scene.execution(agent, wide_plan(3))
    first = agent.poll("?poll_id=a")["next_task"]
    other = agent.poll("?poll_id=b")["next_task"]
    again = agent.poll("?poll_id=a")["next_task"]

    assert other["task_id"] != first["task_id"]
    assert again["redelivered"] is True
    assert {**again, "redelivered": False, "lease_expires_at": 0} == {
        **first,
        "lease_expires_at": 0,
    }
    assert agent.poll("?poll_id=c")["next_task"]["redelivered"] is False


def test_one_task_agent_that_polls_again_gets_its_lease_again(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    first, again = agent.poll()["next_task"], agent.poll("?wait=20")["next_task"]

    assert (first["task_id"], first["redelivered"]) == (again["task_id"], False)
    assert (again["redelivered"], again["lease_token"]) == (True, first["lease_token"])
    assert again["attempt"] == 1


def test_only_supported_actions_are_handed_out(user: Caller, scene: Scene) -> None:
    document = wide_plan(3)
    steps = document["phases"][0]["tasks"][0]["subtasks"]
    steps[1]["action"], steps[2]["action"] = "draft", "search"
    agent = AgentCaller(user, capabilities=["noop", "draft", "search"], max_concurrent_tasks=9)
    scene.execution(agent, document)

    assert agent.poll("?supported_actions=dance") is None
    assert agent.poll("?supported_actions=search,dance")["next_task"]["task_id"] == "t0s2"
    assert agent.poll("?supported_actions=") is None
    assert agent.poll("?supported_actions=draft&max=9")["next_task"]["task_id"] == "t0s1"
    assert agent.poll()["next_task"]["task_id"] == "t0s0"


def test_work_far_behind_what_an_agent_cannot_do_is_found(user: Caller, scene: Scene) -> None:
    document = wide_plan(150)
    document["phases"][0]["tasks"][0]["subtasks"][-1]["action"] = "search"
    agent = AgentCaller(user, capabilities=["noop", "search"])
    scene.execution(agent, document)

    assert agent.poll("?supported_actions=search")["next_task"]["task_id"] == "t0s149"


def test_task_with_an_agent_of_its_own_goes_to_it(user: Caller, scene: Scene) -> None:
    one, two = AgentCaller(user), AgentCaller(user)
    document = plan_document(2, 1)
    document["phases"][0]["tasks"][1]["agent_id"] = two.agent_id
    execution_id = scene.execution(one, document)
    assert two.poll() is None

    one.complete(one.poll())

    assert one.poll() is None
    work = two.poll()
    assert work["next_task"]["task_id"] == "t1s0"
    assert two.call.get(f"/api/executions/{execution_id}/status").status_code == 200
    two.complete(work)
    assert scene.get(execution_id)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    "query",
    [
        "wait=-1",
        "wait=61",
        "wait=x",
        "wait=nan",
        "max=0",
        "max=101",
        "max=x",
        "instance=" + 201 * "x",
    ],
)
def test_bad_poll_is_refused_by_name(agent: AgentCaller, query: str) -> None:
    answer = agent.call.get(f"/api/agents/{agent.agent_id}/work?{query}")

    assert answer.status_code == 422
    assert fields_of(answer) == {query.partition("=")[0]}
