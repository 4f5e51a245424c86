"""``/api/executions/{id}/blockers``: what holds an execution up, and a person's answer to it."""

from typing import Any

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.services import Services


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the routes."""
    blueprint = Blueprint(
        "blockers", __name__, url_prefix="/api/executions", description="Blockers"
    )
    blockers = services.blockers

    @blueprint.get("/<execution_id>/blockers")
    @blueprint.arguments(schemas.BlockerQuery, location="query")
    @blueprint.response(200, schemas.Blockers)
    @users_only
    def list_blockers(query: dict[str, Any], execution_id: str) -> Response:
        """List the open ones, most blocking first, then the others, newest first."""
        return reply(blockers.page(caller().workspace_id, execution_id, **query))

    @blueprint.post("/<execution_id>/blockers/<blocker_id>/resolve")
    @blueprint.arguments(schemas.ResolveIn)
    @blueprint.response(200, schemas.Blocker)
    @users_only
    def resolve(body: dict[str, Any], execution_id: str, blocker_id: str) -> Response:
        """Answer one, with one of its ``next_step_options``."""
        return reply(blockers.resolve(caller(), execution_id, blocker_id, body))

    return blueprint
