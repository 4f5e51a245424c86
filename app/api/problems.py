"""Every refusal as a problem document (RFC 9457): one table from error to status."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.domain import errors as domain
from app.services.errors import Busy, Full, LiveUnavailable, NotConfigured, RecordUnavailable

logger = logging.getLogger(__name__)

PROBLEMS: Final[dict[type[Exception], tuple[int, str, str]]] = {
    domain.InvalidPlan: (422, "invalid-plan", "The plan cannot be stored"),
    domain.UnknownTask: (422, "unknown-task", "No such task"),
    domain.Invalid: (422, "invalid-request", "The request cannot be accepted"),
    domain.NotFound: (404, "not-found", "Not found"),
    domain.Archived: (410, "archived", "The events have been put away"),
    domain.StaleLease: (409, "stale-lease", "The lease has passed on"),
    domain.Terminal: (409, "execution-ended", "The execution has ended"),
    domain.IllegalMove: (409, "illegal-move", "The state machine has no such move"),
    domain.ApprovalRequired: (409, "approval-required", "Something needs approval first"),
    domain.Conflict: (409, "conflict", "It does not fit the present state"),
    domain.DomainError: (422, "refused", "Refused"),
    NotConfigured: (501, "not-configured", "Not set up here"),
    Full: (503, "full", "Too little room is left"),
    Busy: (503, "busy", "Too many at once"),
    LiveUnavailable: (503, "unavailable", "A server behind this one does not answer"),
    RecordUnavailable: (503, "unavailable", "A server behind this one does not answer"),
}
"""The most specific class that fits decides: status, slug of ``type``, title."""

RETRY_AFTER_SECONDS: Final = 2
PROBLEM_TYPE: Final = "application/problem+json"


def install(flask: Flask) -> None:
    """Answer every error of an application with a problem document."""
    for known in PROBLEMS:
        flask.register_error_handler(known, problem_of)
    flask.register_error_handler(HTTPException, problem_of)
    flask.register_error_handler(Exception, _unexpected)


def problem_of(error: Exception) -> Response:
    """Answer with the problem document of an error."""
    document = describe(error)
    response = Response(
        msgspec.json.encode(document), document["status"], content_type=PROBLEM_TYPE
    )
    if document["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name.lower() in ("www-authenticate", "allow", "retry-after"):
                response.headers[name] = value
    return response


def describe(error: Exception) -> dict[str, Any]:
    """Give the problem document of an error, as a batch result holds it too."""
    if isinstance(error, HTTPException):
        return _document(error.code or 500, _slug(error), error.name, *_detail(error))
    status, slug, title = PROBLEMS[next(one for one in type(error).__mro__ if one in PROBLEMS)]
    faults = getattr(error, "faults", ())
    errors = [{"field": fault.where, "message": fault.message} for fault in faults]
    document = _document(status, slug, title, str(error), errors)
    if isinstance(error, domain.IllegalMove):
        document["legal"] = list(error.legal)
    return document


def _document(
    status: int, slug: str, title: str, detail: str, errors: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "type": f"/api/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "request_id": g.get("request_id"),
        "errors": errors,
    }


def _slug(error: HTTPException) -> str:
    return error.name.lower().replace(" ", "-")


def _detail(error: HTTPException) -> tuple[str, list[dict[str, str]]]:
    """Read what webargs found wrong with a request, field by field."""
    data: dict[str, Any] = getattr(error, "data", None) or {}
    messages = data.get("messages")
    if not messages:
        # Flask hides what is wrong with a JSON body behind a sentence that says nothing.
        cause = error.__cause__
        told = cause if isinstance(cause, HTTPException) else error
        if told.description == RequestEntityTooLarge.description and request.max_content_length:
            return f"At most {request.max_content_length:,} bytes are accepted.", []
        return told.description or "", []
    errors = [
        {"field": ".".join(path[1:]) or path[0], "message": message}
        for path, message in _leaves(messages, ())
    ]
    named = ", ".join(sorted({one["field"] for one in errors}))
    return f"These fields cannot be accepted: {named}.", errors


def _leaves(node: Any, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value, path)
    else:
        yield path, str(node)


def _unexpected(error: Exception) -> Response:
    logger.error("request failed", exc_info=error)
    detail = "Something went wrong here. It has been logged under the request id."
    document = _document(500, "internal-error", "Internal error", detail, [])
    return Response(msgspec.json.encode(document), 500, content_type=PROBLEM_TYPE)
