"""Requests and answers as values, and the patience between them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx

from planexe_agent.errors import Interrupted, Unavailable, refusal
from planexe_agent.steps import Attempt, Sleep

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from planexe_agent.backoff import Backoff
    from planexe_agent.steps import Line, Steps

_log = logging.getLogger(__name__)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TRY_AGAIN = frozenset({408, 425, 429})
_CONNECT_SECONDS = 10.0
_LONGEST_PATIENCE_SECONDS = 3600.0

_LONGEST_TEXT = 20_000

UNBOUNDED = httpx.Limits(max_connections=None, max_keepalive_connections=None)
"""As many connections as there are polls: httpx's own limit would let some wait for others."""


@dataclass(frozen=True)
class Request:
    """One request; sent again it is the same bytes.

    Whatever makes it idempotent belongs into them.

    Attributes:
        method: The HTTP method.
        path: Path below the server's address.
        params: The query.
        body: What goes as JSON.
        read_seconds: How long to wait for the answer to one attempt.
    """

    method: str
    path: str
    params: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    read_seconds: float = 30.0

    @cached_property
    def content(self) -> bytes | None:
        """The body in bytes."""
        return None if self.body is None else json.dumps(self.body, allow_nan=False).encode()

    def built(
        self, http: httpx.Client | httpx.AsyncClient, key: str, **extensions: Any
    ) -> httpx.Request:
        """Give it as httpx sends it, with a key."""
        headers = {"Authorization": f"Bearer {key}"}
        if self.content is not None:
            headers["Content-Type"] = "application/json"
        return http.build_request(
            self.method,
            self.path,
            params=self.params,
            content=self.content,
            headers=headers,
            timeout=httpx.Timeout(self.read_seconds, connect=_CONNECT_SECONDS),
            extensions=extensions,
        )


@dataclass(frozen=True)
class Answer:
    """What the server answered; ``server_at`` is its own clock, where it told it."""

    body: dict[str, Any]
    server_at: dt.datetime | None


def send(line: Line, request: Request, backoff: Backoff, *, patient: bool = True) -> Steps[Answer]:
    """Send a request until the server answers it.

    Args:
        line: Where to.
        request: What.
        backoff: How long to wait between attempts.
        patient: Whether to try again for as long as it takes.

    Raises:
        ServerRefused: Trying again will not help.
        Unavailable: The only attempt failed, where ``patient`` is false.
        Interrupted: The line ended.
    """
    delays = backoff.delays()
    while True:
        try:
            return (yield Attempt(line, request))
        except Unavailable as error:
            if not patient:
                raise
            delay = error.retry_after_seconds + next(delays)
            _log.warning(
                "server unavailable, asked again: request=%s %s wait_seconds=%.1f error=%s",
                request.method,
                request.path,
                delay,
                error,
            )
            if (yield Sleep(line.ended, delay)):
                raise Interrupted(str(error)) from error


def read(response: httpx.Response) -> Answer:
    """Read an answer.

    Raises:
        Unavailable: The same request may be sent again.
        ServerRefused: Trying again will not help.
    """
    status = response.status_code
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _TRY_AGAIN:
        raise Unavailable(f"{status} {response.reason_phrase}", _retry_after_seconds(response))
    if not response.is_success:
        request = f"{response.request.method} {response.request.url.path}"
        raise refusal(status, _problem(response), request)
    if not response.content:
        return Answer({}, _server_at(response))
    body = _json_object(response)
    if body is None:
        raise Unavailable(f"{status} without the JSON object that belongs there")
    return Answer(body, _server_at(response))


def as_told(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Give a text as the server takes it, which would refuse the whole report for it otherwise.

    Not too long, without null characters, and without halves of characters, as names of files
    have them.
    """
    return text[:longest].encode(errors="replace").decode().replace("\0", "?")


def checked_url(url: str) -> str:
    """Give a server's address back.

    Raises:
        ValueError: It is none.
    """
    told = f"{url!r} is no server address: it should look like http://localhost:8000"
    try:
        parts = urlsplit(url)
        named = parts.hostname is not None and parts.port != 0
    except ValueError as error:
        raise ValueError(told) from error
    if parts.scheme not in {"http", "https"} or not named:
        raise ValueError(told)
    return url


def checked_key(key: str) -> str:
    """Give a key back.

    Raises:
        ValueError: It can be none.
    """
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError("the key is empty or holds characters that no key has")
    return key


def is_elsewhere(url: str) -> bool:
    """Tell whether a proxy of the environment may reach an address: not this machine's own."""
    return urlsplit(url).hostname not in _LOOPBACK


def _json_object(response: httpx.Response) -> dict[str, Any] | None:
    try:
        body = json.loads(response.content)
    except ValueError:
        return None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else None


def _problem(response: httpx.Response) -> dict[str, Any]:
    if response.is_redirect:
        return {"title": "use this address instead", "detail": response.headers.get("location")}
    return _json_object(response) or {"title": response.reason_phrase}


def _retry_after_seconds(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    seconds = float(text) if text.isascii() and text.isdigit() else 0.0
    # Whatever stands between may ask for years.
    return min(seconds, _LONGEST_PATIENCE_SECONDS)


def _server_at(response: httpx.Response) -> dt.datetime | None:
    try:
        return parsedate_to_datetime(response.headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
