"""What keeps a plan from being fetched, by what is to be done about it.

SourceError
├── SourceRefused       permanent: wrong key, no such plan, an answer that makes no sense
└── SourceTroubled      passing: no answer, too many requests, a download cut short; try again
    └── SourceUnheard   passing, and the server cannot have acted on the request
"""


class SourceError(Exception):
    """Base; ``str(error)`` is a sentence for the person who wants the plan."""


class SourceRefused(SourceError):
    """Trying again changes nothing."""


class SourceTroubled(SourceError):
    """Try again later; ``retry_after`` is in seconds, None where the server names no time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceUnheard(SourceTroubled):
    """Try again later, also what must not be done twice: the server has not acted."""
