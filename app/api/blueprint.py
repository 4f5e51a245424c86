"""Blueprints whose query parameters are held to their schemas, as bodies are."""

from typing import Any

import flask_smorest
from webargs.flaskparser import FlaskParser


class _Parser(FlaskParser):
    """Lets each schema say what it does with unknown query parameters."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - as webargs has it
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": None,
    }


class Blueprint(flask_smorest.Blueprint):
    """flask-smorest's blueprint; a misspelled filter is refused, not passed over."""

    ARGUMENTS_PARSER: Any = _Parser()
