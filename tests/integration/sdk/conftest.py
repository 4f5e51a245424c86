"""The application on loopback behind a line that can be troubled, and agents of the SDK on it."""

import contextlib
import io
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from app.services import Services
from app.web import create
from config.settings import Settings

AGENT_SCRIPT = Path(__file__).with_name("agent_process.py")


class Trouble:
    """Does to reports what networks and servers do; in turn, as a seed says.

    Attributes:
        kinds: What happens to reports; empty lets all through.
        seen: How often what happened.
    """

    def __init__(self, application: Any) -> None:
        self.kinds: tuple[str, ...] = ()
        self.seen: Counter[str] = Counter()
        self._application = application
        self._draw = random.Random(7)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve one request."""
        if not (self.kinds and environ["PATH_INFO"].endswith("/events")):
            return self._application(environ, start_response)
        kind = self._draw.choice(self.kinds)
        self.seen[kind] += 1
        answer: Iterable[bytes] = getattr(self, f"_{kind}")(environ, start_response)
        return answer

    def _passed(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._application(environ, start_response)

    def _lost(self, environ: dict[str, Any], _: Any) -> Iterable[bytes]:
        """Apply it and lose the answer."""
        self._apply(environ)
        return self._cut(environ)

    def _unheard(self, environ: dict[str, Any], _: Any) -> Iterable[bytes]:
        """Cut the line before anybody has read it."""
        return self._cut(environ)

    def _twice(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Deliver it twice; the answer is the second one's."""
        body = self._apply(environ)
        return self._application({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    def _failed(self, _environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("500 Internal Server Error", [("Content-Length", "0")])
        return []

    def _away(self, _environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("503 Service Unavailable", [("Content-Length", "0")])
        return []

    def _busy(self, _environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("429 Too Many", [("Retry-After", "0"), ("Content-Length", "0")])
        return []

    def _cut(self, environ: dict[str, Any]) -> Iterable[bytes]:
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError

    def _apply(self, environ: dict[str, Any]) -> bytes:
        body: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        told: Any = self._application({**environ, "wsgi.input": io.BytesIO(body)}, lambda *_: None)
        b"".join(told)
        told.close()
        return body


class Quiet(WSGIRequestHandler):
    """Says nothing of requests, nor of agents that hang up."""

    def log(self, *_: Any) -> None:
        """Say nothing."""


class Site:
    """The application on a port of its own; it may go away and come back."""

    def __init__(self, application: Any) -> None:
        self.trouble = Trouble(application)
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Answer, at the same address as before."""
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", self._port, self.trouble, threaded=True, request_handler=Quiet
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site(settings: Settings, services: Services) -> Iterator[Site]:
    """The application, served."""
    site = Site(create(settings, services))
    yield site
    services.work.stop()
    with contextlib.suppress(OSError):
        site.stop()


@pytest.fixture
def start_process(site: Site, owner_key: str, tmp_path: Path) -> Iterator[Any]:
    """Start agents in processes of their own, all with one outbox and one list of effects."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        words = [site.url, owner_key, str(tmp_path), *options]
        started.append(subprocess.Popen([sys.executable, AGENT_SCRIPT, *words], text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
