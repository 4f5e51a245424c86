"""Breakdown by rules: what the plan wrote becomes executable, nothing is invented.

A task whose subtasks all bring an action keeps them (strategy ``given``). Otherwise every written
subtask becomes one step of the action ``perform_task`` (strategy ``rules``), and a task without
written subtasks becomes a single step made of itself.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from app.domain.plan import Breakdown, Plan, RetryPolicy, Subtask, Task, WrittenSubtask
from decomposer.confidence import confidence_of

ACTION = "perform_task"
"""What an agent is asked to do where the plan names no action: read and carry out the text."""


class Defaults(msgspec.Struct, frozen=True):
    """What a subtask gets where the plan says nothing. The settings provide it."""

    timeout_hours: float = 24.0
    retry_policy: RetryPolicy = RetryPolicy()


def decompose(
    task: Task, plan: Plan, threshold: float, defaults: Defaults | None = None
) -> Breakdown:
    """Break one task down; the same input gives the same answer.

    For every task of a plan use ``decompose_plan``, which looks the plan's ids up once.

    Args:
        task: A task of the plan.
        plan: The plan: ids made up here keep clear of those in it.
        threshold: Confidence below which a person has to look, 0 to 1.
        defaults: Timeout and retries; without it those of the design.
    """

    def is_taken(item_id: str) -> bool:
        return any(item_id == known for known in _ids(plan))

    return _decompose(task, threshold, defaults or Defaults(), is_taken)


def decompose_plan(
    plan: Plan, threshold: float, defaults: Defaults | None = None
) -> list[Breakdown]:
    """Break all tasks down, in written order."""
    is_taken = set(_ids(plan)).__contains__
    return [_decompose(task, threshold, defaults or Defaults(), is_taken) for task in plan.tasks]


def _ids(plan: Plan) -> Iterable[str]:
    for phase in plan.phases:
        yield phase.phase_id
        for task in phase.tasks:
            yield task.task_id
            yield from (item.subtask_id for item in task.written_subtasks)


def _decompose(
    task: Task, threshold: float, defaults: Defaults, is_taken: Callable[[str], bool]
) -> Breakdown:
    written = task.written_subtasks
    steps = written or [_itself(task, is_taken)]
    strategy = "given" if all(item.action for item in steps) else "rules"
    if strategy == "given":
        confidence, reasons = 1.0, [f"given: the plan brings {len(steps)} subtasks with actions"]
    else:
        confidence, reasons = confidence_of(task, steps, written=bool(written))
    return Breakdown(
        task_id=task.task_id,
        strategy=strategy,
        confidence=confidence,
        confidence_reasons=reasons,
        subtasks=_in_order(steps, defaults),
        needs_review=confidence < threshold,
    )


def _itself(task: Task, is_taken: Callable[[str], bool]) -> WrittenSubtask:
    number = 1
    while is_taken(f"{task.task_id}_s{number}"):
        number += 1
    return WrittenSubtask(f"{task.task_id}_s{number}", task.title, task.description)


def _in_order(steps: list[WrittenSubtask], defaults: Defaults) -> list[Subtask]:
    """Let a step without prerequisites of its own wait for the one written before it."""
    before: list[str] = []
    made: list[Subtask] = []
    for step in steps:
        made.append(_subtask(step, before, defaults))
        before = [step.subtask_id]
    return made


def _subtask(step: WrittenSubtask, before: list[str], defaults: Defaults) -> Subtask:
    return Subtask(
        subtask_id=step.subtask_id,
        title=step.title,
        action=step.action or ACTION,
        description=step.description,
        params=dict(step.params) if step.action else _params(step),
        dependencies=list(before if step.prerequisites is None else step.prerequisites),
        timeout_hours=step.timeout_hours or defaults.timeout_hours,
        retry_policy=step.retry_policy or defaults.retry_policy,
        success_criteria=list(step.success_criteria),
        requires_approval=step.requires_approval,
        assignee=step.assignee,
    )


def _params(step: WrittenSubtask) -> dict[str, Any]:
    text: dict[str, Any] = {
        "title": step.title,
        "description": step.description,
        "resources": step.resources,
    }
    return text | step.params
