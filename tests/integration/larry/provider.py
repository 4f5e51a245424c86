"""A provider's HTTP API on loopback: answers what a test says, and keeps what was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request; ``query`` and a form's ``body`` are dictionaries."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Said:
    """One answer: JSON, unless it is bytes."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


class Provider:
    """Answers by ``answer``; ``faults`` are given first, one each; None hangs up."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.faults: list[Said | None] = []
        self.answer: Callable[[Asked], Said] = lambda _: Said(404, {"message": "not there"})

    def answers(self, asked: Asked) -> Said | None:
        """Answer one request."""
        self.asked.append(asked)
        return self.faults.pop(0) if self.faults else self.answer(asked)


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Serve until the block ends."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                _read(body, self.headers.get("Content-Type", "")),
            )
            self._say(provider.answers(asked))

        do_POST = do_GET  # noqa: N815 - http.server's name

        def _say(self, said: Said | None) -> None:
            if said is None:
                self.close_connection = True
                return
            packed = isinstance(said.body, bytes)
            body = said.body if packed else json.dumps(said.body).encode()
            self.send_response(said.status)
            kind = {} if packed else {"Content-Type": "application/json"}
            for name, value in {**kind, "Content-Length": str(len(body)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


def _read(body: bytes, kind: str) -> Any:
    if "json" in kind:
        return json.loads(body)
    return dict(parse_qsl(body.decode())) if "form" in kind else body
