"""One task asked for: question, answer, one round of repair."""

import contextlib
import secrets
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from decomposer.errors import BadAnswer, ModelBusy, ModelError, ModelRefused
from decomposer.model.answer import Answer, read_answer
from decomposer.model.prompt import Question, repair

_SHOWN: Final = 120

Check = Callable[[Answer], Sequence[str]]
"""Says what is wrong with an answer besides its shape."""


class Usage(msgspec.Struct, frozen=True):
    """What calls have used. ``cost_usd`` is None where no price is known."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    calls: int = 0
    cached: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        """Sum two."""
        costs = [one for one in (self.cost_usd, other.cost_usd) if one is not None]
        return Usage(
            self.model,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(costs) if costs else None,
            self.calls + other.calls,
        )


class Completion(msgspec.Struct, frozen=True):
    """What a server answered to one call; ``refusal`` where the model says that it will not."""

    text: str
    usage: Usage
    refusal: str = ""


class Conversation(Protocol):
    """One task's way to a model, with all that limits it."""

    def remembered(self, question: Question) -> Completion | None:
        """Give what was answered to the same question before, with what that costs now."""
        ...

    def call(self, messages: Sequence[dict[str, str]]) -> Completion:
        """Ask once.

        Raises:
            ModelError: As its class says.
        """
        ...

    def remember(self, question: Question, text: str, usage: Usage) -> None:
        """Keep an answer that can be used."""
        ...


class Failure(msgspec.Struct, frozen=True):
    """Why a model gave nothing, and what was used up for that."""

    error: ModelError
    usage: Usage | None


def ask(
    conversation: Conversation, question: Question, check: Check
) -> tuple[Answer, Usage] | Failure:
    """Ask, and once more where the answer cannot be used.

    Raises:
        ModelBusy: Nothing was used up yet; ask again later.
    """
    if found := conversation.remembered(question):
        # What was kept under other limits than today's is asked for again.
        with contextlib.suppress(ModelError):
            return _checked(found, check), found.usage
    messages = question.messages(secrets.token_hex(12))
    try:
        first = conversation.call(messages)
    except ModelBusy:
        raise
    except ModelError as error:
        return Failure(error, None)
    try:
        return _kept(conversation, question, first, first.usage, check)
    except BadAnswer as error:
        messages += repair(first.text, error.faults)
    except ModelError as error:
        return Failure(error, first.usage)
    used = first.usage
    try:
        second = conversation.call(messages)
        used += second.usage
        return _kept(conversation, question, second, used, check)
    except ModelError as error:
        return Failure(error, used)


def _kept(
    conversation: Conversation,
    question: Question,
    completion: Completion,
    used: Usage,
    check: Check,
) -> tuple[Answer, Usage]:
    answer = _checked(completion, check)
    conversation.remember(question, completion.text, used)
    return answer, used


def _checked(completion: Completion, check: Check) -> Answer:
    if completion.refusal:
        raise ModelRefused(f"The model refused: {completion.refusal[:_SHOWN]!r}")
    answer = read_answer(completion.text)
    if faults := list(check(answer)):
        raise BadAnswer(f"The model's answer does not fit the task: {faults[0]}", faults)
    return answer
