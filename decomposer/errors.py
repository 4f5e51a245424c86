"""What can be wrong in this package, besides a plan (``app.domain.errors.InvalidPlan``).

RulesError        rules cannot be used; the message names the file, the key and the value
└── PhraseError   a phrase cannot be read; its file and key are added on the way out
ModelError        a model gave no breakdown; the message is for people
├── ModelBusy     it may answer later
├── ModelUnusable it will not answer as it is set up
├── ModelTooSlow  no whole answer within the deadline
├── ModelRefused  it will not do this task
├── BadAnswer     it answered, with something else than was asked
├── BudgetSpent   it is not to be asked any more for this plan
└── TooLarge      the task is more than can be asked at once
"""

from collections.abc import Sequence


class RulesError(Exception):
    """Rules cannot be used: mend the file that the message names, and start again."""


class PhraseError(RulesError):
    """A phrase cannot be read."""


class ModelError(Exception):
    """A model gave no breakdown: let the rules do it, and tell why."""

    code = "model-failed"


class ModelBusy(ModelError):
    """Too many requests, or the server is in trouble: ask again later.

    ``retry_after`` is in seconds, where the server named a time.
    """

    code = "model-unavailable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelUnusable(ModelError):
    """The server refuses the request, its key or the model's name: a person has to mend that."""

    code = "model-unusable"


class ModelTooSlow(ModelError):
    """No whole answer within the deadline."""

    code = "model-too-slow"


class ModelRefused(ModelError):
    """The model will not do this task; asking again would be pushing."""

    code = "model-refused"


class BadAnswer(ModelError):
    """It answered, with prose, half a JSON or another shape; ``faults`` are for the model."""

    code = "model-bad-answer"

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = list(faults) or [message]


class BudgetSpent(ModelError):
    """The plan's budget is used up."""

    code = "model-budget-spent"


class TooLarge(ModelError):
    """The task is more than can be asked at once."""

    code = "model-task-too-large"
