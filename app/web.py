"""The web application, as gunicorn loads it: ``app.web:app``."""

import uuid

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from app import api, dashboard
from app.api.limits import Limits
from app.api.problems import problem_of
from app.bootstrap import of_process
from app.services import Services
from config.settings import Settings

REQUEST_ID = "X-Request-ID"
LONGEST_REQUEST_ID = 100


def create(settings: Settings, services: Services) -> Flask:
    """Build the application: the JSON API and the pages."""
    flask = Flask("app", static_folder=None)
    flask.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="planexe_ax",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    flask.before_request(_name_request)
    flask.after_request(_tell_request)
    limits = Limits(
        body_bytes=settings.max_body_bytes,
        json_bytes=settings.max_json_body_bytes,
        file_bytes=settings.max_file_bytes,
        events_per_batch=settings.max_events_per_batch,
        wait_seconds=settings.long_poll_max_seconds,
    )
    api.register(flask, services, limits)
    flask.register_blueprint(dashboard.create_blueprint(services))
    flask.register_error_handler(404, _not_found)
    return flask


def _not_found(error: NotFound) -> Response:
    """Answer programs with a problem document, and people with a page."""
    accepts = request.accept_mimetypes
    is_person = accepts.quality("text/html") > accepts.quality("application/json")
    if is_person and not request.path.startswith("/api/"):
        return dashboard.not_found()
    return problem_of(error)


def _name_request() -> None:
    brought = request.headers.get(REQUEST_ID, "")
    usable = 0 < len(brought) <= LONGEST_REQUEST_ID and brought.isascii() and brought.isprintable()
    g.request_id = brought if usable else uuid.uuid4().hex


def _tell_request(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.get("request_id", "")
    return response


def stop() -> None:
    """Let waiting polls and streams go, so that the process can end at once."""
    services = of_process()
    services.work.stop()
    services.feed.stop()
    services.capacity.stop()


def __getattr__(name: str) -> Flask:
    """Build ``app`` when gunicorn asks for it, not when a test imports this module."""
    if name == "app":
        return create(Settings.of_process(), of_process())
    raise AttributeError(name)
