"""A client that never gives up: it sends again, byte for byte, until there is an answer."""

import json
import random
import threading
from typing import Any, Final

import httpx

from tests.chaos.journal import Journal
from tests.chaos.site import Site

_READ_SECONDS: Final = 6.0
_UNAVAILABLE: Final = 503
_RETRY_SECONDS: Final = 0.1


class Over(Exception):
    """The load was told to end."""


class Caller:
    """One client, which sends until it is answered. For one thread."""

    def __init__(self, site: Site, journal: Journal, key: str, over: threading.Event) -> None:
        self._site = site
        self._journal = journal
        self._over = over
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}"}, timeout=_READ_SECONDS, trust_env=False
        )

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send until there is an answer below 500.

        Raises:
            Over: The load ends.
        """
        content = None if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        while not self._over.is_set():
            # Another address where there are several: as behind a balancer.
            url = random.choice(self._site.urls) + path
            try:
                answer = self._http.request(method, url, content=content, headers=headers)
            except httpx.RequestError as error:
                self._journal.meets(type(error).__name__)
            else:
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return answer
                self._journal.meets(_told(answer, method, path))
            self._over.wait(_RETRY_SECONDS)
        raise Over

    def pause(self, seconds: float) -> None:
        """Wait; ends early with the load."""
        self._over.wait(seconds)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()


def _told(answer: httpx.Response, method: str, path: str) -> str:
    try:
        slug = answer.json()["type"].rpartition("/")[2]
    except (ValueError, KeyError, TypeError):
        slug = answer.reason_phrase
    told = f"{answer.status_code} {slug}"
    # Busy or away is what happens here; a fault of the program's own is worth its place.
    return told if answer.status_code == _UNAVAILABLE else f"{told}: {method} {path}"
