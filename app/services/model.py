"""The way to the model: what limits it, what it cost, and what it has answered before."""

import datetime as dt
import logging
import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from app.live.model_limits import ModelLimits
from app.record.decompositions import Decompositions
from app.record.model_answers import ModelAnswer, ModelAnswers
from decomposer.errors import BudgetSpent, ModelBusy
from decomposer.model import Completion, Conversation, Usage
from decomposer.model.prompt import Question

logger = logging.getLogger(__name__)

PATIENCE: Final = dt.timedelta(minutes=10)
"""How long a call waits for its place before its message goes back into the queue."""

_LOOKS_AGAIN: Final = 0.5
"""Seconds after which a waiting call looks again at the latest."""


class Budget(msgspec.Struct, frozen=True):
    """What models may use up for one plan; 0 sets no limit."""

    tokens: int = 0
    cost_usd: float = 0.0


class Client(Protocol):
    """Asks a model once."""

    def call(self, messages: Sequence[dict[str, str]]) -> Completion:
        """Ask."""
        ...


class Purpose(msgspec.Struct, frozen=True):
    """What a call is for: the task, and the plan whose budget it counts for, if any."""

    workspace_id: str
    name: str
    plan_id: str | None = None


class ModelAccess:
    """Holds conversations with one model of one server, within what all workers share."""

    def __init__(
        self,
        named: tuple[str, str],
        client: Callable[[], Client],
        limits: ModelLimits,
        answers: ModelAnswers,
        decompositions: Decompositions,
        budget: Budget,
    ) -> None:
        """Keep what conversations need.

        Args:
            named: Model and server, for telling their answers from others'.
            client: Makes the client; called at first use, for its SDK costs 0.8 s to import.
            limits: Shared by all workers.
            answers: What was answered before.
            decompositions: Knows what a plan has used.
            budget: Of one plan.
        """
        self.named = named
        self.client = client
        self.limits = limits
        self.answers = answers
        self.decompositions = decompositions
        self.budget = budget

    def converse(self, purpose: Purpose) -> Conversation:
        """Begin a conversation about one task."""
        return _Conversation(self, purpose)


class _Conversation:
    """One task's way to the model."""

    def __init__(self, access: ModelAccess, purpose: Purpose) -> None:
        self._access = access
        self._purpose = purpose
        self._used = Usage(access.named[0])

    def remembered(self, question: Question) -> Completion | None:
        found = self._access.answers.get(
            self._purpose.workspace_id, question.digest(*self._access.named)
        )
        if found is None:
            return None
        # A worker that was killed after the call comes back here: then this task has paid.
        paid = found.paid_for == self._purpose.name
        model = self._access.named[0]
        usage = msgspec.convert(found.usage, Usage) if paid else Usage(model, cached=True)
        return Completion(found.answer, usage)

    def remember(self, question: Question, text: str, usage: Usage) -> None:
        kept = ModelAnswer(text, msgspec.to_builtins(usage), self._purpose.name)
        digest = question.digest(*self._access.named)
        self._access.answers.put(self._purpose.workspace_id, digest, kept)

    def call(self, messages: Sequence[dict[str, str]]) -> Completion:
        self._hold_to_budget()
        name = secrets.token_hex(8)
        self._wait_for_place(name)
        began = time.monotonic()
        try:
            with self._access.limits.kept(name):
                self._hold_to_budget()  # Again: others may have used it up meanwhile.
                completion = self._access.client().call(messages)
        except ModelBusy as error:
            if error.retry_after:
                self._access.limits.pause(error.retry_after)
            raise
        self._used += completion.usage
        told = {"purpose": self._purpose.name, "seconds": round(time.monotonic() - began, 2)}
        logger.info("model answered", extra=told | {"tokens": completion.usage.output_tokens})
        return completion

    def _hold_to_budget(self) -> None:
        budget, plan_id = self._access.budget, self._purpose.plan_id
        if plan_id is None or not (budget.tokens or budget.cost_usd):
            return
        spent = self._access.decompositions.spent(self._purpose.workspace_id, plan_id)
        mine = self._used
        tokens = spent.input_tokens + spent.output_tokens + mine.input_tokens + mine.output_tokens
        cost = (spent.cost_usd or 0.0) + (mine.cost_usd or 0.0)
        if budget.tokens and tokens >= budget.tokens:
            raise BudgetSpent(f"The plan's budget of {budget.tokens} tokens is used up.")
        if budget.cost_usd and cost >= budget.cost_usd:
            raise BudgetSpent(f"The plan's budget of {budget.cost_usd:g} US dollars is used up.")

    def _wait_for_place(self, name: str) -> None:
        latest = time.monotonic() + PATIENCE.total_seconds()
        while wait := self._access.limits.admit(name).total_seconds():
            if time.monotonic() + wait > latest:
                raise ModelBusy("The model has no place for another call.", wait)
            # Not all at the same moment.
            time.sleep(min(wait, _LOOKS_AGAIN) * random.uniform(0.5, 1))  # noqa: S311
