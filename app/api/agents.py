"""``/api/agents``: register, list, look up, renew a key."""

from typing import Any

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.domain.errors import NotFound
from app.services import Services
from app.services.identity import Principal


def create_blueprint(services: Services, limits: Limits) -> Blueprint:
    """Build the routes."""
    blueprint = Blueprint("agents", __name__, url_prefix="/api/agents", description="Agents")
    agents = services.agents

    @blueprint.post("")
    @blueprint.post("/register")
    @blueprint.arguments(schemas.AgentIn)
    @blueprint.response(201, schemas.AgentKey)
    @users_only
    def register(body: dict[str, Any]) -> Response:
        """Register an agent; its key is shown this once."""
        view = agents.register(caller(), body)
        return reply(view, 201, Location=f"/api/agents/{view['agent_id']}")

    @blueprint.get("")
    @blueprint.arguments(schemas.PageQuery, location="query")
    @blueprint.response(200, schemas.Agents)
    @users_only
    def list_agents(query: dict[str, Any]) -> Response:
        """List agents, newest first."""
        return reply(agents.page(caller().workspace_id, **query))

    @blueprint.get("/<agent_id>")
    @blueprint.response(200, schemas.Agent)
    def get(agent_id: str) -> Response:
        """Give one; an agent sees itself."""
        return reply(agents.get(_itself_or_user(agent_id).workspace_id, agent_id))

    @blueprint.patch("/<agent_id>")
    @blueprint.arguments(schemas.AgentPatch)
    @blueprint.response(200, schemas.Agent)
    @users_only
    def change(body: dict[str, Any], agent_id: str) -> Response:
        """Change an agent, pause or resume it."""
        return reply(agents.change(caller(), agent_id, body))

    @blueprint.delete("/<agent_id>")
    @blueprint.response(204)
    @users_only
    def delete(agent_id: str) -> Response:
        """Delete an agent; refused while it has unfinished executions."""
        agents.delete(caller(), agent_id)
        return Response(status=204)

    @blueprint.post("/<agent_id>/decompose")
    @blueprint.arguments(schemas.InquiryQuery, location="query")
    @blueprint.arguments(schemas.InquiryIn)
    @blueprint.response(200, schemas.Breakdown)
    @blueprint.alt_response(202, schema=schemas.Pending)
    def decompose(query: dict[str, Any], body: dict[str, Any], agent_id: str) -> Response:
        """Break a task down into what an agent can do; 202 where that takes longer than asked."""
        principal = _itself_or_user(agent_id)
        wait = min(query["wait"], limits.wait_seconds)
        return _told(agent_id, *services.inquiries.ask(principal, agent_id, body, wait))

    @blueprint.get("/<agent_id>/decompositions/<inquiry_id>")
    @blueprint.response(200, schemas.Breakdown)
    @blueprint.alt_response(202, schema=schemas.Pending)
    def decomposition(agent_id: str, inquiry_id: str) -> Response:
        """Give what came of an agent's decomposition; kept for an hour."""
        principal = _itself_or_user(agent_id)
        view = services.inquiries.get(principal, agent_id, inquiry_id)
        return _told(agent_id, inquiry_id, view)

    @blueprint.get("/<agent_id>/capabilities")
    @blueprint.response(200, schemas.Capability(many=True))
    @users_only
    def capabilities(agent_id: str) -> Response:
        """Give what an agent can do."""
        return reply(agents.get(caller().workspace_id, agent_id)["capabilities"])

    @blueprint.post("/<agent_id>/keys")
    @blueprint.response(201, schemas.AgentKey)
    @users_only
    def new_key(agent_id: str) -> Response:
        """Give an agent another key."""
        return reply(agents.new_key(caller(), agent_id), 201)

    @blueprint.get("/<agent_id>/keys")
    @blueprint.response(200, schemas.ApiKeys)
    @users_only
    def list_keys(agent_id: str) -> Response:
        """List the keys of an agent, without the keys themselves."""
        return reply({"items": services.keys.of_agent(caller().workspace_id, agent_id)})

    @blueprint.delete("/<agent_id>/keys/<key_id>")
    @blueprint.response(204)
    @users_only
    def revoke_key(agent_id: str, key_id: str) -> Response:
        """Revoke a key of an agent; it is taken for 15 seconds more at most."""
        services.keys.revoke_of_agent(caller(), agent_id, key_id)
        return Response(status=204)

    return blueprint


def _itself_or_user(agent_id: str) -> Principal:
    principal = caller()
    if principal.agent_id not in (None, agent_id):
        raise NotFound(f"There is no agent {agent_id!r}.")
    return principal


def _told(agent_id: str, inquiry_id: str, view: dict[str, Any] | None) -> Response:
    if view is not None:
        return reply(view)
    pending = {"status": "PENDING", "decomposition_id": inquiry_id}
    place = f"/api/agents/{agent_id}/decompositions/{inquiry_id}"
    return reply(pending, 202, Location=place, Retry_After="1")
