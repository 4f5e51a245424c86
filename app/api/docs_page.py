"""The page to read and try the JSON API, from vendored assets only."""

from pathlib import Path
from typing import Final

from flask import Blueprint, Response, render_template_string, send_from_directory

_STATIC: Final = Path(__file__).parent / "static"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>API · PlanExe-AX</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="{{ url_for('docs.asset', name='vendor/swagger-ui.css') }}">
  <link rel="stylesheet" href="{{ url_for('docs.asset', name='docs.css') }}">
  <script defer src="{{ url_for('docs.asset', name='vendor/swagger-ui-bundle.js') }}"></script>
  <script defer src="{{ url_for('docs.asset', name='docs.js') }}"></script>
</head>
<body>
  <header><a href="/">PlanExe-AX</a><a href="/api/openapi.json">openapi.json</a></header>
  <main id="api" data-document="/api/openapi.json"></main>
  <noscript>The API is described in <a href="/api/openapi.json">openapi.json</a>.</noscript>
</body>
</html>
"""


def create_blueprint() -> Blueprint:
    """Build ``/api/docs``, which shows ``/api/openapi.json``."""
    blueprint = Blueprint("docs", __name__, url_prefix="/api/docs")
    blueprint.add_url_rule("", "page", _page)
    blueprint.add_url_rule("/assets/<path:name>", "asset", _asset)
    blueprint.after_request(_protect)
    return blueprint


def _page() -> str:
    return render_template_string(_PAGE)


def _asset(name: str) -> Response:
    return send_from_directory(_STATIC, name)


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
