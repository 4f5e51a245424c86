"""``/api/executions/{id}/verify`` and ``/report``: what the log proves, and what it tells."""

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.services import Services
from app.services.verification import proof_view


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

    return blueprint
