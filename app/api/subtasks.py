"""``/api/executions/{id}/tasks/{tid}``: why it is not running, and what a person does about it."""

from typing import Any

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.services import Services


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the routes. The id of a subtask may stand for that of a task."""
    blueprint = Blueprint("subtasks", __name__, url_prefix="/api/executions", description="Tasks")
    people, why = services.people, services.why

    @blueprint.get("/<execution_id>/tasks/<task_id>/why")
    @blueprint.response(200, schemas.Why)
    @users_only
    def explain(execution_id: str, task_id: str) -> Response:
        """Say why it is not running: one cause, since when, who can clear it, and how."""
        return reply(why.get(caller().workspace_id, execution_id, task_id))

    @blueprint.post("/<execution_id>/tasks/<task_id>/retry")
    @blueprint.arguments(schemas.RetryIn)
    @blueprint.response(200, schemas.Decided)
    @users_only
    def retry(body: dict[str, Any], execution_id: str, task_id: str) -> Response:
        """Give it all its attempts again, from now."""
        return reply(people.retry(caller(), execution_id, task_id, body))

    @blueprint.post("/<execution_id>/tasks/<task_id>/skip")
    @blueprint.arguments(schemas.SkipIn)
    @blueprint.response(200, schemas.Decided)
    @users_only
    def skip(body: dict[str, Any], execution_id: str, task_id: str) -> Response:
        """Pass over it; what waits for it goes on with the substitute result."""
        return reply(people.skip(caller(), execution_id, task_id, body))

    @blueprint.post("/<execution_id>/tasks/<task_id>/complete")
    @blueprint.arguments(schemas.CompleteIn)
    @blueprint.response(200, schemas.Decided)
    @users_only
    def complete(body: dict[str, Any], execution_id: str, task_id: str) -> Response:
        """Say that a person has done it, with notes, result and evidence."""
        return reply(people.complete(caller(), execution_id, task_id, body))

    return blueprint
