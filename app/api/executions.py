"""``/api/executions``: create, list, look up, control, and the log."""

from typing import Any

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.idempotency import made_id
from app.api.limits import Limits
from app.services import Services


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the routes."""
    blueprint = Blueprint(
        "executions", __name__, url_prefix="/api/executions", description="Executions"
    )
    executions, history = services.executions, services.history

    @blueprint.post("")
    @blueprint.arguments(schemas.ExecutionIn)
    @blueprint.response(201, schemas.Execution)
    @users_only
    def create(body: dict[str, Any]) -> Response:
        """Create an execution of a plan and, unless told not to, start it."""
        view = executions.create(caller(), body, made_id(services.answers, "exec"))
        return reply(view, 201, Location=f"/api/executions/{view['execution_id']}")

    @blueprint.get("")
    @blueprint.arguments(schemas.ExecutionQuery, location="query")
    @blueprint.response(200, schemas.ListedExecutions)
    @users_only
    def list_executions(query: dict[str, Any]) -> Response:
        """List executions, each as it stands now and with what it waits for."""
        return reply(services.execution_list.page(caller().workspace_id, **query))

    @blueprint.get("/<execution_id>")
    @blueprint.response(200, schemas.Execution)
    @users_only
    def get(execution_id: str) -> Response:
        """Give one with its progress."""
        return reply(executions.get(caller().workspace_id, execution_id))

    @blueprint.get("/<execution_id>/tasks")
    @blueprint.response(200, schemas.Tree)
    @users_only
    def tree(execution_id: str) -> Response:
        """Give phases → tasks → subtasks with their states."""
        return reply(executions.tree(caller().workspace_id, execution_id))

    @blueprint.patch("/<execution_id>")
    @blueprint.arguments(schemas.ExecutionPatch)
    @blueprint.response(200, schemas.Execution)
    @users_only
    def control(body: dict[str, Any], execution_id: str) -> Response:
        """Pause, resume or cancel; an illegal move names the legal ones."""
        return reply(executions.control(caller(), execution_id, body))

    @blueprint.get("/<execution_id>/status")
    @blueprint.response(200, schemas.Control)
    def status(execution_id: str) -> Response:
        """Tell whether to go on: the check before each task."""
        return reply(executions.status(caller(), execution_id))

    @blueprint.get("/<execution_id>/events")
    @blueprint.arguments(schemas.EventQuery, location="query")
    @blueprint.response(200, schemas.Events)
    @users_only
    def events(query: dict[str, Any], execution_id: str) -> Response:
        """Give the log, in ``seq`` order."""
        query["event_type"] = query.pop("type")
        return reply(history.page(caller().workspace_id, execution_id, **query))

    return blueprint
