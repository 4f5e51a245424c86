"""JSON in and out by msgspec: fast, and strict about what is JSON."""

from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response
from flask.json.provider import JSONProvider


class MsgspecProvider(JSONProvider):
    """Reads and writes JSON for Flask."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Encode; times become RFC 3339."""
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Decode.

        Raises:
            ValueError: It is not JSON, is nested too deeply, or holds a null character, which
                PostgreSQL cannot keep.
        """
        try:
            document = msgspec.json.decode(s)
        except RecursionError as error:
            raise ValueError("The JSON is nested too deeply.") from error
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error
        raw = s.encode() if isinstance(s, str) else s
        if b"\\u0000" in raw and "\0" in _texts(document):
            raise ValueError("Text must not contain the null character (\\u0000).")
        return document


def _texts(document: Any) -> str:
    """Join all texts of a document."""
    pending, texts = [document], list[str]()
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            pending += (*value.keys(), *value.values())
        elif isinstance(value, list):
            pending += value
    return "".join(texts)


def no_content() -> Response:
    """Answer that there is nothing to say."""
    response = Response(status=HTTPStatus.NO_CONTENT)
    del response.headers["Content-Type"]
    return response


def reply(view: Any, status: int = 200, **headers: str) -> Response:
    """Answer with a view as JSON."""
    response = Response(msgspec.json.encode(view), status, mimetype="application/json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response
