"""What can go wrong, and how an action says how it ended.

AgentError
├── Outcome             raised by an action to say how it ended
│   ├── Permanent       no retry will help; a person decides
│   │   └── InvalidParams  the params do not fit the action
│   ├── Wait            the outside world has not answered yet: look again later
│   └── NeedsHuman      only a person can answer
├── Stopped             the result of the running action can no longer count
├── Interrupted         the agent ended while a request was under way
├── OutboxError         results cannot be kept on disk
│   └── OutboxInUse     another process has the file
├── Unavailable         the server could not be reached or asked for patience: try again
└── ServerRefused       the server refused the request: trying again will not help
    ├── Unauthorized    401, 403: the key is unknown, or not allowed to do this
    ├── NotFound        404: no such thing, or somebody else's
    ├── Conflict        409: the request does not fit the present state
    │   └── StaleLease  the lease has passed to another attempt
    └── Invalid         any other 4xx: the request itself is wrong
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AgentError(Exception):
    """Base of everything this package raises on purpose."""


class Outcome(AgentError):
    """Base of what an action raises to say how it ended."""


class Permanent(Outcome):
    """No retry will help: the task fails at once and a person is asked."""

    error_type: ClassVar[str] = "permanent"


class InvalidParams(Permanent):
    """The task's params do not fit the action."""

    error_type: ClassVar[str] = "validation_error"


class Wait(Outcome):
    """The outside world has not answered yet; the task comes back later as a check.

    Args:
        message: What is waited for, as its owner should read it.
        retry_after_seconds: When to look for the first time; the server doubles it from there.
        max_wait_seconds: When to ask a person instead; the server's default is 48 hours.
    """

    def __init__(
        self,
        message: str,
        retry_after_seconds: float | None = None,
        max_wait_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.max_wait_seconds = max_wait_seconds


class NeedsHuman(Outcome):
    """Only a person can answer; ``suggestions`` are offered as ready choices."""

    def __init__(self, message: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.suggestions = [suggestions] if isinstance(suggestions, str) else list(suggestions)


class Stopped(AgentError):
    """The action should end: its result can no longer count, or it chose to stop when told."""


class Interrupted(AgentError):
    """The agent ended while this request was under way."""


class OutboxError(AgentError):
    """Results cannot be kept on disk; the message names the file and the reason."""


class OutboxInUse(OutboxError):
    """Another process has the file: give each its own, or let each find one by default."""


class Unavailable(AgentError):
    """The server could not be reached or asked for patience: the same request may be sent again.

    Args:
        message: What happened.
        retry_after_seconds: The least time the server wants to be left alone.
    """

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ServerRefused(AgentError):
    """The server refused the request: trying again will not help.

    Attributes:
        status: The HTTP status.
        problem: The problem document (RFC 9457), empty when the answer was none.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], request: str) -> None:
        self.status = status
        self.problem = dict(problem)
        super().__init__(f"{request}: {status} {_sentence(problem)}".rstrip())


class Unauthorized(ServerRefused):
    """The key is unknown (401) or not allowed to do this (403)."""


class NotFound(ServerRefused):
    """No such thing, or somebody else's."""


class Conflict(ServerRefused):
    """The request does not fit the present state, for example: the execution has ended."""


class StaleLease(Conflict):
    """The lease has passed to another attempt; the late result does not count."""


class Invalid(ServerRefused):
    """The request itself is wrong; ``problem["errors"]`` names each bad field."""


_BY_STATUS: dict[int, type[ServerRefused]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
}


def refusal(status: int, problem: Mapping[str, Any], request: str) -> ServerRefused:
    """Make the error that fits an answer below 500.

    Args:
        status: The HTTP status.
        problem: The body, where it was a JSON object.
        request: Method and path, for the message.
    """
    kind = _BY_STATUS.get(status, Invalid)
    if kind is Conflict and str(problem.get("type", "")).endswith("stale-lease"):
        kind = StaleLease
    return kind(status, problem, request)


def _sentence(problem: Mapping[str, Any]) -> str:
    words = [str(problem[key]) for key in ("title", "detail") if problem.get(key)]
    if problem.get("errors"):
        words.append(str(problem["errors"]))
    return " - ".join(words)
