"""A proxy before the server, of the kinds that agents' authors have in their way.

It speaks HTTP/1.1 alone: WebSockets do not come through, as through many proxies.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import httpx

KEPT = ("authorization", "content-type", "x-request-id")


class Asked(NamedTuple):
    """A request on its way."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_poll(self) -> bool:
        """Whether it asks for work."""
        return "/work" in self.path


class Given(NamedTuple):
    """An answer on its way back."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


Pass = Callable[[Asked], Given]
Trouble = Callable[[Asked, Pass], Given | None]


@contextmanager
def proxy(url: str, trouble: Trouble) -> Iterator[str]:
    """Stand before a server; ``trouble`` makes each answer, None cuts the connection."""
    with httpx.Client(base_url=url, timeout=70, trust_env=False) as client:

        def passed(asked: Asked) -> Given:
            answer = client.request(
                asked.method, asked.path, headers=asked.headers, content=asked.body
            )
            kept = ("content-type", "x-request-id", "date", "retry-after")
            headers = {name: answer.headers[name] for name in kept if name in answer.headers}
            return Given(answer.status_code, headers, answer.content)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _go(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: self.headers[name] for name in KEPT if name in self.headers}
                given = trouble(Asked(self.command, self.path, headers, body), passed)
                if given is None:
                    self.close_connection = True
                    return
                self.send_response_only(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                if given.status != 204:
                    self.send_header("Content-Length", str(len(given.body)))
                self.end_headers()
                self.wfile.write(given.body)

            do_GET = do_POST = do_PATCH = do_DELETE = _go  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
