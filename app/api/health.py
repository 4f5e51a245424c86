"""``/healthz`` and ``/readyz``: whether the process lives, and whether it can work."""

from flask import Blueprint, Response

from app.api.encoding import reply
from app.services.health import HealthService


def create_blueprint(health: HealthService) -> Blueprint:
    """Build the routes; they ask for no key and tell nothing but names."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return reply({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        missing = health.missing()
        status = "unavailable" if missing else "ok"
        return reply({"status": status, "missing": missing}, 503 if missing else 200)

    return blueprint
