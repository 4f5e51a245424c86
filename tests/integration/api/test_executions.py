"""Executions over HTTP: start, look up, pause, resume, cancel, and the log."""

from typing import Any

import pytest

from tests.unit.decomposer.samples import packed, run

from ..stage import plan_document
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of
from .test_plans import upload


def test_started_execution_is_queued_with_its_progress(
    user: Caller, scene: Scene, agent: AgentCaller
) -> None:
    request = {"plan_id": scene.plan(), "agent_id": agent.agent_id}
    answer: Any = user.post("/api/executions", request)

    assert answer.status_code == 201
    execution = answer.json
    assert answer.headers["Location"] == f"/api/executions/{execution['execution_id']}"
    assert execution["execution_id"].startswith("exec_")
    assert execution["status"] == "QUEUED"
    assert execution["progress"] == {
        "tasks_completed": 0,
        "tasks_total": 2,
        "percent": 0,
        "subtasks_completed": 0,
        "subtasks_total": 4,
        "current_task_id": None,
        "current_task_title": None,
    }
    found = scene.get(execution["execution_id"])
    assert found.pop("forecast_end_at") > execution["created_at"]
    assert found | {"forecast_end_at": None} == execution


def test_percent_is_completed_tasks_of_all_tasks(scene: Scene, agent: AgentCaller) -> None:
    execution_id = scene.execution(agent, plan_document(12, 1))
    for _ in range(3):
        agent.complete(agent.poll())

    progress = scene.get(execution_id)["progress"]
    assert (progress["tasks_completed"], progress["tasks_total"]) == (3, 12)
    assert progress["percent"] == 25


def test_execution_that_was_not_started_waits_for_running(scene: Scene, agent: AgentCaller) -> None:
    execution_id = scene.execution(agent, start=False)
    assert scene.get(execution_id)["status"] == "CREATED"
    assert agent.poll() is None

    answer = scene.control(execution_id, "RUNNING")

    assert (answer.status_code, answer.json["status"]) == (200, "QUEUED")
    assert agent.poll()["next_task"]["task_id"] == "t0s0"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"plan_id", "agent_id"}),
        ({"plan_id": "", "agent_id": ""}, {"plan_id", "agent_id"}),
        ({"plan_id": "p", "agent_id": "a", "colour": 1, "size": 2}, {"colour", "size"}),
        ({"plan_id": "p", "agent_id": "a", "start": "perhaps"}, {"start"}),
        ({"plan_id": "p", "agent_id": "a", "ordering": "random"}, {"ordering"}),
        (
            {"plan_id": "p", "agent_id": "a", "approvals": {"redline": {}, "x": {}}},
            {"approvals.redline.reason", "approvals.x"},
        ),
        (
            {"plan_id": "p", "agent_id": "a", "approvals": {"go_no_go": {"reason": ""}}},
            {"approvals.go_no_go.reason"},
        ),
    ],
)
def test_bad_start_is_refused_by_field(user: Caller, body: Any, fields: set[str]) -> None:
    answer = user.post("/api/executions", body)

    assert answer.status_code == 422
    assert fields_of(answer) == fields


def test_start_with_unknown_plan_or_agent_is_refused(
    user: Caller, scene: Scene, agent: AgentCaller
) -> None:
    plan_id = scene.plan()
    for request in (
        {"plan_id": "plan_none", "agent_id": agent.agent_id},
        {"plan_id": plan_id, "agent_id": "agent_none"},
    ):
        assert user.post("/api/executions", request).status_code == 404
    assert user.get("/api/executions").json["items"] == []


def test_gates_and_reviews_hold_the_start_back_each_by_name(
    user: Caller, scene: Scene, agent: AgentCaller, services: Any
) -> None:
    files = run(
        redline_gate={"verdict": "REFUSE"},
        premise_attack=None,
        wbs_level3=[],
    )
    plan: Any = upload(user, packed(files)).json
    plan_id = plan["plan_id"]
    services.decomposition.decompose("default", plan_id, 1)
    plan = user.get(f"/api/plans/{plan_id}").json
    assert plan["status"] == "REFUSED"
    assert plan["gates"]["redline"] == "REFUSE"
    assert plan["gates"]["refusals"] == ["redline"]
    task_ids = [task["task_id"] for phase in plan["phases"] for task in phase["tasks"]]
    request: dict[str, Any] = {"plan_id": plan_id, "agent_id": agent.agent_id}

    held = user.post("/api/executions", request)
    assert held.status_code == 409
    assert held.json["type"] == "/api/problems/approval-required"
    assert fields_of(held) == {"approvals.redline", *(f"tasks.{one}" for one in task_ids)}

    request["approvals"] = {"redline": {"reason": "checked by the board"}}
    assert fields_of(user.post("/api/executions", request)) == {f"tasks.{one}" for one in task_ids}
    for task_id in task_ids:
        user.post(f"/api/plans/{plan_id}/tasks/{task_id}/approve")
    started: Any = user.post("/api/executions", request)

    assert started.status_code == 201
    log = scene.get(started.json["execution_id"], "/events")["items"]
    assert log[0]["event_type"] == "execution_created"


def test_plan_that_is_still_broken_down_is_not_started(user: Caller, agent: AgentCaller) -> None:
    plan: Any = user.post("/api/plans", plan_document()).json
    request = {"plan_id": plan["plan_id"], "agent_id": agent.agent_id}

    assert user.post("/api/executions", request).status_code == 409


def test_sequential_ordering_keeps_the_written_order(scene: Scene, agent: AgentCaller) -> None:
    document = plan_document(3, 1)
    for task in document["phases"][0]["tasks"]:
        task["prerequisites"] = []
    scene.execution(agent, document, ordering="sequential")
    order = []
    while work := agent.poll():
        order.append(work["next_task"]["task_id"])
        agent.complete(work)

    assert order == ["t0s0", "t1s0", "t2s0"]


def test_agent_sees_a_pause_and_goes_on_after_it(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    work = agent.poll()
    status = f"/api/executions/{execution_id}/status"
    assert agent.call.get(status).json == {
        "status": "RUNNING",
        "force_pause": False,
        "force_cancel": False,
        "reason": "",
    }

    paused = scene.control(execution_id, "PAUSED", reason="rain")

    assert (paused.json["status"], paused.json["status_message"]) == ("PAUSED", "rain")
    told: Any = agent.call.get(status).json
    assert (told["force_pause"], told["force_cancel"], told["reason"]) == (True, False, "rain")
    answer = agent.complete(work).json
    assert (answer["force_pause"], answer["next_action"]) == (True, "pause")
    assert agent.poll() is None

    assert scene.control(execution_id, "RUNNING").json["status"] == "RUNNING"
    assert agent.poll()["next_task"]["task_id"] == "t0s1"


def test_agent_sees_a_cancel_and_its_lease_is_gone(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    work = agent.poll()

    cancelled = scene.control(execution_id, "CANCELLED", reason="too late")

    assert cancelled.json["status"] == "CANCELLED"
    told: Any = agent.call.get(f"/api/executions/{execution_id}/status").json
    assert (told["force_pause"], told["force_cancel"], told["reason"]) == (False, True, "too late")
    refused = agent.complete(work)
    assert refused.status_code == 409
    assert refused.json["type"] == "/api/problems/execution-ended"
    assert agent.poll() is None
    tree = scene.get(execution_id, "/tasks")
    assert {task["status"] for phase in tree["phases"] for task in phase["tasks"]} == {"CANCELLED"}


def test_illegal_move_names_the_legal_ones(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    running = scene.control(execution_id, "RUNNING")
    assert running.status_code == 409
    assert sorted(running.json["legal"]) == ["CANCELLED", "PAUSED"]

    scene.control(execution_id, "PAUSED")
    assert sorted(scene.control(execution_id, "PAUSED").json["legal"]) == ["CANCELLED", "RUNNING"]

    scene.control(execution_id, "CANCELLED")
    for wanted in ("PAUSED", "RUNNING", "CANCELLED"):
        answer = scene.control(execution_id, wanted)
        assert (answer.status_code, answer.json["legal"]) == (409, [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "COMPLETED"}, "status"),
        ({"status": "running"}, "status"),
        ({"status": None}, "status"),
        ({"status": "PAUSED", "colour": 1}, "colour"),
        ({"status": "PAUSED", "reason": "x" * 2001}, "reason"),
    ],
)
def test_bad_control_is_refused_by_field(
    scene: Scene, user: Caller, execution_id: str, body: Any, field: str
) -> None:
    answer = user.patch(f"/api/executions/{execution_id}", body)

    assert answer.status_code == 422
    assert fields_of(answer) == {field}
    assert scene.get(execution_id)["status"] == "QUEUED"


def test_unknown_execution_is_not_found(user: Caller) -> None:
    for rest in ("", "/tasks", "/status", "/events"):
        assert user.get(f"/api/executions/exec_none{rest}").status_code == 404
    assert user.patch("/api/executions/exec_none", {"status": "PAUSED"}).status_code == 404


def test_list_shows_each_as_it_stands_now(user: Caller, scene: Scene, agent: AgentCaller) -> None:
    first, second, third = (scene.execution(agent) for _ in range(3))
    scene.control(second, "PAUSED")

    def listed(query: str = "") -> list[str]:
        page: Any = user.get(f"/api/executions{query}").json
        return [one["execution_id"] for one in page["items"]]

    assert listed() == [third, second, first]
    page: Any = user.get("/api/executions?limit=2").json
    assert listed(f"?limit=2&cursor={page['next_cursor']}") == [first]
    assert listed(f"?agent_id={agent.agent_id}") == [third, second, first]
    assert listed("?agent_id=agent_none") == []
    plan_id = scene.get(first)["plan_id"]
    assert listed(f"?plan_id={plan_id}") == [first]
    assert user.get("/api/executions?status=NONE").status_code == 422
    latest = scene._stage.services.executions.latest("default", [plan_id, "plan_none"])
    assert {plan: one["execution_id"] for plan, one in latest.items()} == {plan_id: first}


def test_list_by_status_finds_what_is_not_recorded_yet(
    user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    scene.control(execution_id, "PAUSED")

    page: Any = user.get("/api/executions?status=PAUSED").json
    assert [one["execution_id"] for one in page["items"]] == [execution_id]
    assert user.get("/api/executions?status=QUEUED").json["items"] == []


def test_tree_shows_states_results_and_errors(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    agent.complete(agent.poll(), output_data={"height_m": 30})
    work = agent.poll()
    error = {"event_type": "task_error", "error_type": "network", "error_message": "no route"}
    agent.report(execution_id, {**error, "task_id": work["next_task"]["task_id"]})

    (phase,) = scene.get(execution_id, "/tasks")["phases"]
    first, second = phase["tasks"]
    done, failed = first["subtasks"]
    assert (done["status"], done["result"], done["progress_percent"]) == (
        "COMPLETED",
        {"height_m": 30},
        100,
    )
    assert (failed["status"], failed["error_type"]) == ("RETRYING", "network")
    assert (failed["error_message"], failed["attempt"], failed["max_attempts"]) == (
        "no route",
        1,
        3,
    )
    assert (first["status"], first["progress_percent"]) == ("RETRYING", 50)
    assert second["status"] == "QUEUED"
    named = {
        *("task_id", "title", "status", "progress_percent", "agent_id", "planned_start_at"),
        *("planned_end_at", "started_at", "completed_at", "why", "subtasks"),
    }
    assert named <= first.keys()
    assert {
        *("subtask_id", "title", "action", "status", "attempt", "max_attempts"),
        *("progress_percent", "agent_id", "started_at", "completed_at", "last_event_at"),
        *("result", "error_type", "error_message", "why"),
    } <= done.keys()


def test_tree_and_execution_tell_the_plan_and_the_forecast(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    agent.complete(agent.poll())
    tree = scene.get(execution_id, "/tasks")
    first, second = tree["phases"][0]["tasks"]
    assert tree["planned_from"] == first["planned_start_at"]
    assert first["planned_end_at"] == second["planned_start_at"]
    assert second["planned_end_at"] == tree["planned_end_at"]
    assert first["critical"]
    assert second["critical"]
    assert scene.get(execution_id)["forecast_end_at"] > tree["planned_from"]
    scene.carry_out(agent)
    assert scene.get(execution_id)["forecast_end_at"] is None
    assert scene.get(execution_id, "/tasks")["forecast_end_at"] is None


def test_log_pages_in_both_orders_and_filters(
    user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    scene.carry_out(agent)
    last = scene.get(execution_id)["seq"]

    def walk(query: str) -> list[int]:
        found: list[int] = []
        cursor = ""
        while True:
            page = scene.get(execution_id, f"/events?{query}{cursor}")
            found += [one["seq"] for one in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    everything = list(range(1, last + 1))
    assert walk("limit=3") == everything
    assert walk("limit=3&order=desc") == everything[::-1]
    assert walk("after=5") == everything[5:]
    assert len(walk("type=task_complete")) == 4
    assert set(walk("task_id=t0")) > set(walk("task_id=t0s1"))
    assert walk("agent_id=nobody") == []
    assert walk(f"agent_id={agent.agent_id}&type=task_dispatched&limit=1") != []


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=1001", "order=up", "cursor=x"]
)
def test_bad_log_query_is_refused_by_name(user: Caller, execution_id: str, query: str) -> None:
    answer = user.get(f"/api/executions/{execution_id}/events?{query}")

    assert answer.status_code == 422
    assert fields_of(answer) == {query.partition("=")[0]}
