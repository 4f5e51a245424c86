"""The WebSockets: one execution live, or the updates of all."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Blueprint, g, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized
from wsproto.frame_protocol import CloseReason

from app.api.guard import authenticate, caller
from app.services import Services
from app.services.history import LONGEST_SEQ


def create_blueprint(services: Services) -> Blueprint:
    """Build the sockets."""
    blueprint = Blueprint("stream", __name__, url_prefix="/api")
    sock = Sock()

    def check() -> None:
        ticket = request.args.get("token")
        if ticket is None:
            g.principal = authenticate(services.identity)
        else:
            principal = services.identity.redeem_ticket(ticket)
            if principal is None:
                raise Unauthorized("This ticket was used, or is older than 60 seconds.")
            g.principal = principal
        if caller().user_id is None:
            raise Forbidden("Streams are for users.")
        _refuse_foreign_origin()
        # Here and not in the route: once the handshake is done nothing can be refused.
        g.after = _after()
        execution_id = (request.view_args or {}).get("execution_id")
        if execution_id:
            services.executions.header(caller().workspace_id, execution_id)

    blueprint.before_request(check)

    @sock.route("/executions/<execution_id>/stream", bp=blueprint)
    def execution_stream(socket: Server, execution_id: str) -> None:
        _send(socket, services.feed.follow(caller().workspace_id, execution_id, g.after))

    @sock.route("/stream", bp=blueprint)
    def stream(socket: Server) -> None:
        _send(socket, services.feed.follow_all(caller().workspace_id))

    return blueprint


def _after() -> int | None:
    after = request.args.get("after")
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) <= LONGEST_SEQ):
        raise BadRequest("after is the seq of the last event you have.")
    return int(after)


def _refuse_foreign_origin() -> None:
    """Keep other sites from opening a socket with the browser's cookie."""
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        raise Forbidden("This origin may not open a stream.")


def _send(socket: Server, messages: Iterator[str | None]) -> None:
    try:
        for message in messages:
            if not socket.connected:
                return
            if message is not None:
                socket.send(message)
        socket.close(CloseReason.SERVICE_RESTART, "restarting")
    except ConnectionClosed:
        return
