"""HTTP with bounds: every answer has a size, a time and an address it may come from."""

import functools
import ipaddress
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast
from urllib.parse import urlsplit

import httpx

from app.planexe.errors import SourceRefused, SourceTroubled, SourceUnheard

_LARGEST_ANSWER: Final = 4 * 1024 * 1024
_TIMEOUT: Final = httpx.Timeout(30, connect=10)
_LONGEST_ANSWER: Final = 60.0
_LONGEST_DOWNLOAD: Final = 300.0
_MINUTE: Final = 60.0
_PORTS: Final = {"http": 80, "https": 443}


class Connection:
    """Speaks to one server.

    Args:
        url: Where the server is; a path is kept.
        headers: Sent to that server alone, never to where it sends us.
        per_minute: Requests a minute at most, of this process; None for no bound.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, per_minute: int | None = None
    ) -> None:
        self._base = url.rstrip("/")
        self._headers = dict(headers or {})
        self._pace = Pace(per_minute) if per_minute else None

    @functools.cached_property
    def _client(self) -> httpx.Client:
        # Made at first use, as it costs some time. No connection is kept: one that the server
        # has closed meanwhile would leave open whether a plan was begun.
        return httpx.Client(timeout=_TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0))

    def json(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask for a JSON object.

        Raises:
            SourceRefused: The server says no, or answers something else.
            SourceTroubled: It does not answer, not in time, or wants to be asked later.
        """
        if self._pace:
            self._pace.step()
        content = self._fetch(
            method, self._base + path, body, _LARGEST_ANSWER, time.monotonic() + _LONGEST_ANSWER
        )
        try:
            answer: object = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SourceRefused(f"{path}: the PlanExe server answered no JSON.") from error
        if not isinstance(answer, dict):
            raise SourceRefused(f"{path}: the PlanExe server answered no JSON object.")
        return cast("dict[str, Any]", answer)

    def status(self, path: str) -> int:
        """Tell the status a path answers with; the body is not read."""
        try:
            with self._client.stream("GET", self._base + path, headers=self._headers) as answer:
                return answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _unanswered(error)

    def download(self, address: str, limit: int) -> bytes:
        """Fetch a file of at most ``limit`` bytes from a path of the server, or from elsewhere.

        Elsewhere must be a public address: a server must not lead us to our own neighbours.
        Redirects are not followed.
        """
        url = address if "://" in address else self._base + address
        self._check(url)
        return self._fetch("GET", url, None, limit, time.monotonic() + _LONGEST_DOWNLOAD)

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise SourceRefused(f"The download address is none: {url[:200]!r}.") from error
        if parts.scheme not in _PORTS or not host:
            raise SourceRefused(f"The download address is neither http nor https: {url[:200]!r}.")
        if not self._is_home(url) and not _is_public(host, port):
            raise SourceRefused(f"The download address leads into a private network: {host}.")

    def _is_home(self, url: str) -> bool:
        return _origin(url) == _origin(self._base)

    def _fetch(self, method: str, url: str, body: object, limit: int, deadline: float) -> bytes:
        headers = self._headers if self._is_home(url) else {}
        content = bytearray()
        try:
            with self._client.stream(method, url, json=body, headers=headers) as answer:
                _check_status(answer)
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > limit:
                        raise SourceRefused(f"The answer is larger than {limit:,} bytes.")
                    if time.monotonic() > deadline:
                        raise SourceTroubled("The PlanExe server answers too slowly.")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _unanswered(error)
        return bytes(content)


class Pace:
    """Lets so many requests pass in a minute; refuses the next with the time to wait."""

    def __init__(self, per_minute: int) -> None:
        self._passed: deque[float] = deque(maxlen=per_minute)
        self._lock = threading.Lock()

    def step(self) -> None:
        """Count one request.

        Raises:
            SourceUnheard: The minute is full; nothing was sent.
        """
        with self._lock:
            now = time.monotonic()
            if len(self._passed) == self._passed.maxlen and now - self._passed[0] < _MINUTE:
                wait = _MINUTE - (now - self._passed[0])
                raise SourceUnheard("PlanExe takes no more requests this minute.", wait)
            self._passed.append(now)


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)


def _is_public(host: str, port: int) -> bool:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceTroubled(f"The host of the download has no address: {host}.") from error
    return all(ipaddress.ip_address(entry[4][0]).is_global for entry in found)


def _check_status(answer: httpx.Response) -> None:
    status = answer.status_code
    if answer.is_success:
        return
    if answer.is_redirect:
        target = answer.headers.get("location", "")[:200]
        raise SourceRefused(f"The PlanExe server leads on to {target!r}, which is not followed.")
    if status in (401, 403):
        raise SourceRefused(f"The PlanExe server does not accept the key ({status}).")
    if status == 404:  # noqa: PLR2004
        raise SourceRefused("The PlanExe server knows no such plan (404).")
    if status == 429:  # noqa: PLR2004
        wait = _seconds(answer.headers.get("retry-after"))
        raise SourceUnheard("The PlanExe server takes no more requests now (429).", wait)
    if status >= 500:  # noqa: PLR2004
        wait = _seconds(answer.headers.get("retry-after"))
        raise SourceTroubled(f"The PlanExe server is in trouble ({status}).", wait)
    raise SourceRefused(f"The PlanExe server refuses the request ({status}).")


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None


def _unanswered(error: Exception) -> NoReturn:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        raise SourceUnheard("The PlanExe server cannot be reached.") from error
    if isinstance(error, httpx.RemoteProtocolError):
        raise SourceTroubled("The PlanExe server broke off its answer.") from error
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        raise SourceRefused("The address of the PlanExe server is none.") from error
    raise SourceTroubled(f"The PlanExe server does not answer ({type(error).__name__}).") from error
