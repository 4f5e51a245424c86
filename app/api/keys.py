"""``/api/keys``: the keys of the user who asks."""

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
    blueprint = Blueprint("keys", __name__, url_prefix="/api/keys", description="Keys")
    keys = services.keys

    @blueprint.get("")
    @blueprint.response(200, schemas.ApiKeys)
    @users_only
    def list_keys() -> Response:
        """List your keys, without the keys themselves."""
        return reply({"items": keys.of_user(caller())})

    @blueprint.post("")
    @blueprint.arguments(schemas.ApiKeyIn)
    @blueprint.response(201, schemas.UserKey)
    @users_only
    def new_key(body: dict[str, Any]) -> Response:
        """Make one more key for yourself; it is shown this once."""
        return reply(keys.new_of_user(caller(), body["name"]), 201)

    @blueprint.delete("/<key_id>")
    @blueprint.response(204)
    @users_only
    def revoke_key(key_id: str) -> Response:
        """Revoke a key of yours; the last one stays. Taken for 15 seconds more at most."""
        keys.revoke_of_user(caller(), key_id)
        return Response(status=204)

    return blueprint
