"""Revising a breakdown: a person's operations on its steps, with every edge mended.

A step is known by its id to the whole plan, so what waits for it may belong to another task. All
functions take the steps of every task and answer with what is different. Afterwards the written
order of the revised task agrees with its dependencies.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from app.domain.errors import Fault, Invalid, InvalidPlan
from app.domain.graph import topological_order
from app.domain.ids import is_own_id
from app.domain.operations import (
    MOST_STEPS,
    Add,
    Drop,
    Edit,
    Merge,
    Move,
    NewStep,
    Operation,
    Part,
    Split,
)
from app.domain.plan import Assignee, RetryPolicy, Source, Subtask

Steps = Mapping[str, Sequence[Subtask]]

BY_HAND: Final = "a person decided this"
UNNAMED_ACTION: Final = "perform_task"
_DECISIONS: Final = frozenset({"action", "assignee", "requires_approval"})
_LONGEST_TITLE: Final = 300
_MOST_HOURS: Final = 8760.0
_SHOWN: Final = 60


class Defaults(msgspec.Struct, frozen=True):
    """What a step gets where nobody says anything. The settings provide it."""

    timeout_hours: float = 24.0
    retry_policy: RetryPolicy = RetryPolicy()


class Revised(msgspec.Struct, frozen=True):
    """What has become of a plan's steps: those of each task that changed, and what was done."""

    steps: dict[str, list[Subtask]]
    told: list[str]


def revise(
    steps: Steps,
    task_id: str,
    operations: Sequence[Operation],
    start: Defaults,
    reserved: Collection[str] = (),
) -> Revised:
    """Carry operations out on one task, in order: all of them or none.

    Args:
        steps: The steps of every task of the plan.
        task_id: Whose steps the operations name.
        operations: What to do.
        start: What a new step gets where nothing is said.
        reserved: Ids that no new step may bear: those the plan itself has elsewhere.

    Raises:
        Invalid: One cannot be carried out; the fault names it by its number.
    """
    bench = _Bench(steps, task_id, reserved, start)
    told: list[str] = []
    for number, operation in enumerate(operations):
        try:
            told.append(bench.carry_out(operation))
        except Invalid as error:
            message = str(error)
            raise Invalid(message, [Fault(f"operations[{number}]", message)]) from error
    return Revised(bench.changed(), told)


def replace(
    steps: Steps, task_id: str, subtasks: Iterable[Subtask], reserved: Collection[str] = ()
) -> Revised:
    """Put other steps in place of those of one task.

    Whoever waited for a step that is gone waits for the ends of the new ones. An id that is taken
    elsewhere gives way to a free one.

    Raises:
        Invalid: There is none, there are too many, or they wait for each other in a circle.
    """
    bench = _Bench(steps, task_id, reserved)
    bench.replace(list(subtasks))
    return Revised(bench.changed(), ["Replaced all steps."])


def mend(before: Steps, after: Steps) -> dict[str, list[Subtask]]:
    """Let steps that waited for what other tasks have no more wait for the ends of what they have.

    Args:
        before: The steps of every task, as they were.
        after: The steps of every task, where some tasks have others now.

    Returns:
        The steps of each task that had to be mended.
    """
    present = {step.subtask_id for steps in after.values() for step in steps}
    instead = {
        step.subtask_id: _ends(after.get(name, ()))
        for name, steps in before.items()
        for step in steps
        if step.subtask_id not in present
    }
    mended = {name: [_redirected(step, instead) for step in steps] for name, steps in after.items()}
    return {name: steps for name, steps in mended.items() if steps != list(after[name])}


def written(
    asked: Sequence[NewStep],
    task_id: str,
    start: Defaults,
    elsewhere: Collection[str],
    present: Collection[str] = (),
) -> list[Subtask]:
    """Make subtasks of the steps of a manual breakdown.

    Args:
        asked: The steps; one without dependencies waits for the one before it.
        task_id: Whose they are; ids are made of it where none is given.
        start: What a step gets where nothing is said.
        elsewhere: Ids that are taken: no step may bring one of them.
        present: Ids of the steps that are replaced: they may be brought, and are not made up.

    Raises:
        Invalid: An id is no id, is taken or comes twice.
    """
    brought = [step.subtask_id for step in asked if isinstance(step.subtask_id, str)]
    faults = [
        Fault(f"subtasks.{one}", told)
        for one in dict.fromkeys(brought)
        if (told := _id_fault(one, elsewhere) or ("comes twice" if brought.count(one) > 1 else ""))
    ]
    if faults:
        raise Invalid("Ids are unknown, repeated or taken.", faults)
    taken = {*elsewhere, *present, *brought}
    made: list[Subtask] = []
    for step in asked:
        own = step.subtask_id
        subtask_id = own if isinstance(own, str) else _free(f"{task_id}_s", taken)
        taken.add(subtask_id)
        waits = [made[-1].subtask_id] if made else []
        made.append(_new(step, subtask_id, waits, start))
    return made


class _Bench:
    """The steps of a plan while those of one task are worked on."""

    def __init__(
        self,
        steps: Steps,
        task_id: str,
        reserved: Collection[str],
        start: Defaults | None = None,
    ) -> None:
        self._start = start or Defaults()
        self._work = {name: list(found) for name, found in steps.items()}
        self._task_id = task_id
        self._work.setdefault(task_id, [])
        self._before = {task_id: [], **steps}
        self._reserved = frozenset(reserved)
        if self._steps:
            self._settle()

    @property
    def _steps(self) -> list[Subtask]:
        return self._work[self._task_id]

    def changed(self) -> dict[str, list[Subtask]]:
        """Give the tasks whose steps are not what they were; always the one worked on."""
        return {
            name: found
            for name, found in self._work.items()
            if name == self._task_id or found != list(self._before[name])
        }

    def carry_out(self, operation: Operation) -> str:
        match operation:
            case Edit():
                told = self._edit(operation)
            case Split():
                told = self._split(operation)
            case Merge():
                told = self._merge(operation)
            case Move():
                told = self._move(operation)
            case Drop():
                told = self._drop(operation)
            case Add():
                told = self._add(operation)
        self._settle()
        return told

    def replace(self, subtasks: list[Subtask]) -> None:
        gone = {one.subtask_id for one in self._steps}
        self._work[self._task_id] = []
        taken = self._taken()
        new = {one.subtask_id for one in subtasks}
        names = {name: _free(f"{name}.", taken | new) for name in new & taken}
        self._work[self._task_id] = [_renamed(one, names) for one in subtasks]
        self._settle()
        self._redirect(gone - {one.subtask_id for one in self._steps}, _ends(self._steps))

    def _edit(self, wanted: Edit) -> str:
        place = self._find(wanted.subtask_id)
        step = self._steps[place]
        self._steps[place] = _changed(step, wanted.said())
        return f"Changed {_named(step)}: {', '.join(wanted.said()) or 'nothing'}."

    def _split(self, wanted: Split) -> str:
        place = self._find(wanted.subtask_id)
        whole = self._steps[place]
        taken = self._taken()
        parts: list[Subtask] = []
        waits = whole.dependencies
        for number, part in enumerate(wanted.parts, 1):
            last = number == len(wanted.parts)
            own = whole.subtask_id if last else _free(f"{whole.subtask_id}.", taken)
            taken.add(own)
            parts.append(_part(part, whole, own, waits, last=last))
            waits = [own]
        self._steps[place : place + 1] = parts
        return f"Split {_named(whole)} into {len(parts)} steps."

    def _merge(self, wanted: Merge) -> str:
        places = sorted(self._find(one) for one in dict.fromkeys(wanted.subtask_ids))
        first, last = places[0], places[-1]
        if len(places) <= 1 or places != list(range(first, last + 1)):
            raise Invalid("Only steps that follow each other can be merged: move them first.")
        merged = self._steps[first : last + 1]
        self._steps[first : last + 1] = [_joined(merged, wanted)]
        self._redirect({one.subtask_id for one in merged[:-1]}, [merged[-1].subtask_id])
        return f"Merged {' and '.join(map(_named, merged))}."

    def _move(self, wanted: Move) -> str:
        place = self._find(wanted.subtask_id)
        step = self._steps[place]
        goal = len(self._steps) if wanted.before is None else self._find(wanted.before)
        while place > goal:
            self._swap(place - 1)
            place -= 1
        while place + 1 < goal:
            self._swap(place)
            place += 1
        return f"Moved {_named(step)}."

    def _drop(self, wanted: Drop) -> str:
        place = self._find(wanted.subtask_id)
        if len(self._steps) == 1:
            raise Invalid("A task keeps at least one step: edit this one.")
        step = self._steps.pop(place)
        self._redirect({step.subtask_id}, step.dependencies)
        return f"Dropped {_named(step)}."

    def _add(self, wanted: Add) -> str:
        own = wanted.subtask.subtask_id
        taken = self._taken()
        if not isinstance(own, str):
            own = _free(f"{self._task_id}_s", taken)
        elif told := _id_fault(own, taken):
            raise Invalid(f"{own!r} {told}.")
        place = len(self._steps) if wanted.before is None else self._find(wanted.before)
        before = [self._steps[place - 1].subtask_id] if place else []
        step = _new(wanted.subtask, own, before, self._start)
        if wanted.subtask.dependencies is msgspec.UNSET and place < len(self._steps):
            self._steps[place] = _inserted(self._steps[place], before, own)
        self._steps.insert(place, step)
        return f"Added {_named(step)}."

    def _swap(self, place: int) -> None:
        """Let two neighbours change places; where one waits for the other, their roles as well."""
        first, second = self._steps[place : place + 2]
        if first.subtask_id in second.dependencies:
            self._redirect({second.subtask_id}, [first.subtask_id])
            others = [one for one in second.dependencies if one != first.subtask_id]
            second = _waiting(second, [*first.dependencies, *others])
            first = _waiting(first, [second.subtask_id])
        self._steps[place : place + 2] = [second, first]

    def _redirect(self, gone: Collection[str], to: Sequence[str]) -> None:
        """Let everybody in the plan who waits for what is gone wait for something else."""
        instead = dict.fromkeys(gone, to)
        for steps in self._work.values():
            steps[:] = [_redirected(step, instead) for step in steps]

    def _settle(self) -> None:
        """Put the steps into an order that agrees with what they wait for."""
        if not 0 < len(self._steps) <= MOST_STEPS:
            raise Invalid(f"A task has 1 to {MOST_STEPS} steps.")
        by_id = {one.subtask_id: one for one in self._steps}
        edges = {
            name: [one for one in step.dependencies if one in by_id] for name, step in by_id.items()
        }
        try:
            self._work[self._task_id] = [by_id[name] for name in topological_order(edges)]
        except InvalidPlan as error:
            raise Invalid(str(error)) from error

    def _find(self, subtask_id: str) -> int:
        for place, step in enumerate(self._steps):
            if step.subtask_id == subtask_id:
                return place
        raise Invalid(f"This breakdown has no step {subtask_id!r}.")

    def _taken(self) -> set[str]:
        own = (step.subtask_id for steps in self._work.values() for step in steps)
        return {*self._reserved, *self._work, *own}


def _named(step: Subtask) -> str:
    title = step.title if len(step.title) <= _SHOWN else f"{step.title[: _SHOWN - 1]}…"
    return f"“{title}”"


def _id_fault(subtask_id: str, taken: Collection[str]) -> str:
    if not is_own_id(subtask_id):
        return "is no id: use letters, digits and . _ : - only, up to 100"
    return "is taken in this plan" if subtask_id in taken else ""


def _free(stem: str, taken: Collection[str]) -> str:
    number = 1
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def _ends(steps: Iterable[Subtask]) -> list[str]:
    """Name the steps that no other of them waits for."""
    steps = list(steps)
    waited_for = {item for one in steps for item in one.dependencies}
    return [one.subtask_id for one in steps if one.subtask_id not in waited_for]


def _redirected(step: Subtask, instead: Mapping[str, Sequence[str]]) -> Subtask:
    """Let a step wait for other steps in place of those that are gone."""
    if instead.keys().isdisjoint(step.dependencies):
        return step
    waits = [other for one in step.dependencies for other in instead.get(one, [one])]
    return _waiting(step, [one for one in waits if one != step.subtask_id])


def _waiting(step: Subtask, waits: Iterable[str]) -> Subtask:
    return msgspec.structs.replace(step, dependencies=list(dict.fromkeys(waits)))


def _renamed(step: Subtask, names: Mapping[str, str]) -> Subtask:
    waits = [names.get(one, one) for one in step.dependencies]
    own = names.get(step.subtask_id, step.subtask_id)
    return _waiting(msgspec.structs.replace(step, subtask_id=own), waits)


def _changed(step: Subtask, said: dict[str, Any]) -> Subtask:
    said = {**said, "params": _following(step, said)}
    decided = [name for name in said if name in _DECISIONS and said[name] != getattr(step, name)]
    reasons = [BY_HAND] if decided else step.reasons
    return msgspec.structs.replace(step, **said, reasons=reasons)


def _following(step: Subtask, said: Mapping[str, Any]) -> dict[str, Any]:
    """Let params that repeat the step's own words follow them: an agent goes by its params."""
    params: dict[str, Any] = said.get("params", step.params)
    own = {"title": step.title, "description": step.description}
    repeated = {name: said[name] for name in own if name in said and params.get(name) == own[name]}
    return {**params, **repeated}


def _new(step: NewStep, subtask_id: str, waits: list[str], start: Defaults) -> Subtask:
    fields: dict[str, Any] = {
        **msgspec.structs.asdict(start),
        "action": UNNAMED_ACTION,
        "dependencies": waits,
        **step.said(),
    }
    return Subtask(subtask_id=subtask_id, reasons=[BY_HAND], **fields)


def _part(part: Part, whole: Subtask, own: str, waits: list[str], *, last: bool) -> Subtask:
    # What shows that the whole is done shows it at its end.
    criteria = whole.success_criteria if last else []
    start = msgspec.structs.replace(
        whole, subtask_id=own, dependencies=list(waits), success_criteria=criteria
    )
    return _changed(start, part.said())


def _inserted(following: Subtask, before: Sequence[str], own: str) -> Subtask:
    """Let a step wait for the new one in place of the one before, where it waited for that."""
    if before and before[0] not in following.dependencies:
        return following
    return _waiting(following, [own, *(one for one in following.dependencies if one not in before)])


def _joined(steps: Sequence[Subtask], wanted: Merge) -> Subtask:
    """Make one step of several: it asks for all they asked for, and waits for all outside."""
    actions = list(dict.fromkeys(step.action for step in steps))
    if len(actions) > 1 and wanted.action is msgspec.UNSET:
        raise Invalid(f"They ask for different actions ({', '.join(actions)}): say which one.")
    own = {step.subtask_id for step in steps}
    waits = (one for step in steps for one in step.dependencies if one not in own)
    params: dict[str, Any] = {}
    for step in reversed(steps):
        params |= step.params
    human = any(step.assignee is Assignee.HUMAN for step in steps)
    whole = msgspec.structs.replace(
        steps[-1],
        title=" and ".join(step.title for step in steps)[:_LONGEST_TITLE],
        description="\n".join(_different(step.description for step in steps)),
        params=params,
        timeout_hours=min(_MOST_HOURS, sum(step.timeout_hours for step in steps)),
        success_criteria=_different(one for step in steps for one in step.success_criteria),
        requires_approval=any(step.requires_approval for step in steps),
        assignee=Assignee.HUMAN if human else Assignee.AGENT,
        source=_common_source(steps),
        reasons=_different(one for step in steps for one in step.reasons),
    )
    return _waiting(_changed(whole, wanted.said()), waits)


def _different(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _common_source(steps: Sequence[Subtask]) -> Source | None:
    sources = [step.source for step in steps if step.source]
    if not sources or all(one == sources[0] for one in sources):
        return sources[0] if sources else None
    quote = " … ".join(_different(one.quote for one in sources))[:500]
    return Source(sources[0].task_id, None, quote)
