"""The JSON API and the WebSocket: parse, call one service, present.

``docs/api.md`` is the contract; ``/api/openapi.json`` is made from the schemas here.
"""

from typing import Any, Final

from flask import Flask
from flask_smorest import Api
from werkzeug.exceptions import HTTPException

from app.api import (
    agents,
    blockers,
    capacity,
    docs_page,
    events,
    executions,
    files,
    guard,
    health,
    idempotency,
    inbox,
    keys,
    plans,
    proof,
    review,
    stream,
    subtasks,
    tickets,
)
from app.api import work as work_routes
from app.api.encoding import MsgspecProvider
from app.api.limits import Limits
from app.api.problems import PROBLEM_TYPE, install, problem_of
from app.api.schemas import Problem
from app.services import Services

_MODULES: Final = (
    plans,
    review,
    executions,
    proof,
    subtasks,
    blockers,
    inbox,
    files,
    agents,
    keys,
    work_routes,
    events,
    tickets,
)
TITLE = "PlanExe-AX"
VERSION = "1"
_SECURITY: Final[dict[str, Any]] = {
    "security": [{"key": []}],
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
}


class _ProblemApi(Api):
    """flask-smorest, with RFC 9457 documents for what it refuses."""

    ERROR_SCHEMA = Problem

    def _register_responses(self) -> None:
        """Describe the answers to errors, the only ones that flask-smorest describes by itself."""
        super()._register_responses()
        spec: Any = self.spec
        for response in spec.components.responses_lazy.values():
            if "content" in response:
                response["content"] = {PROBLEM_TYPE: response["content"].pop("application/json")}

    def handle_http_exception(self, error: HTTPException) -> Any:
        return problem_of(error)


def register(flask: Flask, services: Services, limits: Limits) -> None:
    """Put every route of the contract on a Flask application."""
    flask.json = MsgspecProvider(flask)
    flask.config.update(
        API_TITLE=TITLE,
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        MAX_CONTENT_LENGTH=limits.body_bytes,
        SOCK_SERVER_OPTIONS={"ping_interval": 25, "max_message_size": 4096},
    )
    api = _ProblemApi(flask, spec_kwargs=_SECURITY)
    install(flask)
    capacity.protect(flask, services.capacity)
    for module in _MODULES:
        blueprint = module.create_blueprint(services, limits)
        guard.protect(blueprint, services.identity, limits)
        idempotency.protect(blueprint, services.answers)
        api.register_blueprint(blueprint)
    flask.register_blueprint(stream.create_blueprint(services))
    flask.register_blueprint(health.create_blueprint(services.health))
    flask.register_blueprint(docs_page.create_blueprint())
