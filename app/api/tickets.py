"""``/api/stream-tickets``: one-time tickets for the WebSockets."""

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.services import Services
from app.services.identity import TICKET_SECONDS


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the route."""
    blueprint = Blueprint("tickets", __name__, url_prefix="/api", description="Stream tickets")

    @blueprint.post("/stream-tickets")
    @blueprint.response(201, schemas.Ticket)
    @users_only
    def issue_ticket() -> Response:
        """Give a ticket for where neither cookie nor header can be sent."""
        ticket = services.identity.issue_ticket(caller())
        return reply({"ticket": ticket, "expires_in_seconds": TICKET_SECONDS}, 201)

    return blueprint
