"""The WebSockets over a real connection, as programs and browsers open them."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from simple_websocket import Client, ConnectionClosed
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from app.services import Services

from ..stage import wait_until
from .conftest import AgentCaller, Scene
from .contract import Caller


class Quiet(WSGIRequestHandler):
    """Says nothing of requests."""

    def log(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(app: Flask, services: Services) -> Iterator[str]:
    """Serve on loopback; give the address for WebSockets."""
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"ws://127.0.0.1:{server.server_port}"
    services.feed.stop()
    wait_until("all streams have ended", lambda: services.feed.watching() == 0)
    server.shutdown()
    thread.join()
    server.server_close()


class Stream:
    """One connection, read as JSON."""

    def __init__(self, address: str, key: str | None = None, **headers: str) -> None:
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._client = Client(address, headers=headers)
        self.read: list[Any] = []

    def next(self) -> Any:
        """Give the next message."""
        message = self._client.receive(timeout=10)
        assert message is not None, "nothing came within 10 seconds"
        self.read.append(json.loads(message))
        return self.read[-1]

    def until_status(self, status: str) -> None:
        """Read until an update says so."""
        while self.next().get("status") != status or self.read[-1]["type"] != "execution_update":
            pass

    def seqs(self) -> list[int]:
        """Give the ``seq`` of every event read."""
        return [one["seq"] for one in self.read if one["type"] == "event"]

    def reason_of_end(self) -> int:
        """Read to the end; give its code."""
        try:
            while True:
                self.next()
        except ConnectionClosed as closed:
            return int(closed.reason)

    def close(self) -> None:
        """Go away."""
        self._client.close()


def handshake(address: str, key: str | None = None, **headers: str) -> int:
    """Ask to open a WebSocket as a browser does; give the status of the answer."""
    parts = urlsplit(address)
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec-WebSocket-Version": "13",
    }
    connection.request("GET", f"{parts.path}?{parts.query}", headers={**upgrade, **headers})
    answer = connection.getresponse()
    if answer.status != 101:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert json.loads(answer.read())["status"] == answer.status
    answer.close()
    connection.close()
    return answer.status


def test_stream_begins_with_a_snapshot_and_shows_the_execution_to_its_end(
    served: str, user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    stream = Stream(f"{served}/api/executions/{execution_id}/stream", user.key)
    snapshot = stream.next()
    assert snapshot["type"] == "snapshot"
    # A forecast moves with the clock.
    ahead: Any = {"forecast_end_at": None}
    assert snapshot["execution"] | ahead == scene.get(execution_id) | ahead
    assert snapshot["tasks"] | ahead == scene.get(execution_id, "/tasks") | ahead
    assert snapshot["blockers"] == []

    scene.carry_out(agent)
    stream.until_status("COMPLETED")

    last = scene.get(execution_id)["seq"]
    assert stream.seqs() == list(range(snapshot["seq"] + 1, last + 1))
    events = [one for one in stream.read if one["type"] == "event"]
    logged = scene.get(execution_id, "/events?limit=1000")["items"][snapshot["seq"] :]
    assert [{**one, "type": "event"} for one in logged] == events
    update = stream.read[-1]
    assert update["progress"] == scene.get(execution_id)["progress"]
    assert {"seq", "status", "progress", "timestamp"} <= update.keys()
    stream.close()


def test_stream_resumes_after_a_seq(
    served: str, user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    scene.carry_out(agent)
    last = scene.get(execution_id)["seq"]
    for after in (0, 3, last):
        stream = Stream(f"{served}/api/executions/{execution_id}/stream?after={after}", user.key)
        stream.until_status("COMPLETED")
        assert stream.seqs() == list(range(after + 1, last + 1))
        stream.close()


def test_stream_of_all_shows_every_execution(
    served: str, user: Caller, scene: Scene, agent: AgentCaller
) -> None:
    stream = Stream(f"{served}/api/stream", user.key)
    assert stream.next() == {"type": "snapshot", "executions": []}

    execution_id = scene.execution(agent)
    scene.carry_out(agent)
    stream.until_status("COMPLETED")

    assert {one["execution_id"] for one in stream.read[1:]} == {execution_id}
    stream.close()


def test_browser_is_let_in_by_its_cookie_from_its_own_site_only(
    app: Flask, served: str, owner: Any, execution_id: str
) -> None:
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer
    state = {"user_id": owner.user_id, "workspace_id": owner.workspace_id}
    cookie = f"{app.config['SESSION_COOKIE_NAME']}={signer.dumps(state)}"
    address = f"{served}/api/executions/{execution_id}/stream"
    own = served.replace("ws://", "http://")

    assert handshake(address, Cookie=cookie, Origin=own) == 101
    for origin in ("http://evil.example", "null"):
        assert handshake(address, Cookie=cookie, Origin=origin) == 403
    assert handshake(address, Origin=own) == 401


def test_ticket_lets_in_once(served: str, user: Caller, execution_id: str) -> None:
    told: Any = user.post("/api/stream-tickets").json
    assert told["expires_in_seconds"] == 60
    address = f"{served}/api/executions/{execution_id}/stream?token={told['ticket']}"

    stream = Stream(address)
    assert stream.next()["type"] == "snapshot"
    stream.close()
    assert handshake(address) == 401


def test_nobody_else_is_let_in(
    served: str, user: Caller, agent: AgentCaller, execution_id: str
) -> None:
    one, every = f"{served}/api/executions/{execution_id}/stream", f"{served}/api/stream"
    for address in (one, every):
        assert handshake(address) == 401
        assert handshake(address, "wrong") == 401
        assert handshake(address, agent.key) == 403
        for ticket in ("", "x", "default.x", "%00", "{}"):
            assert handshake(f"{address}?token={ticket}") == 401
    for after in ("x", "-1", "9" * 30, "%D9%A1"):
        assert handshake(f"{one}?after={after}", user.key) == 400
    assert handshake(f"{served}/api/executions/exec_none/stream", user.key) == 404


def test_plain_request_to_a_stream_is_refused(user: Caller) -> None:
    assert user.get("/api/stream").status_code == 400


def test_end_of_the_process_closes_streams_with_service_restart(
    served: str, user: Caller, services: Services, execution_id: str
) -> None:
    stream = Stream(f"{served}/api/executions/{execution_id}/stream", user.key)
    stream.next()

    services.feed.stop()

    assert stream.reason_of_end() == 1012


def test_watcher_that_goes_away_is_forgotten(
    served: str, user: Caller, scene: Scene, agent: AgentCaller, services: Services
) -> None:
    execution_id = scene.execution(agent)
    stream = Stream(f"{served}/api/executions/{execution_id}/stream", user.key)
    stream.next()
    assert services.feed.watching() == 1

    stream.close()

    wait_until("the watcher is forgotten", lambda: services.feed.watching() == 0)
