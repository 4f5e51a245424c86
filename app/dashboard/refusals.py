"""What a person sees when a request is refused."""

from http import HTTPStatus

from flask import Blueprint, flash, jsonify, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from app.domain.errors import Archived, Conflict, DomainError, NotFound

Answer = Response | tuple[str | Response, int]


def status_of(error: DomainError) -> int:
    """Give the HTTP status of a refusal."""
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, Archived):
        return HTTPStatus.GONE
    return HTTPStatus.CONFLICT if isinstance(error, Conflict) else HTTPStatus.UNPROCESSABLE_ENTITY


def refusal_page(status: int, title: str, detail: str) -> tuple[str, int]:
    """Give a page that says what went wrong and where to go on."""
    return render_template("dashboard/refusal.html", title=title, detail=detail), status


def no_such_page() -> tuple[str, int]:
    """Give the page for an address that leads to nothing."""
    detail = "It may have been deleted, or the address is not quite right."
    return refusal_page(HTTPStatus.NOT_FOUND, "This page does not exist", detail)


def told(error: DomainError) -> list[str]:
    """Give the sentences of a refusal, with its place before each fault."""
    faults = [f"{fault.where}: {fault.message}" for fault in error.faults]
    return [str(error), *faults]


def back_with(error: DomainError, address: str) -> Answer:
    """Refuse a form: scripts get a problem document, everybody else the page with a message."""
    if asks_for_json():
        return problem(status_of(error), " ".join(told(error)))
    for sentence in told(error):
        flash(sentence, "refusal")
    return redirect(address, HTTPStatus.SEE_OTHER)


def done(address: str, message: str = "") -> Answer:
    """Answer a form that was carried out: scripts get 204, everybody else the page."""
    if asks_for_json():
        return Response(status=HTTPStatus.NO_CONTENT)
    if message:
        flash(message, "success")
    return redirect(address, HTTPStatus.SEE_OTHER)


def stale_form() -> Answer:
    """Refuse a form that was not made for this session."""
    detail = "It was open for too long, or you signed in again meanwhile. Go back and reload it."
    if asks_for_json():
        return problem(HTTPStatus.BAD_REQUEST, detail)
    return refusal_page(HTTPStatus.BAD_REQUEST, "This form has expired", detail)


def signed_out() -> Answer:
    """Refuse what a script asks for once the session has ended.

    A redirect would be followed, and its end taken for the answer.
    """
    detail = "You are signed out, and nothing was done. Reload this page to sign in."
    return problem(HTTPStatus.UNAUTHORIZED, detail)


def asks_for_json() -> bool:
    """Tell whether a script sent this form and shows the answer itself."""
    return request.accept_mimetypes.best == "application/problem+json"


def problem(status: int, detail: str) -> Response:
    """Make a problem document (RFC 9457)."""
    phrase = HTTPStatus(status).phrase
    response = jsonify(type="about:blank", title=phrase, status=status, detail=detail)
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def register(blueprint: Blueprint) -> None:
    """Show refusals that no page handles itself."""
    blueprint.register_error_handler(DomainError, _refused)
    blueprint.register_error_handler(HTTPException, _http_refused)


def _refused(error: DomainError) -> Answer:
    status, detail = status_of(error), " ".join(told(error))
    if asks_for_json():
        return problem(status, detail)
    if isinstance(error, NotFound):
        return no_such_page()
    return refusal_page(status, "That is not possible now", detail)


def _http_refused(error: HTTPException) -> Answer | HTTPException:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if error.response is not None:  # a redirect that routing made
        return error
    detail = error.description or ""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = "The file is larger than this server accepts."
    return problem(status, detail) if asks_for_json() else refusal_page(status, error.name, detail)
