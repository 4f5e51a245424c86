"""Agents report: every kind of event, batches, repeats, and what is refused."""

from typing import Any

import pytest

from app.domain.events import AGENT_EVENT_TYPES

from ..stage import wide_plan
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of


def log(scene: Scene, execution_id: str, query: str = "") -> list[Any]:
    items: list[Any] = scene.get(execution_id, f"/events?limit=1000{query}")["items"]
    return items


def step(scene: Scene, execution_id: str, place: int = 0) -> Any:
    return scene.get(execution_id, "/tasks")["phases"][0]["tasks"][0]["subtasks"][place]


def test_answer_tells_what_comes_next(scene: Scene, agent: AgentCaller, execution_id: str) -> None:
    work = agent.poll()
    event = {
        "event_type": "task_complete",
        "task_id": "t0s0",
        "event_id": "evt_mine",
        "lease_token": work["next_task"]["lease_token"],
        "agent_timestamp": "2026-01-01T00:00:00+02:00",
        "message": "Ünïcödé ✓",
        "output_data": {"n": [1, 2.5, None, True]},
        "usage": {"model": "m", "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.01},
    }
    answer: Any = agent.report(execution_id, event)

    assert answer.status_code == 201
    told = answer.json
    assert (told["event_id"], told["execution_id"]) == ("evt_mine", execution_id)
    assert (told["status"], told["next_task_id"], told["next_action"]) == (
        "RUNNING",
        "t0s1",
        "poll",
    )
    assert (told["force_pause"], told["force_cancel"]) == (False, False)
    (kept,) = log(scene, execution_id, "&type=task_complete")
    assert kept["seq"] == told["seq"]
    assert kept["output_data"] == event["output_data"]
    assert (kept["message"], kept["usage"]) == (event["message"], event["usage"])
    assert kept["agent_timestamp"] == "2025-12-31T22:00:00Z"
    assert (kept["actor"], kept["attempt"]) == (f"agent:{agent.agent_id}", 1)


def test_last_result_completes_the_execution(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    while work := agent.poll():
        answer = agent.complete(work).json

    assert (answer["status"], answer["next_task_id"], answer["next_action"]) == (
        "COMPLETED",
        None,
        "stop",
    )
    execution = scene.get(execution_id)
    assert (execution["status"], execution["progress"]["percent"]) == ("COMPLETED", 100)
    hashes = [one["hash"] for one in log(scene, execution_id)]
    assert len(set(hashes)) == len(hashes) == execution["seq"]


@pytest.mark.parametrize("kind", ["task_started", "task_progress"])
def test_progress_is_shown(scene: Scene, agent: AgentCaller, execution_id: str, kind: str) -> None:
    agent.poll()
    event = {"event_type": kind, "task_id": "t0s0", "progress_percent": 40, "message": "half"}

    assert agent.report(execution_id, event).status_code == 201
    assert step(scene, execution_id)["progress_percent"] == 40
    assert log(scene, execution_id)[-1]["event_type"] == kind


def test_heartbeat_is_logged_only_where_progress_changed(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    agent.poll()
    before = len(log(scene, execution_id))
    for progress in (None, 10, 10, 10, 20):
        event = {"event_type": "heartbeat", "task_id": "t0s0", "progress_percent": progress}
        assert agent.report(execution_id, event).status_code == 201

    assert len(log(scene, execution_id)) == before + 2
    assert step(scene, execution_id)["progress_percent"] == 20


def test_heartbeat_that_names_no_task_extends_all_leases_of_its_agent(
    user: Caller, scene: Scene, clock: Any, services: Any
) -> None:
    agent = AgentCaller(user, max_concurrent_tasks=5)
    first, second = scene.execution(agent, wide_plan(2)), scene.execution(agent, wide_plan(2))
    agent.poll("?max=5")
    for _ in range(3):
        clock.advance(minutes=10)
        assert agent.report(first, {"event_type": "heartbeat"}).status_code == 201
        services.upkeep.sweep("default")

    for execution_id in (first, second):
        assert step(scene, execution_id)["status"] == "RUNNING"


def test_error_is_retried_by_policy(scene: Scene, agent: AgentCaller, execution_id: str) -> None:
    agent.poll()
    event = {"event_type": "task_error", "task_id": "t0s0", "error_message": "no route"}

    assert agent.report(execution_id, event).json["status"] == "RUNNING"
    shown = step(scene, execution_id)
    assert (shown["status"], shown["error_message"]) == ("RETRYING", "no route")
    kinds = [one["event_type"] for one in log(scene, execution_id)[-2:]]
    assert kinds == ["task_error", "retry_scheduled"]


@pytest.mark.parametrize(
    "fields",
    [
        {"error_type": "validation_error"},
        {"error_type": "permanent"},
        {"human_review_required": True},
    ],
)
def test_error_for_a_person_is_not_retried(
    scene: Scene, agent: AgentCaller, execution_id: str, fields: dict[str, Any]
) -> None:
    agent.poll()
    event = {"event_type": "task_error", "task_id": "t0s0", "suggestions": ["ask Ann"], **fields}

    answer = agent.report(execution_id, event)
    assert answer.status_code == 201
    assert answer.json["human_review_required"] is True
    assert "skip" in answer.json["next_step_options"]
    assert log(scene, execution_id, "&type=retry_scheduled") == []
    (kept,) = log(scene, execution_id, "&type=task_error")
    assert kept["suggestions"] == ["ask Ann"]


def test_wait_for_the_outside_world_is_no_failure(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    agent.poll()
    event = {"event_type": "task_blocked", "task_id": "t0s0", "retry_after_seconds": 60}

    answer = agent.report(execution_id, event).json
    assert answer["status"] == "BLOCKED"
    assert "human_review_required" not in answer
    assert step(scene, execution_id)["status"] == "BLOCKED"


def test_note_goes_to_the_log_without_a_lease(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    for task_id in (None, "t0", "t1s1"):
        event = {"event_type": "note", "message": "hello", "task_id": task_id}
        assert agent.report(execution_id, event).status_code == 201
    assert [one["task_id"] for one in log(scene, execution_id, "&type=note")] == [
        None,
        "t0",
        "t1s1",
    ]


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({}, {"event_type"}),
        ({"event_type": "task_complete"}, {"task_id"}),
        ({"event_type": "task_complete", "task_id": ""}, {"task_id"}),
        ({"event_type": "task_complete", "task_id": 7}, {"task_id"}),
        ({"event_type": 7, "task_id": "t0s0"}, {"event_type"}),
        ({"event_type": None, "task_id": "t0s0"}, {"event_type"}),
        ({"event_type": "note", "colour": 1, "size": 2}, {"colour", "size"}),
        ({"event_type": "note", "event_id": ""}, {"event_id"}),
        ({"event_type": "note", "event_id": "x" * 201}, {"event_id"}),
        ({"event_type": "note", "agent_timestamp": "yesterday"}, {"agent_timestamp"}),
        (
            {"event_type": "note", "agent_timestamp": "0001-01-01T00:00:00+14:00"},
            {"agent_timestamp"},
        ),
        ({"event_type": "note", "progress_percent": 101}, {"progress_percent"}),
        ({"event_type": "note", "progress_percent": -1}, {"progress_percent"}),
        ({"event_type": "note", "progress_percent": "much"}, {"progress_percent"}),
        ({"event_type": "note", "message": "x" * 20_001}, {"message"}),
        ({"event_type": "note", "suggestions": "x"}, {"suggestions"}),
        ({"event_type": "note", "suggestions": ["x"] * 51}, {"suggestions"}),
        ({"event_type": "note", "retry_after_seconds": -1}, {"retry_after_seconds"}),
        ({"event_type": "note", "max_wait_seconds": 1e300}, {"max_wait_seconds"}),
        ({"event_type": "note", "usage": {"tokens": 1}}, {"usage"}),
        ({"event_type": "note", "usage": {"input_tokens": -1}}, {"usage"}),
        ({"event_type": "note", "output_data": "x" * 262_143}, {"output_data"}),
        ({"event_type": "note", "execution_id": "exec_other"}, {"execution_id"}),
        ({"event_type": "note", "agent_id": "agent_other"}, {"agent_id"}),
    ],
)
def test_bad_event_is_refused_by_field_and_changes_nothing(
    scene: Scene, agent: AgentCaller, execution_id: str, event: Any, fields: set[str]
) -> None:
    before = scene.get(execution_id)["seq"]

    answer = agent.report(execution_id, event)

    assert answer.status_code == 422
    assert {one.partition(".")[0] for one in fields_of(answer)} == fields
    assert scene.get(execution_id)["seq"] == before


def test_unknown_event_type_is_told_the_known_ones(agent: AgentCaller, execution_id: str) -> None:
    for kind in ("task_done", "execution_completed", "TASK_COMPLETE", ""):
        answer = agent.report(execution_id, {"event_type": kind, "task_id": "t0s0"})
        assert answer.status_code == 422
        told = answer.json["errors"][0]["message"]
        for known in AGENT_EVENT_TYPES:
            assert known.value in told


def test_unknown_task_is_refused(agent: AgentCaller, execution_id: str) -> None:
    for kind in ("task_complete", "heartbeat", "note", "task_error"):
        answer = agent.report(execution_id, {"event_type": kind, "task_id": "t9"})
        assert answer.status_code == 422
        assert answer.json["type"] == "/api/problems/unknown-task"
        assert "t9" in answer.json["detail"]


def test_ended_execution_takes_no_more_events(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    scene.carry_out(agent)
    before = scene.get(execution_id)["seq"]
    for kind in ("task_complete", "note", "heartbeat"):
        answer = agent.report(execution_id, {"event_type": kind, "task_id": "t0s0"})
        assert answer.status_code == 409
        assert answer.json["type"] == "/api/problems/execution-ended"
    assert scene.get(execution_id)["seq"] == before


def test_result_without_a_lease_is_kept_as_note(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    agent.poll()
    for task_id, token in (("t0s1", None), ("t0s0", "999")):
        event = {"event_type": "task_complete", "task_id": task_id, "lease_token": token}
        answer = agent.report(execution_id, event)
        assert answer.status_code == 409
        assert answer.json["type"] == "/api/problems/stale-lease"

    assert [one["task_id"] for one in log(scene, execution_id, "&type=note")] == ["t0s1", "t0s0"]
    assert step(scene, execution_id)["status"] == "RUNNING"


def test_repeated_event_id_gets_the_first_answer_and_changes_nothing(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    work = agent.poll()
    first = agent.complete(work, event_id="evt_1", output_data=1)
    agent.complete(agent.poll(), event_id="evt_2")
    before = scene.get(execution_id)["seq"]

    again = agent.complete(work, event_id="evt_1", output_data=2)

    assert again.status_code == 201
    same = ("event_id", "seq", "recorded_at", "status", "next_task_id")
    assert {name: again.json[name] for name in same} == {name: first.json[name] for name in same}
    assert scene.get(execution_id)["seq"] == before
    assert step(scene, execution_id)["result"] == 1


def test_repeat_of_the_event_that_ended_the_execution_gets_its_answer(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    while work := agent.poll():
        last, answer = work, agent.complete(work, event_id=work["next_task"]["task_id"])

    again = agent.complete(last, event_id=last["next_task"]["task_id"])

    assert (again.status_code, again.json["seq"]) == (201, answer.json["seq"])


def test_event_id_of_one_execution_is_free_in_another(scene: Scene, agent: AgentCaller) -> None:
    one, two = scene.execution(agent), scene.execution(agent)
    note = {"event_type": "note", "event_id": "evt_same", "message": "x"}

    assert agent.report(one, note).status_code == 201
    assert agent.report(two, note).status_code == 201
    assert len(log(scene, two, "&type=note")) == 1


def test_claim_gives_the_next_work_in_the_same_answer(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    work = agent.poll()
    order = []
    while True:
        order.append(work["next_task"]["task_id"])
        answer = agent.complete(work, "?claim=1").json
        if "next_task" not in answer:
            break
        assert answer["next_action"] == "execute"
        assert answer["next_task_id"] == answer["next_task"]["task_id"]
        work = {"next_task": answer["next_task"]}

    assert order == ["t0s0", "t0s1", "t1s0", "t1s1"]
    assert scene.get(execution_id)["status"] == "COMPLETED"


def test_repeated_claim_gets_the_same_lease(agent: AgentCaller, execution_id: str) -> None:
    work = agent.poll()
    first = agent.complete(work, "?claim=1", event_id="evt_1").json["next_task"]
    again = agent.complete(work, "?claim=1", event_id="evt_1").json["next_task"]

    assert (first["redelivered"], again["redelivered"]) == (False, True)
    assert first["lease_token"] == again["lease_token"]


def test_claim_hands_out_only_what_the_agent_does(
    user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    answer = agent.complete(agent.poll(), "?claim=1&supported_actions=dance").json

    assert "next_task" not in answer
    assert (answer["next_task_id"], answer["next_action"]) == ("t0s1", "poll")


def test_claim_finds_other_work_as_a_poll_would(scene: Scene, agent: AgentCaller) -> None:
    first = scene.execution(agent, wide_plan(1))
    second = scene.execution(agent, wide_plan(1))

    answer = agent.complete(agent.poll(), "?claim=1").json

    assert answer["execution_id"] == first
    assert answer["next_task"]["execution_id"] == second


def test_claim_finds_what_may_run_beside(user: Caller, scene: Scene, agent: AgentCaller) -> None:
    scene.execution(agent, wide_plan(2))

    answer = agent.complete(agent.poll(), "?claim=1").json

    assert (answer["next_task"]["task_id"], answer["next_action"]) == ("t0s1", "execute")


class TestBatches:
    def test_batch_answers_each_event_in_order(self, user: Caller, scene: Scene) -> None:
        agent = AgentCaller(user, max_concurrent_tasks=5)
        execution_id = scene.execution(agent, wide_plan(5))
        agent.poll("?max=5")
        events = [{"event_type": "task_complete", "task_id": f"t0s{n}"} for n in (3, 1, 4, 0, 2)]

        answer = agent.report(execution_id, {"events": events})

        assert answer.status_code == 207
        results = answer.json["results"]
        assert [one["status"] for one in results] == [201] * 5
        seqs = [one["seq"] for one in results]
        assert seqs == sorted(seqs)
        kept = [one["task_id"] for one in log(scene, execution_id, "&type=task_complete")]
        assert kept == ["t0s3", "t0s1", "t0s4", "t0s0", "t0s2"]
        assert scene.get(execution_id)["status"] == "COMPLETED"

    def test_bad_event_does_not_hold_up_the_others(
        self, scene: Scene, agent: AgentCaller, execution_id: str
    ) -> None:
        agent.poll()
        events = [
            {"event_type": "note", "message": "first"},
            {"event_type": "task_done", "task_id": "t0s0"},
            {"event_type": "task_complete", "task_id": "t9"},
            {"event_type": "task_complete", "task_id": "t0s1"},
            "no event",
            {"event_type": "task_complete", "task_id": "t0s0"},
        ]

        results = agent.report(execution_id, {"events": events}).json["results"]

        assert [one["status"] for one in results] == [201, 422, 422, 409, 422, 201]
        for one in results[1:5]:
            assert {"type", "title", "status", "detail", "instance", "errors"} <= one.keys()
        assert results[3]["type"] == "/api/problems/stale-lease"
        assert step(scene, execution_id)["status"] == "COMPLETED"

    def test_repeat_within_a_batch_gets_the_same_answer(
        self, scene: Scene, agent: AgentCaller, execution_id: str
    ) -> None:
        note = {"event_type": "note", "event_id": "evt_1", "message": "x"}

        first, again = agent.report(execution_id, {"events": [note, note]}).json["results"]

        assert first["seq"] == again["seq"]
        assert len(log(scene, execution_id, "&type=note")) == 1

    def test_whole_batch_may_be_sent_again(
        self, scene: Scene, agent: AgentCaller, execution_id: str
    ) -> None:
        events = [{"event_type": "note", "event_id": f"evt_{n}"} for n in range(20)]
        first = agent.report(execution_id, {"events": events}).json["results"]
        again = agent.report(execution_id, {"events": events}).json["results"]

        assert [one["seq"] for one in first] == [one["seq"] for one in again]
        assert len(log(scene, execution_id, "&type=note")) == 20

    def test_thousand_events_are_one_batch(
        self, scene: Scene, agent: AgentCaller, execution_id: str
    ) -> None:
        events = [{"event_type": "note", "message": str(number)} for number in range(1000)]

        answer = agent.report(execution_id, {"events": events})

        assert [one["status"] for one in answer.json["results"]] == [201] * 1000

    def test_too_many_events_are_refused_whole(
        self, scene: Scene, agent: AgentCaller, execution_id: str
    ) -> None:
        for count in (1001, 10_000):
            answer = agent.report(execution_id, {"events": [{"event_type": "note"}] * count})
            assert answer.status_code == 413
            assert "1000" in answer.json["detail"]
        assert log(scene, execution_id, "&type=note") == []

    @pytest.mark.parametrize(
        "body",
        [
            {"events": []},
            {"events": None},
            {"events": {}},
            {"events": "x"},
            {"events": [{"event_type": "note"}], "colour": 1},
        ],
    )
    def test_batch_of_another_shape_is_refused(
        self, scene: Scene, agent: AgentCaller, execution_id: str, body: Any
    ) -> None:
        answer = agent.report(execution_id, body)

        assert answer.status_code == 422
        assert ("colour" in fields_of(answer)) == ("colour" in body)
        assert log(scene, execution_id, "&type=note") == []

    def test_claim_comes_with_the_last_event_of_a_batch(
        self, agent: AgentCaller, execution_id: str
    ) -> None:
        agent.poll()
        events = [
            {"event_type": "task_progress", "task_id": "t0s0", "progress_percent": 50},
            {"event_type": "task_complete", "task_id": "t0s0"},
        ]

        first, last = agent.report(execution_id, {"events": events}, "?claim=1").json["results"]

        assert "next_task" not in first
        assert last["next_task"]["task_id"] == "t0s1"
