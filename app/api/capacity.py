"""Back-pressure: while Redis is nearly full, requests that would fill it get 503."""

from typing import Final

from flask import Flask, request

from app.services.capacity import CapacityService

BEGINNINGS: Final = frozenset(
    {
        "agents.decompose",
        "plans.decompose",
        "plans.generate",
        "plans.import_plan",
        "review.regenerate",
        "executions.create",
        "files.upload",
        "dashboard.upload",
        "dashboard.start",
        "dashboard.decompose",
        "dashboard.regenerate",
    }
)
"""Endpoints that begin something."""

CONTINUATIONS: Final = frozenset({"events.report", "work.poll"})
"""Endpoints that carry on with something. All others are small, or make room."""


def protect(flask: Flask, capacity: CapacityService) -> None:
    """Hold an application's requests back while there is no room for what they bring."""

    def check() -> None:
        if request.endpoint in BEGINNINGS:
            capacity.admit_new()
        elif request.endpoint in CONTINUATIONS:
            capacity.admit()

    flask.before_request(check)
