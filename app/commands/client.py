"""A small client of the API, for the commands."""

import time
from typing import Any, Final, cast

import httpx

_NOT_FOUND: Final = 404
_SECONDS: Final = 120.0
_RESTART_SECONDS: Final = 30.0
_LOOK_AGAIN_SECONDS: Final = 0.5

Json = dict[str, Any]


class Refused(Exception):
    """The server refuses a request, or cannot be reached; the message is its problem document."""


class Client:
    """Speaks to one server with one user's key."""

    def __init__(self, url: str, user_key: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {user_key}"}, timeout=_SECONDS
        )

    def get(self, path: str) -> Json:
        """Read; a server that is just being started again is waited for.

        Raises:
            Refused: It answers with a problem, or stays silent.
        """
        return _body(self._answer(path))

    def exists(self, path: str) -> bool:
        """Tell whether there is something to read.

        Raises:
            Refused: It answers with another problem than 404, or stays silent.
        """
        answer = self._answer(path)
        return answer.status_code != _NOT_FOUND and bool(_body(answer))

    def post(self, path: str, body: Json) -> Json:
        """Send; never repeated, for it may have been done.

        Raises:
            Refused: It answers with a problem, or not at all.
        """
        try:
            return _body(self._http.post(path, json=body))
        except httpx.TransportError as error:
            raise Refused(f"the server does not answer: {error}") from error

    def upload(self, path: str, name: str, content: bytes) -> Json:
        """Send a file as multipart form data.

        Raises:
            Refused: It answers with a problem, or not at all.
        """
        try:
            return _body(self._http.post(path, files={"file": (name, content)}))
        except httpx.TransportError as error:
            raise Refused(f"the server does not answer: {error}") from error

    def _answer(self, path: str) -> httpx.Response:
        deadline = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                return self._http.get(path)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise Refused(f"the server does not answer: {error}") from error
                time.sleep(_LOOK_AGAIN_SECONDS)


def _body(answer: httpx.Response) -> Json:
    if answer.is_success:
        return cast("Json", answer.json()) if answer.content else {}
    raise Refused(_problem(answer))


def _problem(answer: httpx.Response) -> str:
    if "problem+json" not in answer.headers.get("content-type", ""):
        return f"{answer.status_code} {answer.reason_phrase}"
    problem = cast("Json", answer.json())
    listed = cast("list[Json]", problem.get("errors") or [])
    faults = [f"\n  {_fault(fault)}" for fault in listed]
    return f"{problem.get('title')}: {problem.get('detail')}" + "".join(faults)


def _fault(fault: Json) -> str:
    return ": ".join(str(value) for value in fault.values())
