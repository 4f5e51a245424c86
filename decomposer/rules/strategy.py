"""A task as the rules break it down.

Written subtasks stay the source: each becomes one step, or the steps of its rule, in written
order. A task without any is expanded from its own text. Nothing is added that no rule says.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from app.domain.plan import Plan, RetryPolicy, Source, Subtask, Task, WrittenSubtask
from decomposer.rules.catalogue import PERFORM_TASK
from decomposer.rules.kinds import KindOfPlan, kind_of
from decomposer.rules.reading import FOREIGN_FROM, Item, Reading, read
from decomposer.rules.rulebook import Rulebook, default_rulebook
from decomposer.rules.steps import Draft, drafts_of, subtask_of
from decomposer.strategy import Defaults, Frame, Proposal
from decomposer.words import foreign_balance, sentences_of

MOST_SENTENCES: Final = 30
"""Sentences of a task's own description that may become steps."""

LONGEST_QUOTE: Final = 500
_LEAST_TITLE: Final = 3


class _Ground(msgspec.Struct, frozen=True):
    """What is found out once for a plan."""

    kind: KindOfPlan
    foreign: bool


class RuleStrategy:
    """Breaks tasks down by a rulebook; the same input gives the same answer."""

    def __init__(self, rulebook: Rulebook | None = None) -> None:
        self.rulebook = rulebook or default_rulebook()
        self._last: tuple[Plan, _Ground] | None = None

    def propose(self, task: Task, frame: Frame) -> Proposal:
        """Propose subtasks for one task."""
        ground = self._ground(frame.plan)
        written = task.written_subtasks
        subtasks = self._of_written(task, ground, frame) if written else []
        subtasks = subtasks or self._of_itself(task, ground, frame)
        return Proposal("rules", subtasks, notes=str(ground.kind))

    def only_a_person(self, title: str, frame: Frame) -> str:
        """Give the words of a title that make it a person's work; empty where there are none."""
        duty = self._read(Item(title), self._ground(frame.plan)).instead
        return duty.words if duty else ""

    def _ground(self, plan: Plan) -> _Ground:
        # One plan after the other: a thread that comes between costs only the time to look anew.
        last = self._last
        if last is None or last[0] is not plan:
            ground = _Ground(kind_of(plan, self.rulebook), _is_foreign(plan))
            last = self._last = (plan, ground)
        return last[1]

    def _of_written(self, task: Task, ground: _Ground, frame: Frame) -> list[Subtask]:
        made: list[Subtask] = []
        before: list[str] = []
        for item in task.written_subtasks:
            waits = before if item.prerequisites is None else list(item.prerequisites)
            if item.action:
                made.append(given_subtask(item, waits, frame.defaults, task.task_id))
            else:
                made += self._of_item(task, item, waits, ground, frame)
            before = [item.subtask_id]
        return made

    def _of_item(
        self,
        task: Task,
        written: WrittenSubtask,
        waits: list[str],
        ground: _Ground,
        frame: Frame,
    ) -> Iterator[Subtask]:
        """Give one item's steps; the last bears its id, for that is what others wait for."""
        drafts = self._drafts(Item(written.title, written.description, written.resources), ground)
        source = source_of(task, written)
        number = 0
        for index, draft in enumerate(drafts):
            subtask_id = written.subtask_id
            if index < len(drafts) - 1:
                subtask_id, number = frame.free_id(f"{written.subtask_id}.", number + 1)
            kept = _as_written(draft, written)
            step = subtask_of(
                kept, subtask_id, waits, source, self.rulebook.catalogue, frame.defaults
            )
            yield stated(step, written)
            waits = [subtask_id]

    def _of_itself(self, task: Task, ground: _Ground, frame: Frame) -> list[Subtask]:
        made: list[Subtask] = []
        waits: list[str] = []
        number = 0
        for draft, quote in self._own_drafts(task, ground):
            subtask_id, number = frame.free_id(f"{task.task_id}_s", number + 1)
            source = Source(task.task_id, None, quote[:LONGEST_QUOTE])
            catalogue = self.rulebook.catalogue
            made.append(subtask_of(draft, subtask_id, waits, source, catalogue, frame.defaults))
            waits = [subtask_id]
        return made

    def _own_drafts(self, task: Task, ground: _Ground) -> Iterator[tuple[Draft, str]]:
        """Read the title, then each sentence of the text that a rule not used yet begins like."""
        item = Item(task.title, task.description)
        reading = self._read(item, ground)
        sentences = sentences_of(task.description)[:MOST_SENTENCES]
        others = [] if reading.foreign else [self._read(Item(one), ground) for one in sentences]
        used = {_key(reading)}
        further: list[tuple[Draft, str]] = []
        for sentence, other in zip(sentences, others, strict=False):
            if (key := _key(other)) and key not in used:
                used.add(key)
                further += [(draft, sentence) for draft in self._steps(Item(sentence), other)]
        if _key(reading) or not further:
            yield from ((draft, task.title) for draft in self._steps(item, reading))
        yield from further

    def _drafts(self, item: Item, ground: _Ground) -> list[Draft]:
        return self._steps(item, self._read(item, ground))

    def _read(self, item: Item, ground: _Ground) -> Reading:
        return read(item, self.rulebook, ground.kind.name, foreign=ground.foreign)

    def _steps(self, item: Item, reading: Reading) -> list[Draft]:
        return drafts_of(item, reading, self.rulebook.catalogue)


def _key(reading: Reading) -> str:
    """Name what was found in an item; empty where nothing was."""
    if reading.instead:
        return reading.instead.action
    return f"{reading.match.rule.kind}/{reading.match.rule.name}" if reading.match else ""


def _is_foreign(plan: Plan) -> bool:
    texts = [plan.title, plan.goal, *(task.title for task in plan.tasks[:200])]
    return foreign_balance(" ".join(text[:500] for text in texts)) >= FOREIGN_FROM


def source_of(task: Task, written: WrittenSubtask) -> Source:
    """Name a written subtask as a source, with its first words."""
    first = next(iter(sentences_of(written.description[:2000])), "")
    quote = f"{written.title}: {first}" if first else written.title
    return Source(task.task_id, written.subtask_id, quote[:LONGEST_QUOTE])


def _as_written(draft: Draft, written: WrittenSubtask) -> Draft:
    """Let what the plan states of an item stand over what its rule says."""
    given = {**written.params}
    if draft.action == PERFORM_TASK:
        given = {"description": written.description, "resources": written.resources} | given
    return msgspec.structs.replace(draft, params=draft.params | given)


def stated(step: Subtask, written: WrittenSubtask) -> Subtask:
    """Let what the plan states of a written subtask stand over what a strategy says."""
    return msgspec.structs.replace(
        step,
        timeout_hours=written.timeout_hours or step.timeout_hours,
        retry_policy=written.retry_policy or step.retry_policy,
        success_criteria=[*step.success_criteria, *written.success_criteria],
        requires_approval=step.requires_approval or written.requires_approval,
        assignee=step.assignee if written.assignee == "agent" else written.assignee,
    )


def given_subtask(
    written: WrittenSubtask, waits: list[str], defaults: Defaults, task_id: str
) -> Subtask:
    """Keep a subtask that the plan brings with its action."""
    policy: RetryPolicy = written.retry_policy or defaults.retry_policy
    return Subtask(
        subtask_id=written.subtask_id,
        title=written.title,
        action=written.action or PERFORM_TASK,
        description=written.description,
        params=dict(written.params),
        dependencies=list(waits),
        timeout_hours=written.timeout_hours or defaults.timeout_hours,
        retry_policy=policy,
        success_criteria=list(written.success_criteria),
        requires_approval=written.requires_approval,
        assignee=written.assignee,
        source=Source(task_id, written.subtask_id, written.title[:LONGEST_QUOTE]),
        reasons=["given: the plan names the action"],
    )
