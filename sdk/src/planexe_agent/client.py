"""A line to the server for threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx

from planexe_agent import threads
from planexe_agent.backoff import Backoff
from planexe_agent.errors import Interrupted, Unavailable
from planexe_agent.sockets import Sockets
from planexe_agent.wire import (
    UNBOUNDED,
    Answer,
    Request,
    checked_key,
    checked_url,
    is_elsewhere,
    read,
    send,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Client"]


class Client:
    """Sends requests with a key; safe to share between threads.

    Args:
        url: The server's address, ``http`` or ``https``.
        key: A user key or an agent key.
        backoff: How long to wait between attempts.

    Attributes:
        ended: Set once ``interrupt`` was called.
    """

    def __init__(self, url: str, key: str, backoff: Backoff | None = None) -> None:
        self.ended = threading.Event()
        self._backoff = backoff or Backoff()
        self._sockets = Sockets()
        self._key = checked_key(key)
        self._http = httpx.Client(
            base_url=checked_url(url), limits=UNBOUNDED, trust_env=is_elsewhere(url)
        )

    def use_key(self, key: str) -> None:
        """Send this key from now on."""
        self._key = checked_key(key)

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
        """Send a request as ``wire.send`` does, and wait for its answer."""
        request = Request(method, path, params, body, read_seconds)
        return threads.carry_out(send(self, request, self._backoff, patient=patient))

    def attempt(self, request: Request) -> Answer:
        """Send a request once.

        Raises:
            ServerRefused: Trying again will not help.
            Unavailable: It failed.
            Interrupted: ``interrupt`` was called.
        """
        if self.ended.is_set():
            raise Interrupted("the agent is ending")
        built = request.built(self._http, self._key, trace=self._sockets.trace)
        try:
            return read(self._http.send(built))
        except httpx.RequestError as error:
            if self.ended.is_set():
                raise Interrupted(str(error)) from error
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def interrupt(self) -> None:
        """End every request under way, and refuse further ones, with ``Interrupted``."""
        self.ended.set()
        self._sockets.shut_down()

    def close(self) -> None:
        """Close the connections; call it when no request is under way."""
        self._http.close()
