"""``/api/executions/{id}/verify`` and ``/report``: what the log proves, and what it tells."""

from collections.abc import Callable
from typing import Final

import msgspec
from flask import Response, request
from werkzeug.exceptions import NotAcceptable

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.documents.report import to_html, to_markdown
from app.domain.execution_report import ExecutionReport
from app.services import Services
from app.services.verification import proof_view

_FORMS: Final[dict[str, Callable[[ExecutionReport], str | bytes]]] = {
    "application/json": msgspec.json.encode,
    "text/html": to_html,
    "text/markdown": to_markdown,
}
"""By media type; the first is what those get who take anything."""

_STANDS_ALONE: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the routes."""
    blueprint = Blueprint("proof", __name__, url_prefix="/api/executions", description="Proof")

    @blueprint.get("/<execution_id>/verify")
    @blueprint.response(200, schemas.Proof)
    @users_only
    def verify(execution_id: str) -> Response:
        """Fold the log anew and compare it with all that is stored."""
        proof = services.verification.verify(caller().workspace_id, execution_id)
        return reply(proof_view(execution_id, proof))

    @blueprint.get("/<execution_id>/report")
    @blueprint.response(200, schemas.ExecutionReport)
    @users_only
    def report(execution_id: str) -> Response:
        """Tell what was done, by whom and when; as JSON, Markdown or HTML, by ``Accept``."""
        form = _wanted_form()
        found = services.replay.report(caller().workspace_id, execution_id)
        return _document(form, _FORMS[form](found))

    return blueprint


def _wanted_form() -> str:
    accepted = request.accept_mimetypes
    form = accepted.best_match(_FORMS) if accepted else next(iter(_FORMS))
    if form is None:
        raise NotAcceptable(f"The report comes as {', '.join(_FORMS)}.")
    return form


def _document(form: str, content: str | bytes) -> Response:
    response = Response(content, mimetype=form)
    response.headers["Vary"] = "Accept"
    response.headers["Content-Security-Policy"] = _STANDS_ALONE
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
