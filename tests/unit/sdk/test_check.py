"""``planexe-agent check`` where no PlanExe-AX server answers, and its options."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from planexe_agent.check.agents import faults_of
from planexe_agent.check.command import main

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_SERVER = 3


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """Serve the same answer to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_port_where_nobody_listens_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        assert main(["check", url]) == NO_SERVER

    said = capsys.readouterr().out
    assert "WRONG  address" in said
    assert f"Start the server, and check host, port and firewall of {url[7:]}." in said


@pytest.mark.parametrize(
    ("status", "body", "headers", "to_do"),
    [
        (200, b"<h1>It works!</h1>", {}, "Give the address of the PlanExe-AX server"),
        (200, b'{"status": "UP"}', {}, "Give the address of the PlanExe-AX server"),
        (200, b'["ok"]', {}, "Give the address of the PlanExe-AX server"),
        (404, b"", {}, "Give the server's root as the address"),
        (502, b"<h1>Bad Gateway</h1>", {}, "A proxy answers in the server's place"),
        (500, b"", {"X_Request_ID": "abc"}, "Look for request abc in the server's log."),
        (301, b"", {"Location": "https://example.org/"}, "Use https://example.org/ instead"),
        (503, b"", {"Retry_After": "3600"}, "look at what /readyz names"),
    ],
)
def test_server_that_is_not_ours_is_told(
    capsys: pytest.CaptureFixture[str],
    status: int,
    body: bytes,
    headers: dict[str, str],
    to_do: str,
) -> None:
    with answering(status, body, **headers) as url:
        assert main(["check", url, "--json"]) == NO_SERVER

    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    assert [one["state"] for one in verdicts[:2]] == ["wrong", "skipped"]
    assert to_do in verdicts[0]["to_do"]


def test_health_that_lacks_something_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(200, b'{"status": "ok", "missing": []}') as url:
        assert main(["check", url]) == NO_SERVER

    assert "WRONG  version" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["check"],
        ["check", "localhost:8000"],
        ["check", "http://localhost:99999"],
        ["check", "http://localhost:http"],
        ["check", "http://[::1"],
        ["check", "http://localhost", "--poll-seconds", "nan"],
        ["check", "http://localhost", "--poll-seconds", "61"],
        ["check", "http://localhost", "--key", "sch\u00f6n"],
    ],
)
def test_options_that_cannot_be_right_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("params", "faults"),
    [
        (["to", "subject"], 0),
        (["to", "to"], 1),
        ({}, 0),
        ({"type": "object", "properties": {"to": {"type": ["string", "null"]}, "any": {}}}, 0),
        ({"type": "string"}, 1),
        ({"properties": {"to": "string"}}, 1),
        ({"properties": {"to": True}, "required": "to"}, 1),
        ({"properties": {"n": {"type": "int"}}, "required": ["m"]}, 2),
    ],
)
def test_faults_of_announced_params_are_counted(params: object, faults: int) -> None:
    assert len(faults_of({"action": "send", "params": params})) == faults
