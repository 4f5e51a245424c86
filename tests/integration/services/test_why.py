"""Why something is not running: for one task, and as a line of the tree."""

import datetime as dt
import json
import time
from typing import Any

import pytest

from app.domain.errors import NotFound
from app.domain.events import EventType
from app.services import Services
from app.services.identity import Principal

from ..stage import Stage, TurnedClock, plan_document, wide_plan


def why(stage: Stage, execution_id: str, task_id: str) -> dict[str, Any]:
    return stage.services.why.get(stage.workspace_id, execution_id, task_id)


def lines(stage: Stage, execution_id: str) -> dict[str, Any]:
    """Give the lines of the tree by id."""
    tree = stage.services.executions.tree(stage.workspace_id, execution_id)
    tasks = [task for phase in tree["phases"] for task in phase["tasks"]]
    rows = {row["subtask_id"]: row["why"] for task in tasks for row in task["subtasks"]}
    return rows | {task["task_id"]: task["why"] for task in tasks}


@pytest.fixture
def agent(stage: Stage) -> Principal:
    return stage.agent(capabilities=[{"action": "noop"}, {"action": "send_email"}])


def test_what_waits_names_what_it_waits_for_within_and_across_tasks(
    stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent)
    stage.poll(agent)
    assert why(stage, execution_id, "t0s0")["cause"] == "running"
    sibling = why(stage, execution_id, "t0s1")
    assert (sibling["cause"], sibling["holds_up"]) == ("prerequisites", 2)
    assert "'Step 0 of task 0'" in sibling["detail"]
    assert "'Task 0'" in why(stage, execution_id, "t1s0")["detail"]


def test_ready_subtask_tells_of_its_agent(
    services: Services, stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, wide_plan(2))
    assert why(stage, execution_id, "t0s0")["cause"] == "no_contact"
    stage.poll(agent)
    assert why(stage, execution_id, "t0s1")["cause"] == "at_capacity"
    clock.advance(minutes=7)
    silent = why(stage, execution_id, "t0s1")
    assert (silent["cause"], silent["cleared_by"]) == ("no_contact", "operator")
    assert silent["since"]
    services.agents.change(stage.owner, agent.agent_id or "", {"status": "PAUSED"})
    assert why(stage, execution_id, "t0s1")["cause"] == "paused"


def test_agent_with_room_that_asks_leaves_it_queued(stage: Stage) -> None:
    busy = stage.agent(max_concurrent_tasks=2)
    execution_id = stage.execution(busy, wide_plan(2))
    stage.poll(busy)
    assert why(stage, execution_id, "t0s1")["cause"] == "queued"


def test_blocked_subtask_tells_the_calls_that_would_clear_it(
    stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, wide_plan(1, assignee="human"))
    told = why(stage, execution_id, "t0")
    assert (told["cause"], told["cleared_by"], told["task_id"]) == ("human_task", "user", "t0s0")
    assert told["actions"][0]["path"] == f"/api/executions/{execution_id}/tasks/t0s0/complete"
    assert told["since"]


def test_back_off_tells_until_when(stage: Stage, agent: Principal) -> None:
    execution_id = stage.execution(agent, plan_document(1, 1))
    stage.poll(agent)
    stage.report(agent, execution_id, EventType.TASK_ERROR, "t0s0", error_message="No route.")
    told = why(stage, execution_id, "t0s0")
    assert (told["cause"], told["cleared_by"]) == ("retry_later", "time")
    assert told["until"] == stage.subtask(execution_id, "t0s0")["due_at"]


def test_task_is_explained_by_what_it_really_waits_for(stage: Stage, agent: Principal) -> None:
    document = plan_document(1, 3)
    steps = document["phases"][0]["tasks"][0]["subtasks"]
    steps[2].update(prerequisites=[], assignee="human")
    steps[0]["prerequisites"] = ["t0s2"]
    execution_id = stage.execution(agent, document)
    assert why(stage, execution_id, "t0")["task_id"] == "t0s2"
    assert lines(stage, execution_id)["t0"]["cause"] == "human_task"


def test_line_in_the_tree_is_the_same_and_absent_where_it_is_done(
    stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(3, 2))
    stage.carry_out(agent, 2)
    stage.poll(agent)
    clock.advance(seconds=1)
    told = lines(stage, execution_id)
    assert (told["t0s0"], told["t0s1"], told["t0"]) == (None, None, None)
    for name in ("t1s0", "t1s1", "t2s0", "t2s1", "t1", "t2"):
        assert told[name] == why(stage, execution_id, name)


def test_paused_and_unstarted_executions_say_so(
    services: Services, stage: Stage, agent: Principal
) -> None:
    request = {"plan_id": stage.plan(wide_plan(1)), "agent_id": agent.agent_id, "start": False}
    execution_id = services.executions.create(stage.owner, request)["execution_id"]
    assert why(stage, execution_id, "t0s0")["cause"] == "not_started"
    services.executions.control(stage.owner, execution_id, {"status": "RUNNING"})
    services.executions.control(stage.owner, execution_id, {"status": "PAUSED", "reason": "Lunch."})
    told = why(stage, execution_id, "t0s0")
    assert (told["cause"], told["cleared_by"]) == ("paused", "user")
    assert "Lunch." in told["detail"]


def test_ended_execution_is_explained_from_the_record(
    services: Services, stage: Stage, agent: Principal, clock: TurnedClock
) -> None:
    execution_id = stage.execution(agent, plan_document(1, 2))
    stage.carry_out(agent, 1)
    services.executions.control(stage.owner, execution_id, {"status": "CANCELLED"})
    services.persistence.drain(stage.workspace_id, dt.timedelta())
    clock.advance(minutes=2)
    services.upkeep.sweep(stage.workspace_id)
    told = why(stage, execution_id, "t0")
    assert (told["task_id"], told["cause"], told["cleared_by"]) == ("t0s1", "done", "nobody")
    assert why(stage, execution_id, "t0s0")["detail"] == "It is COMPLETED."


def test_unknown_tasks_and_executions_are_not_found(stage: Stage, agent: Principal) -> None:
    execution_id = stage.execution(agent)
    for execution, task in ((execution_id, "t9"), ("exec_none", "t0")):
        with pytest.raises(NotFound):
            why(stage, execution, task)


def test_snapshot_of_the_stream_has_lines_and_open_blockers(
    services: Services, stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, wide_plan(1, action="send_email"))
    feed = services.feed.follow(stage.workspace_id, execution_id, None)
    snapshot = json.loads(next(feed) or "")
    feed.close()  # type: ignore[attr-defined]
    (blocker,) = snapshot["blockers"]
    assert (blocker["kind"], blocker["status"]) == ("approval", "OPEN")
    row = snapshot["tasks"]["phases"][0]["tasks"][0]["subtasks"][0]
    assert row["why"]["cause"] == "approval"


def test_tree_of_ten_thousand_subtasks_takes_at_most_a_second_of_computing(
    stage: Stage, agent: Principal
) -> None:
    execution_id = stage.execution(agent, plan_document(1000, 10))
    # Of this process alone: others on the machine do not count.
    began = time.process_time()
    told = lines(stage, execution_id)
    took = time.process_time() - began
    assert told["t0s0"]["holds_up"] == 9_999
    print(f"tree of 10,000 subtasks with why: {took:.3f} s")
    assert took <= 1.0
