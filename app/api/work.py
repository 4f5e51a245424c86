"""``/api/agents/{id}/work``: an agent asks for work, and may wait for it."""

import select
import socket
from typing import Any

from flask import Response, request

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import no_content, reply
from app.api.guard import agents_only, caller
from app.api.limits import Limits
from app.domain.errors import NotFound
from app.services import Services
from app.services.work import Poll


def create_blueprint(services: Services, limits: Limits) -> Blueprint:
    """Build the route."""
    blueprint = Blueprint("work", __name__, url_prefix="/api/agents", description="Work for agents")

    @blueprint.get("/<agent_id>/work")
    @blueprint.arguments(schemas.WorkQuery, location="query")
    @blueprint.response(200, schemas.Work)
    @blueprint.alt_response(204, description="No work within the time")
    @agents_only
    def poll(query: dict[str, Any], agent_id: str) -> Response:
        """Lease the next subtasks; ``wait`` holds the answer until there are some."""
        if caller().agent_id != agent_id:
            raise NotFound(f"There is no agent {agent_id!r}.")
        asked = Poll(
            actions=actions_of(query["supported_actions"]),
            wait_seconds=min(query["wait"], limits.wait_seconds),
            most=query["max"],
            instance=query["instance"],
            poll_id=query["poll_id"],
            is_heard=_is_heard,
        )
        found = services.work.poll(caller(), agent_id, asked)
        return reply(found) if found else no_content()

    return blueprint


def actions_of(listed: str | None) -> frozenset[str] | None:
    """Read ``a,b`` as names; None where nothing was said."""
    return frozenset(filter(None, listed.split(","))) if listed is not None else None


def _is_heard() -> bool:
    """Tell whether the caller is still connected, where the server lets one look."""
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    if connection is None:
        return True
    try:
        # Asked first, since gevent's recv waits whatever its flags say.
        readable = select.select([connection], [], [], 0)[0]
        return not readable or connection.recv(1, socket.MSG_PEEK) != b""
    except OSError:
        return False
