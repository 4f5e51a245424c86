"""A PlanExe server of either kind, on a port of its own, that misbehaves when told to."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class PlanExe:
    """What the server has and does; each request is kept in ``asked``.

    ``faults`` maps a path to answers that are given, one each, before the right one.
    """

    def __init__(self, kind: str, archive: bytes) -> None:
        self.kind = kind
        self.archive = archive
        self.run_id = "5f1c9a52-0000-4000-8000-00000000abcd"
        self.url = ""
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.states: list[str] = ["completed"]
        self.faults: dict[str, list[Answer]] = {}
        self.file_info: dict[str, Any] = {}
        self.key: str | None = None

    def paths(self) -> list[str]:
        """Name what was asked for: a path, or the tool that was called."""
        return [path for path, _, _ in self.asked]

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        """Answer one request."""
        name = body.get("tool", path) if isinstance(body, dict) else path
        self.asked.append((name, headers, body))
        if self.faults.get(name):
            return self.faults[name].pop(0)
        if path == "/download":
            return 200, {}, self.archive
        return (
            self._cloud(path, headers, body) if self.kind == "cloud" else self._worker(method, path)
        )

    def _state(self) -> str:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def _worker(self, method: str, path: str) -> Answer:
        run = f"/runs/{self.run_id}"
        if (method, path) == ("POST", "/runs"):
            return said({"run_id": self.run_id, "status": "running", "pid": 1})
        if path == run:
            state = self._state()
            told = {
                "run_id": self.run_id,
                "run_dir_exists": state != "absent",
                "pid": 1,
                "running": state == "processing",
                "returncode": None if state == "processing" else 0,
                "pipeline_complete": state == "completed",
                "stop_requested": state == "stopped",
                "last_update_seconds_ago": 1.0,
            }
            return said(told)
        if path == f"{run}/zip":
            return 200, {}, self.archive
        return said({"detail": "Not Found"}, 404)

    def _cloud(self, path: str, headers: dict[str, str], body: Any) -> Answer:
        if self.key and headers.get("X-Api-Key") != self.key:
            return said({"detail": "Invalid API key"}, 403)
        if path == "/mcp/tools":
            return said({"tools": []})
        if path != "/mcp/tools/call":
            return said({"detail": "Not Found"}, 404)
        if body["arguments"].get("plan_id", self.run_id) != self.run_id:
            return enveloped({"error": {"code": "PLAN_NOT_FOUND", "message": "Plan not found"}})
        return enveloped(self._tool(body["tool"]))

    def _tool(self, tool: str) -> dict[str, Any]:
        if tool == "plan_create":
            return {"plan_id": self.run_id, "created_at": "2026-01-01T00:00:00Z"}
        if tool == "plan_status":
            state = self._state()
            error = {"error": {"code": "generation_failed", "message": "no model"}}
            told = {"state": state, "progress_percentage": 42.0, "current_step": "wbs_level2"}
            return told | (error if state == "failed" else {})
        return {
            "content_type": "application/zip",
            "sha256": hashlib.sha256(self.archive).hexdigest(),
            "download_size": len(self.archive),
            "download_url": f"{self.url}/download",
        } | self.file_info


def said(document: object, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON."""
    return status, headers, json.dumps(document).encode()


def enveloped(document: dict[str, Any]) -> Answer:
    """Answer as a tool does."""
    error = document.get("error") if "state" not in document else None
    return said({"content": [{"text": json.dumps(document)}], "error": error})


@contextmanager
def serving(server: PlanExe) -> Iterator[PlanExe]:
    """Serve on a free port until the block ends."""
    handler = type("Handler", (_Handler,), {"answer": staticmethod(server.answer)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    answer: Callable[[str, str, dict[str, str], Any], Answer]

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.title(): value for name, value in self.headers.items()}
        status, more, content = self.answer(self.command, self.path, headers, body)
        self.send_response(status)
        # A length that says more than comes: a download that breaks off.
        announced = {"Content-Length": more.get("Announce", str(len(content)))}
        for name, value in {**more, **announced}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    do_GET = do_POST = _handle  # noqa: N815 the base looks for these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
        pass
