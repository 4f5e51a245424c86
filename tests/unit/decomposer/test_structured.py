"""The structured JSON: what it may leave out, and how every bad field is named."""

import json
from typing import Any

import pytest

from app.domain.errors import InvalidPlan
from app.domain.plan import Assignee, Plan, RetryPolicy, Target
from decomposer.breakdown import decompose_plan
from tests.computing import computes_within
from tests.unit.decomposer.samples import codes, read_bytes, read_document, told


def plan_of(*tasks: object, **fields: Any) -> dict[str, Any]:
    return {"title": "Kiosk", "phases": [{"name": "All", "tasks": list(tasks)}], **fields}


def task(task_id: str, *needed: str, **fields: Any) -> dict[str, Any]:
    return {"task_id": task_id, "title": task_id.upper(), "prerequisites": list(needed), **fields}


def step(subtask_id: str, **fields: Any) -> dict[str, Any]:
    return {"subtask_id": subtask_id, "title": subtask_id, "action": "write", **fields}


def order_of(plan: Plan) -> dict[str, list[str]]:
    return {task.task_id: task.prerequisites for task in plan.tasks}


def steps_of(plan: Plan) -> dict[str, list[str] | None]:
    return {
        item.subtask_id: item.prerequisites for task in plan.tasks for item in task.written_subtasks
    }


def faults_of(document: object, **limits: Any) -> dict[str, str]:
    with pytest.raises(InvalidPlan) as caught:
        read_document(document, **limits)
    return {fault.where: fault.message for fault in caught.value.faults}


WHOLE = plan_of(
    {
        "task_id": "t1",
        "title": "Write",
        "description": "Write it.",
        "assignee_role": "Author",
        "agent_id": "larry",
        "priority": 2,
        "estimated_hours": 4,
        "subtasks": [
            {
                "subtask_id": "t1a",
                "title": "Draft",
                "description": "First draft.",
                "action": "write",
                "params": {"words": 100},
                "prerequisites": [],
                "timeout_hours": 2,
                "retry_policy": {"max_attempts": 5},
                "success_criteria": ["It is written"],
                "requires_approval": True,
                "assignee": "human",
            }
        ],
    },
    plan_id="my-plan",
    goal="A text",
    final_deliverable="The text",
    risks=[{"description": "Block"}, {"risk_id": "r", "description": "x", "mitigation": "y"}],
    roles_required=["Author"],
)


def test_every_field_of_the_contract_is_read() -> None:
    plan = read_document(WHOLE)
    assert (plan.plan_id, plan.title, plan.goal) == ("my-plan", "Kiosk", "A text")
    assert (plan.final_deliverable, plan.roles_required) == ("The text", ["Author"])
    assert [(risk.risk_id, risk.mitigation) for risk in plan.risks] == [("risk_1", ""), ("r", "y")]
    (one,) = plan.tasks
    assert (one.assignee_role, one.agent_id, one.priority) == ("Author", "larry", 2)
    assert (one.estimate.realistic_hours, one.estimate.derived) == (4, False)
    (item,) = one.written_subtasks
    assert (item.action, item.params, item.timeout_hours) == ("write", {"words": 100}, 2)
    assert (item.prerequisites, item.retry_policy) == ([], RetryPolicy(max_attempts=5))
    assert (item.requires_approval, item.assignee) == (True, Assignee.HUMAN)
    assert item.success_criteria == ["It is written"]


def test_file_and_body_read_the_same() -> None:
    assert read_bytes(json.dumps(WHOLE).encode(), "p.txt") == read_document(WHOLE)


def test_null_means_left_out() -> None:
    document = plan_of({"title": "A", "task_id": None, "subtasks": None}, goal=None, risks=None)
    assert read_document(document) == read_document(plan_of({"title": "A"}))


def test_left_out_ids_are_positions() -> None:
    document = {
        "title": "x",
        "phases": [
            {"name": "A", "tasks": [{"title": "a", "subtasks": [{"title": "s"}, {"title": "t"}]}]},
            {"name": "B", "tasks": [{"title": "b"}, {"title": "c", "task_id": "task_2_1"}]},
        ],
    }
    plan = read_document(document)
    assert plan.plan_id == "plan_1"
    assert [phase.phase_id for phase in plan.phases] == ["phase_1", "phase_2"]
    assert [one.task_id for one in plan.tasks] == ["task_1_1", "task_2_1_2", "task_2_1"]
    assert list(steps_of(plan)) == ["task_1_1_s1", "task_1_1_s2"]
    assert plan.warnings == []


def test_every_bad_field_is_named() -> None:
    document = plan_of(
        {
            "titel": "A",
            "description": None,
            "priority": 0,
            "estimated_hours": "4",
            "prerequisites": [1, "b"],
        },
        {"title": " ", "subtasks": [{"title": "s", "assignee": "dog", "retry_policy": {"x": 1}}]},
        {"title": "c", "subtasks": {"title": "s"}},
        7,
        dependencies=[{"from": "a", "to": "b", "type": 7}],
        extra=1,
    )
    tasks = "phases[0].tasks"
    assert faults_of(document).keys() == {
        f"{tasks}[0].title",
        f"{tasks}[0].titel",
        f"{tasks}[0].priority",
        f"{tasks}[0].estimated_hours",
        f"{tasks}[0].prerequisites[0]",
        f"{tasks}[1].title",
        f"{tasks}[1].subtasks[0].assignee",
        f"{tasks}[1].subtasks[0].retry_policy.x",
        f"{tasks}[2].subtasks",
        f"{tasks}[3]",
        "dependencies[0].type",
        "extra",
    }
    assert faults_of(document)[f"{tasks}[0].titel"] == "unknown field; did you mean title?"
    assert faults_of(document)[f"{tasks}[0].title"] == "the field is missing"


def test_dependency_of_another_type_is_told_and_read_as_finish_to_start() -> None:
    plan = read_document(
        plan_of(
            {"title": "A", "task_id": "a"},
            {"title": "B", "task_id": "b"},
            dependencies=[{"from": "a", "to": "b", "type": "start_to_start"}],
        )
    )
    assert plan.tasks[1].prerequisites == ["a"]
    (warning,) = told(plan, "dependency-type")
    assert (warning.where, warning.value) == ("dependencies[0].type", "start_to_start")


def test_object_of_another_kind_is_told_what_is_missing() -> None:
    assert faults_of({"name": "package", "version": 1}).keys() == {
        "title",
        "phases",
        "name",
        "version",
    }


@pytest.mark.parametrize("phases", [[], [{"name": "A", "tasks": []}]])
def test_plan_without_tasks_is_refused(phases: list[object]) -> None:
    assert faults_of({"title": "x", "phases": phases}) == {"phases": "the plan has no tasks"}


@pytest.mark.parametrize("bad", ["a b", "../x", "", "ä", "x" * 101])
def test_id_that_cannot_be_used_is_a_fault(bad: str) -> None:
    assert faults_of(plan_of({"title": "A", "task_id": bad})).keys() == {
        "phases[0].tasks[0].task_id"
    }
    assert faults_of(plan_of(task("a"), plan_id=bad)).keys() == {"plan_id"}


def test_duplicate_ids_are_faults_on_whichever_level() -> None:
    document = plan_of(task("a"), task("A"), task("b", subtasks=[step("a")]))
    assert faults_of(document).keys() == {
        "phases[0].tasks[1].task_id",
        "phases[0].tasks[2].subtasks[0].subtask_id",
    }


def test_limits_are_told_together() -> None:
    document = plan_of(task("a", subtasks=[step("s"), step("t")]), task("b"))
    with pytest.raises(InvalidPlan) as caught:
        read_document(document, max_tasks=1, max_subtasks=1)
    assert [fault.message for fault in caught.value.faults] == [
        "2 tasks, allowed are 1",
        "2 subtasks, allowed are 1",
    ]


def test_both_ways_of_stating_an_edge_count() -> None:
    document = plan_of(
        task("a"), task("b", " A"), task("c"), dependencies=[{"from": "b", "to": "c"}]
    )
    assert order_of(read_document(document)) == {"a": [], "b": ["a"], "c": ["b"]}


def test_edge_to_nothing_is_told() -> None:
    plan = read_document(plan_of(task("collect"), task("write", "colect")))
    assert told(plan, "dangling-id")[0].suggestion == "collect"
    assert told(plan, "dangling-id")[0].where == "phases[0].tasks[1].prerequisites[0]"


def test_phases_may_wait_for_phases() -> None:
    phases = [
        {"phase_id": "p", "name": "P", "tasks": [task("a"), task("b")]},
        {"phase_id": "q", "name": "Q", "tasks": [task("c")]},
    ]
    document = {"title": "x", "phases": phases, "dependencies": [{"from": "p", "to": "q"}]}
    assert order_of(read_document(document))["c"] == ["a", "b"]


def test_edges_between_large_phases_are_bounded() -> None:
    phases = [
        {"phase_id": name, "name": name, "tasks": [{"title": "t"}] * 50} for name in ("p", "q")
    ]
    document = {"title": "x", "phases": phases, "dependencies": [{"from": "p", "to": "q"}]}
    assert "dependencies[0]" in faults_of(document, max_edges=2_000)


def test_cycle_names_its_tasks_and_where_each_edge_stands() -> None:
    document = plan_of(
        task("a", "c"), task("b", "a"), task("c"), dependencies=[{"from": "b", "to": "c"}]
    )
    with pytest.raises(InvalidPlan, match=r"'C' \(c\) waits for 'B' \(b\) waits for 'A' \(a\)"):
        read_document(document)
    assert faults_of(document).keys() == {
        "phases[0].tasks[0].prerequisites[0]",
        "phases[0].tasks[1].prerequisites[0]",
        "dependencies[0]",
    }


def test_steps_keep_their_own_order() -> None:
    document = plan_of(
        task(
            "a",
            subtasks=[
                step("s1"),
                step("s2"),
                step("s3", prerequisites=[]),
                step("s4", prerequisites=["S1", "s2", "s2"]),
            ],
        )
    )
    plan = read_document(document)
    assert steps_of(plan) == {"s1": None, "s2": None, "s3": [], "s4": ["s1", "s2"]}
    (breakdown,) = decompose_plan(plan, 0.8)
    assert [made.dependencies for made in breakdown.subtasks] == [[], ["s1"], [], ["s1", "s2"]]


def test_edge_between_steps_of_one_task_joins_the_written_order() -> None:
    subtasks = [step("s1"), step("s2"), step("s3")]
    edges = [{"from": "s1", "to": "s3"}, {"from": "s1", "to": "s2"}]
    plan = read_document(plan_of(task("a", subtasks=subtasks), dependencies=edges))
    assert steps_of(plan) == {"s1": None, "s2": ["s1"], "s3": ["s2", "s1"]}


def test_step_that_waits_for_another_task_lets_its_task_wait() -> None:
    document = plan_of(
        task("a", subtasks=[step("s1")]),
        task("b", subtasks=[step("s2", prerequisites=["s1"])]),
    )
    plan = read_document(document)
    assert order_of(plan) == {"a": [], "b": ["a"]}
    assert steps_of(plan) == {"s1": None, "s2": []}
    assert len(told(plan, "widened-edge")) == 1


@pytest.mark.parametrize(
    ("needed", "code"),
    [("s1", "self-edge"), ("a", "self-edge"), ("phase_1", "own-phase"), ("zzz", "dangling-id")],
)
def test_step_that_waits_for_what_it_is_part_of_is_told(needed: str, code: str) -> None:
    plan = read_document(plan_of(task("a", subtasks=[step("s1", prerequisites=[needed])])))
    assert code in codes(plan)
    assert steps_of(plan) == {"s1": []}
    assert order_of(plan) == {"a": []}


def test_cycle_between_steps_counts_the_written_order_in() -> None:
    document = plan_of(task("a", subtasks=[step("s1", prerequisites=["s2"]), step("s2")]))
    assert faults_of(document).keys() == {
        "phases[0].tasks[0].subtasks[0].prerequisites[0]",
        "phases[0].tasks[0].subtasks[1].subtask_id",
    }


def test_ten_thousand_subtasks_are_read_and_broken_down_in_time() -> None:
    tasks = [
        task(
            f"t{i}",
            *([f"t{i - 1}"] if i else []),
            subtasks=[{"title": "s", "params": {"n": 1}}] * 20,
        )
        for i in range(500)
    ]
    with computes_within(1.5):
        breakdowns = decompose_plan(read_document(plan_of(*tasks)), 0.8)
    assert sum(len(found.subtasks) for found in breakdowns) == 10_000


def test_ten_thousand_tasks_without_steps_are_broken_down_in_time() -> None:
    tasks = [{"title": "t", "prerequisites": ["nothing like it"]} for _ in range(10_000)]
    with computes_within(3):
        decompose_plan(read_document(plan_of(*tasks)), 0.8)


def test_targets_are_read_and_what_is_no_number_is_a_fault() -> None:
    targets = [{"metric": "calls", "target": 5, "unit": "calls"}]
    plan = read_document({**plan_of(task("a")), "targets": targets})
    assert plan.targets == [Target("calls", 5, "calls")]
    faults = faults_of({**plan_of(task("a")), "targets": [{"metric": "calls", "target": "many"}]})
    assert faults.keys() == {"targets[0].target"}
