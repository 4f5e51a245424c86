"""Larry as a process of his own, at work for a real server."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from app.services import Services
from app.web import create
from config.settings import PROJECT, Settings

from ..stage import Stage, wait_until

STEPS = [
    {"action": "search_places", "params": {"query": "alpacas", "location": "Bend"}},
    {"action": "manage_csv", "params": {"content": "breeders", "file": "PROSPECTS.csv"}},
    {"action": "document_findings", "params": {"topic": "Breeders", "file": "FINDINGS.md"}},
]


class Quiet(WSGIRequestHandler):
    """Says nothing of requests."""

    def log(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url(settings: Settings, services: Services) -> Iterator[str]:
    """Serve the application on loopback."""
    app = create(settings, services)
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def larry(url: str, owner_key: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start Larry by his command line, with a directory of places in a file."""
    places = tmp_path / "places.csv"
    places.write_text("name,town,email\nCloud Alpacas,Bend,carol@cloud.example\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PLANEXE_KEY": owner_key,
        "LARRY_PLACES": "file",
        "LARRY_PLACES_FILE": str(places),
    }
    command = [sys.executable, "-m", "larry", "--url", url, "--work-dir", str(tmp_path / "work")]
    process = subprocess.Popen(command, env=environment, cwd=PROJECT)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


def test_larry_performs_a_plan_and_the_owner_opens_what_he_made(
    larry: subprocess.Popen[bytes], stage: Stage, services: Services
) -> None:
    def registered() -> bool:
        assert larry.poll() is None, "Larry ended"
        agents: Any = services.agents.page(stage.workspace_id).items
        return [one["agent_id"] for one in agents] == ["larry"]

    wait_until("Larry has registered", registered, 60)
    steps = [
        {"subtask_id": f"s{number}", "title": step["action"], **step}
        for number, step in enumerate(STEPS)
    ]
    task = {"task_id": "find", "title": "Find breeders", "subtasks": steps}
    plan_id = stage.plan({"title": "Breeders", "phases": [{"name": "Find", "tasks": [task]}]})
    request = {"plan_id": plan_id, "agent_id": "larry"}
    execution_id = services.executions.create(stage.owner, request)["execution_id"]
    wait_until("the plan is done", lambda: stage.status(execution_id) == "COMPLETED", 60)

    table, findings = (stage.subtask(execution_id, one)["result"] for one in ("s1", "s2"))
    [link] = table["evidence"]
    _, content = services.files.get(stage.workspace_id, link["file_id"])
    assert b"Cloud Alpacas,Bend" in content
    markdown, pdf = findings["evidence"]
    assert [one["name"] for one in (markdown, pdf)] == ["FINDINGS.md", "FINDINGS.pdf"]
    stored, content = services.files.get(stage.workspace_id, pdf["file_id"])
    assert stored.content_type == "application/pdf"
    assert content.startswith(b"%PDF")

    larry.send_signal(signal.SIGTERM)
    assert larry.wait(30) == 0
