"""A line to the server for asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from planexe_agent.errors import Unavailable
from planexe_agent.wire import UNBOUNDED, checked_key, checked_url, is_elsewhere, read

if TYPE_CHECKING:
    import ssl

    from planexe_agent.wire import Answer, Request


def pool(url: str, tls: ssl.SSLContext) -> httpx.AsyncClient:
    """Make connections to a server; ``tls`` is costly, and good for many pools."""
    return httpx.AsyncClient(
        base_url=checked_url(url), limits=UNBOUNDED, trust_env=is_elsewhere(url), verify=tls
    )


class AsyncLine:
    """Sends requests with a key over shared connections; a cancelled request ends at once.

    Attributes:
        ended: Never set: what is under way is cancelled instead.
    """

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self.ended = asyncio.Event()
        self._http = http
        self._key = checked_key(key)

    def use_key(self, key: str) -> None:
        """Send this key from now on."""
        self._key = checked_key(key)

    async def attempt(self, request: Request) -> Answer:
        """Send a request once.

        Raises:
            ServerRefused: Trying again will not help.
            Unavailable: It failed.
        """
        try:
            return read(await self._http.send(request.built(self._http, self._key)))
        except httpx.RequestError as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
