"""A task as a model breaks it down; as the rules do where the model gives nothing."""

from typing import Any

import msgspec

from app.domain.plan import PlanWarning, Task
from decomposer.errors import ModelError, ModelRefused, TooLarge
from decomposer.model.answer import Answer
from decomposer.model.exchange import Conversation, Failure, Usage, ask
from decomposer.model.prompt import question_of
from decomposer.model.steps import faults_of, subtasks_of
from decomposer.rules.strategy import RuleStrategy
from decomposer.strategy import Frame, Proposal


class ModelStrategy:
    """Breaks one task down by a model. With ``compare`` the rules run too, to see what agrees."""

    def __init__(
        self, conversation: Conversation, rules: RuleStrategy, *, compare: bool = False
    ) -> None:
        self._conversation = conversation
        self._rules = rules
        self._compare = compare

    def propose(self, task: Task, frame: Frame) -> Proposal:
        """Propose subtasks for one task.

        Raises:
            ModelBusy: Nothing was used up; try again later, or take ``RulesInstead``.
        """
        try:
            question = question_of(task, frame, self._rules.rulebook.catalogue)
        except TooLarge as error:
            return RulesInstead(self._rules, error).propose(task, frame)
        found = ask(self._conversation, question, lambda answer: faults_of(answer, task))
        if isinstance(found, Failure):
            return RulesInstead(self._rules, found.error, found.usage).propose(task, frame)
        return self._proposal(*found, task, frame)

    def _proposal(self, answer: Answer, usage: Usage, task: Task, frame: Frame) -> Proposal:
        rival = self._rules.propose(task, frame).subtasks if self._compare else None
        return Proposal(
            "llm",
            subtasks_of(answer, task, frame, self._rules),
            estimate=answer.confidence,
            rival=rival,
            notes=answer.notes,
            usage=usage_view(usage),
        )


class RulesInstead:
    """Breaks tasks down by the rules, and tells why not the model did."""

    def __init__(self, rules: RuleStrategy, error: ModelError, usage: Usage | None = None) -> None:
        self._rules = rules
        self._error = error
        self._usage = usage

    def propose(self, task: Task, frame: Frame) -> Proposal:
        """Propose subtasks for one task."""
        proposal = self._rules.propose(task, frame)
        warning = PlanWarning(
            self._error.code,
            f"The rules broke this task down in place of the model. {self._error}",
            f"tasks.{task.task_id}",
        )
        return msgspec.structs.replace(
            proposal,
            warnings=[*proposal.warnings, warning],
            usage=usage_view(self._usage) if self._usage else {},
            # What a model refuses to touch is worth a person's look.
            doubtful=isinstance(self._error, ModelRefused),
        )


def usage_view(usage: Usage) -> dict[str, Any]:
    """Give what was used as it is stored and shown."""
    return msgspec.structs.asdict(usage)
