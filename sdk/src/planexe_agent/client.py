"""The one way to the server: JSON over HTTP, repeated until it is answered."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx

from planexe_agent.backoff import Backoff
from planexe_agent.errors import Interrupted, Unavailable, refusal
from planexe_agent.sockets import Sockets

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

_log = logging.getLogger(__name__)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_UNBOUNDED = httpx.Limits(max_connections=None, max_keepalive_connections=None)
_TRY_AGAIN = frozenset({408, 425, 429})
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What the server answered; ``server_at`` is its own clock, where it told it."""

    body: dict[str, Any]
    server_at: dt.datetime | None


class Client:
    """Sends requests with a key; safe to share between threads.

    Args:
        url: The server's address, ``http`` or ``https``.
        key: A user key or an agent key.
        backoff: How long to wait between attempts.
    """

    def __init__(self, url: str, key: str, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._interrupted = threading.Event()
        self._sockets = Sockets()
        self._http = httpx.Client(
            base_url=_checked_url(url),
            limits=_UNBOUNDED,
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=urlsplit(url).hostname not in _LOOPBACK,
        )
        self.use_key(key)

    def use_key(self, key: str) -> None:
        """Send this key from now on."""
        if not key or not key.isascii() or not key.isprintable():
            raise ValueError("the key is empty or holds characters that no key has")
        self._http.headers["Authorization"] = f"Bearer {key}"

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        read_seconds: float = 30.0,
        patient: bool = True,
    ) -> Answer:
        """Send a request until the server answers it.

        Sends the same bytes each time, so whatever makes the request idempotent belongs into them.

        Args:
            method: The HTTP method.
            path: Path below the server's address.
            params: The query.
            body: What goes as JSON.
            read_seconds: How long to wait for the answer to one attempt.
            patient: Whether to try again, with back-off, for as long as it takes.

        Raises:
            ServerRefused: Trying again will not help.
            Unavailable: The only attempt failed, where ``patient`` is false.
            Interrupted: ``interrupt`` was called.
        """
        request = self._request(method, path, params, body, read_seconds)
        delays = self._backoff.delays()
        while True:
            try:
                return self._attempt(request)
            except Unavailable as error:
                if not patient:
                    raise
                delay = error.retry_after_seconds + next(delays)
                _log.warning("%s %s: %s; again in %.1f s", method, path, error, delay)
                if self._interrupted.wait(delay):
                    raise Interrupted(str(error)) from error

    def interrupt(self) -> None:
        """End every request under way, and refuse further ones, with ``Interrupted``."""
        self._interrupted.set()
        self._sockets.shut_down()

    def close(self) -> None:
        """Close the connections; call it when no request is under way."""
        self._http.close()

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        read_seconds: float,
    ) -> httpx.Request:
        return self._http.build_request(
            method,
            path,
            params=params,
            content=None if body is None else json.dumps(body, allow_nan=False).encode(),
            headers={} if body is None else {"Content-Type": "application/json"},
            timeout=httpx.Timeout(read_seconds, connect=_CONNECT_SECONDS),
            extensions={"trace": self._sockets.trace},
        )

    def _attempt(self, request: httpx.Request) -> Answer:
        if self._interrupted.is_set():
            raise Interrupted("the agent is ending")
        try:
            response = self._http.send(request)
        except httpx.RequestError as error:
            if self._interrupted.is_set():
                raise Interrupted(str(error)) from error
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        return _read(response)


def _read(response: httpx.Response) -> Answer:
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
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _server_at(response: httpx.Response) -> dt.datetime | None:
    try:
        return parsedate_to_datetime(response.headers["date"])
    except (KeyError, TypeError, ValueError):
        return None


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is no server address: it should look like http://localhost:8000")
    return url
