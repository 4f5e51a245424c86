"""``/api/inbox``: everything that waits for a person, over all executions and plans."""

from typing import Any

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.services import Services


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the route."""
    blueprint = Blueprint("inbox", __name__, url_prefix="/api/inbox", description="Inbox")

    @blueprint.get("")
    @blueprint.arguments(schemas.InboxQuery, location="query")
    @blueprint.response(200, schemas.Inbox)
    @users_only
    def inbox(query: dict[str, Any]) -> Response:
        """List it: what holds up most subtasks first, of equals what has waited longest."""
        return reply(services.inbox.page(caller().workspace_id, **query))

    return blueprint
