"""Breakdowns: what is kept, what is made, and how sure it is."""

import pytest

from app.domain.plan import Assignee, Estimate, Phase, Plan, RetryPolicy, Task, WrittenSubtask
from decomposer.confidence import confidence_of
from decomposer.rules import ACTION, Defaults, decompose, decompose_plan

WORDS = "word " * 30


def plan_of(*tasks: Task) -> Plan:
    return Plan("p", "P", [Phase("phase_1", "A", list(tasks))])


def written(subtask_id: str, **fields: object) -> WrittenSubtask:
    return WrittenSubtask(subtask_id, subtask_id, **fields)  # pyright: ignore[reportArgumentType]


def test_subtasks_with_actions_are_kept_as_they_are() -> None:
    given = written(
        "s1",
        description="d",
        action="send_email",
        params={"to": "a"},
        timeout_hours=2.0,
        retry_policy=RetryPolicy(max_attempts=1),
        success_criteria=["sent"],
        requires_approval=True,
        assignee=Assignee.HUMAN,
    )
    task = Task("t", "T", written_subtasks=[given])
    breakdown = decompose(task, plan_of(task), 1.0)
    assert (breakdown.strategy, breakdown.confidence, breakdown.needs_review) == (
        "given",
        1.0,
        False,
    )
    (made,) = breakdown.subtasks
    assert (made.action, made.params, made.timeout_hours) == ("send_email", {"to": "a"}, 2.0)
    assert (made.retry_policy.max_attempts, made.requires_approval) == (1, True)
    assert (made.assignee, made.success_criteria) == (Assignee.HUMAN, ["sent"])


def test_written_items_become_steps_in_written_order() -> None:
    items = [written("a", description="d", resources=["Desk"]), written("b"), written("c")]
    task = Task("t", "T", written_subtasks=items)
    breakdown = decompose(task, plan_of(task), 0.8)
    assert breakdown.strategy == "rules"
    assert [(made.subtask_id, made.dependencies) for made in breakdown.subtasks] == [
        ("a", []),
        ("b", ["a"]),
        ("c", ["b"]),
    ]
    assert breakdown.subtasks[0].action == ACTION
    assert breakdown.subtasks[0].params == {"title": "a", "description": "d", "resources": ["Desk"]}


def test_one_step_without_action_makes_it_rules_and_keeps_the_others_actions() -> None:
    items = [written("a", action="x", params={"n": 1}), written("b", params={"m": 2})]
    task = Task("t", "T", written_subtasks=items)
    breakdown = decompose(task, plan_of(task), 0.8)
    assert breakdown.strategy == "rules"
    assert [made.action for made in breakdown.subtasks] == ["x", ACTION]
    assert breakdown.subtasks[0].params == {"n": 1}
    assert breakdown.subtasks[1].params["m"] == 2


def test_settings_fill_what_the_plan_leaves_open() -> None:
    task = Task("t", "T")
    defaults = Defaults(timeout_hours=3.0, retry_policy=RetryPolicy(max_attempts=9))
    (made,) = decompose(task, plan_of(task), 0.8, defaults).subtasks
    assert (made.timeout_hours, made.retry_policy.max_attempts) == (3.0, 9)


def test_task_without_items_becomes_one_step_to_review() -> None:
    task = Task("t", "T", description=WORDS)
    breakdown = decompose(task, plan_of(task), 0.8)
    assert [made.subtask_id for made in breakdown.subtasks] == ["t_s1"]
    assert breakdown.confidence < 0.8
    assert breakdown.needs_review


def test_made_id_keeps_clear_of_those_of_the_plan() -> None:
    first = Task("t", "T")
    other = Task("t_s1", "U", written_subtasks=[written("t_s2")])
    plan = plan_of(first, other)
    assert decompose(first, plan, 0.8).subtasks[0].subtask_id == "t_s3"
    assert decompose_plan(plan, 0.8) == [decompose(task, plan, 0.8) for task in plan.tasks]


def test_confidence_is_full_but_for_the_guessed_action() -> None:
    items = [written(name, description=WORDS, resources=["Desk"]) for name in "ab"]
    task = Task("t", "T", estimate=Estimate(realistic_hours=16))
    confidence, reasons = confidence_of(task, items, written=True)
    assert confidence == 0.95
    assert [reason.split(":")[0] for reason in reasons] == [
        "written",
        "described",
        "sized",
        "resources",
        "distinct",
        "action",
    ]


@pytest.mark.parametrize(
    ("task", "items", "expected"),
    [
        (Task("t", "T"), [written("a")], 0.4 + 0.075 + 0.1),
        (
            Task("t", "T", estimate=Estimate(realistic_hours=480)),
            [written("a")],
            0.4 + 0.0075 + 0.1,
        ),
        (Task("t", "T", estimate=Estimate(realistic_hours=0)), [written("a")], 0.4 + 0.15 + 0.1),
        (Task("t", "T"), [written("a"), WrittenSubtask("b", "A ")], 0.4 + 0.075 + 0.05),
        (Task("t", "T"), [written("a", action="x"), written("b")], 0.4 + 0.075 + 0.1 + 0.025),
        (Task("t", "T"), [written("a", description="word " * 15)], 0.4 + 0.1 + 0.075 + 0.1),
    ],
)
def test_confidence_is_the_sum_of_its_parts(
    task: Task, items: list[WrittenSubtask], expected: float
) -> None:
    assert confidence_of(task, items, written=True)[0] == pytest.approx(expected, abs=0.006)
