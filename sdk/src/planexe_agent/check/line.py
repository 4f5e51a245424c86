"""The line to the server: one request, its answer, and what is wrong with either."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import httpx

from planexe_agent.check.verdicts import Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ASKS_FOR_PATIENCE: Final = frozenset({429, 503})
_PATIENCE_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 5.0
_SHOWN_CHARACTERS: Final = 80
_TO_DO: Final = {
    401: "Give a key that is known: a user key, or the one that registration answered.",
    403: "Something asks for other rights: use a user key, or look at the proxy's own login.",
    404: "Give the server's root as the address, and let the proxy pass every path on.",
    405: "Let the proxy pass every method on: GET, POST, PATCH, PUT and DELETE.",
    413: "Let the proxy pass bodies of 8 MiB on.",
    429: "Something limits the rate: raise the limit for this address, or poll with `wait`.",
    502: "A proxy answers in the server's place: start the server, or mend the proxy's target.",
    503: "The server is there and cannot work: look at what /readyz names, then try again.",
    504: "Let the proxy wait longer than 60 seconds for an answer.",
}


@dataclass(frozen=True)
class Reply:
    """An answer, with the seconds it took and the local time in its middle, since the epoch."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    seconds: float
    at: float

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object in it; empty where there is none."""
        try:
            found = json.loads(self.content)
        except ValueError:
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    @property
    def problem(self) -> str:
        """The end of the problem document's ``type``; empty where it is none."""
        document = self.headers.get("content-type", "").startswith("application/problem+json")
        return str(self.body.get("type", "")).rpartition("/")[2] if document else ""

    def told(self) -> str:
        """Say what it is, in a line."""
        detail = self.body.get("detail") or self.content.decode(errors="replace").strip()
        shown = " ".join(str(detail).split())[:_SHOWN_CHARACTERS]
        return f"{self.status} {shown}".rstrip()


def connected(url: str) -> httpx.Client:
    """Make the connections to a server; close them after use."""
    # A proxy of the environment cannot reach this machine's own loopback.
    return httpx.Client(base_url=url, trust_env=urlsplit(url).hostname not in _LOOPBACK)


class Line:
    """Sends requests to one address with one key, and obeys ``Retry-After``.

    Args:
        http: Made by ``connected``.
        key: A key, or an empty text for none.
    """

    def __init__(self, http: httpx.Client, key: str = "") -> None:
        self.key = key
        self.patience: list[str] = []
        self._http = http

    def with_key(self, key: str) -> Line:
        """Make a line to the same address with another key; both count one patience."""
        other = Line(self._http, key)
        other.patience = self.patience
        return other

    def ask(self, method: str, path: str, *expected: int, **request: Any) -> Reply:
        """Send a request and give the answer, whose status is one of those expected.

        Raises:
            Wrong: No answer, or another one.
        """
        reply = self.send(method, path, **request)
        if reply.status in expected:
            return reply
        wanted = " or ".join(map(str, expected))
        to_do = _TO_DO.get(reply.status) or _otherwise(reply)
        raise Wrong(f"{method} {path} gave {reply.told()}; {wanted} belongs there", to_do)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 15.0,
    ) -> Reply:
        """Send a request and give whatever is answered; wait where the server asks for it.

        The answer may take so many ``seconds``.

        Raises:
            Wrong: There is no answer.
        """
        limits = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        sent = {**({"Authorization": f"Bearer {self.key}"} if self.key else {}), **(headers or {})}
        request = self._http.build_request(
            method, path, json=body, params=params, headers=sent, timeout=limits
        )
        left = _PATIENCE_SECONDS
        while True:
            reply = self._attempt(request)
            delay = self._asked_for(reply)
            if delay is None or delay > left:
                return reply
            left -= max(delay, 0.1)
            time.sleep(delay)

    def _attempt(self, request: httpx.Request) -> Reply:
        began, clock = time.time(), time.monotonic()
        try:
            response = self._http.send(request)
        except httpx.RequestError as error:
            seconds = time.monotonic() - clock
            raise Wrong(*_no_answer(request, error, seconds)) from error
        seconds = time.monotonic() - clock
        middle = began + seconds / 2
        return Reply(response.status_code, response.headers, response.content, seconds, middle)

    def _asked_for(self, reply: Reply) -> float | None:
        """Tell how many seconds the server wants to be left alone; None where it wants nothing."""
        if reply.status not in _ASKS_FOR_PATIENCE:
            return None
        text = reply.headers.get("retry-after", "")
        self.patience.append(f"{reply.status} with Retry-After {text or 'missing'}")
        # The contract gives seconds; a proxy's date or nothing at all is not worth waiting for.
        return float(text) if text.isascii() and text.isdigit() else None


def _no_answer(
    request: httpx.Request, error: httpx.RequestError, seconds: float
) -> tuple[str, str]:
    asked = f"{request.method} {request.url.path}: {error or type(error).__name__}"
    where = request.url.netloc.decode()
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        if "CERTIFICATE" in str(error).upper():
            return asked, "The certificate is not trusted here: mend it, or set SSL_CERT_FILE."
        return asked, f"Start the server, and check host, port and firewall of {where}."
    if isinstance(error, httpx.TimeoutException):
        return f"{asked}; nothing came in {seconds:.1f} s", "Find out who holds the answer back."
    if isinstance(error, httpx.RemoteProtocolError):
        to_do = "Check http against https, and that nothing cuts connections on the way."
        return f"{asked} after {seconds:.1f} s", to_do
    return asked, "Check the address and the network."


def _otherwise(reply: Reply) -> str:
    if "location" in reply.headers:
        return f"Use {reply.headers['location']} instead: agents follow no redirects."
    request_id = reply.headers.get("x-request-id")
    return (
        f"Look for request {request_id} in the server's log."
        if request_id
        else ("It does not come from the server: look at what stands before it.")
    )
