"""A model's answer as subtasks: their ids, their order, and what a model has no say in.

The order between written subtasks is the plan's; a model orders the steps within one. What needs
an approval and what only a person can do is said by the catalogue and the rules; a model may add
to that and never take away.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from app.domain.plan import Assignee, Source, Subtask, Task, WrittenSubtask
from decomposer.model.answer import Answer, AnsweredStep
from decomposer.rules.steps import Draft, subtask_of
from decomposer.rules.strategy import LONGEST_QUOTE, RuleStrategy, given_subtask, source_of, stated
from decomposer.strategy import Frame

_ITSELF: Final = 0
"""The source of steps where a task has no written subtasks."""

_MOST_FAULTS: Final = 10


def faults_of(answer: Answer, task: Task) -> list[str]:
    """Say what is wrong with an answer besides its shape, for the model to mend."""
    open_items = _open_items(task)
    found = list(_wrong_numbers(answer, open_items))
    served = {step.source for step in answer.steps}
    missing = [str(number) for number in open_items if number not in served]
    if missing:
        found.append(f"no step has as source the written subtask {', '.join(missing)}")
    return found[:_MOST_FAULTS]


def _wrong_numbers(answer: Answer, open_items: Mapping[int, WrittenSubtask]) -> Iterator[str]:
    for place, step in enumerate(answer.steps, 1):
        if open_items and step.source not in open_items:
            yield f"steps[{place}].source is {step.source}: no number of a written subtask"
        for number in step.after or ():
            if not 0 < number < place:
                yield f"steps[{place}].after has {number}: no earlier step"


def _open_items(task: Task) -> dict[int, WrittenSubtask]:
    return {number: item for number, item in enumerate(task.written_subtasks, 1) if not item.action}


def subtasks_of(answer: Answer, task: Task, frame: Frame, rules: RuleStrategy) -> list[Subtask]:
    """Turn an answer without faults into subtasks, those that the plan brings among them."""
    steps: dict[int, list[tuple[int, AnsweredStep]]] = {}
    for number, step in enumerate(answer.steps, 1):
        key = (step.source or _ITSELF) if task.written_subtasks else _ITSELF
        steps.setdefault(key, []).append((number, step))
    if not task.written_subtasks:
        return _group(_Group(task, None, steps[_ITSELF], []), frame, rules)
    made: list[Subtask] = []
    before: list[str] = []
    for number, item in enumerate(task.written_subtasks, 1):
        waits = before if item.prerequisites is None else list(item.prerequisites)
        if item.action:
            made.append(given_subtask(item, waits, frame.defaults, task.task_id))
        else:
            made += _group(_Group(task, item, steps[number], waits), frame, rules)
        before = [item.subtask_id]
    return made


class _Group(msgspec.Struct, frozen=True):
    """The numbered steps of one written subtask, or of a task that has none."""

    task: Task
    item: WrittenSubtask | None
    steps: Sequence[tuple[int, AnsweredStep]]
    waits: list[str]


def _group(group: _Group, frame: Frame, rules: RuleStrategy) -> list[Subtask]:
    ids = _ids(group, frame)
    after = _order(group)
    made: list[Subtask] = []
    for number, step in group.steps:
        waits = [ids[one] for one in after[number]] or group.waits
        made.append(_subtask(step, ids[number], waits, group, frame, rules))
    return made


def _ids(group: _Group, frame: Frame) -> dict[int, str]:
    """Name the steps; the last bears the written subtask's id, for that is what others wait for."""
    stem = f"{group.item.subtask_id}." if group.item else f"{group.task.task_id}_s"
    found: dict[int, str] = {}
    count = 0
    for number, _ in group.steps:
        found[number], count = frame.free_id(stem, count + 1)
    if group.item:
        found[group.steps[-1][0]] = group.item.subtask_id
    return found


def _order(group: _Group) -> dict[int, list[int]]:
    """Give what each step waits for within its group; under a written subtask the last ends it."""
    numbers = [number for number, _ in group.steps]
    after: dict[int, list[int]] = {}
    for place, (number, step) in enumerate(group.steps):
        asked = numbers[max(0, place - 1) : place] if step.after is None else step.after
        after[number] = sorted({one for one in asked if one in numbers})
    if group.item:
        waited_for = {one for others in after.values() for one in others}
        last = numbers[-1]
        ends = [one for one in numbers[:-1] if one not in waited_for]
        after[last] = sorted({*after[last], *ends})
    return after


def _subtask(
    step: AnsweredStep,
    subtask_id: str,
    waits: Sequence[str],
    group: _Group,
    frame: Frame,
    rules: RuleStrategy,
) -> Subtask:
    catalogue = rules.rulebook.catalogue
    # By the catalogue's own name, or another name of a risky action would pass without approval.
    action = catalogue.known_as(step.action)
    draft = Draft(
        title=step.title,
        description=step.description,
        action=action,
        params={param.name: param.value for param in step.params},
        reasons=[f"{action}: the model's choice"],
        success_criteria=list(step.success_criteria),
        requires_approval=step.needs_approval,
    )
    task, item = group.task, group.item
    source = (
        source_of(task, item) if item else Source(task.task_id, None, task.title[:LONGEST_QUOTE])
    )
    made = subtask_of(draft, subtask_id, waits, source, catalogue, frame.defaults)
    made = stated(made, item) if item else made
    words = rules.only_a_person(step.title, frame)
    if step.performed_by == Assignee.HUMAN or words:
        told = f"only a person can, for it says {words!r}" if words else "the model asks a person"
        reasons = [*made.reasons, told]
        approval = bool(item and item.requires_approval)
        made = msgspec.structs.replace(
            made, assignee=Assignee.HUMAN, requires_approval=approval, reasons=reasons
        )
    return made
