"""A server on loopback that speaks OpenAI's chat completions, and misbehaves as it is told."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = Any

USAGE: dict[str, Any] = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


@dataclass(frozen=True)
class Reply:
    """One answer. ``content`` is what the model says; ``raw`` replaces the whole body."""

    content: str | None = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    usage: Json = field(default_factory=lambda: dict(USAGE))
    refusal: str | None = None
    finish_reason: str = "stop"
    raw: bytes | None = None
    hangs: bool = False
    drips: bool = False

    @property
    def body(self) -> bytes:
        """The body as it is sent."""
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": self.content}}).encode()
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        found = {"id": "1", "object": "chat.completion", "choices": [choice]}
        return json.dumps(found if self.usage is None else {**found, "usage": self.usage}).encode()


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    body: Json
    key: str

    @property
    def structured(self) -> bool:
        """Tell whether it asks for an answer by a JSON Schema."""
        return "response_format" in self.body

    @property
    def question(self) -> Json:
        """What stands between the fences: the data of the task."""
        user = self.body["messages"][1]["content"]
        _, data, *_ = user.split("\n")
        return json.loads(data)

    @property
    def wish(self) -> str | None:
        """What a reviewer wishes: it stands behind the fences."""
        _, _, _, *said = self.body["messages"][1]["content"].split("\n")
        return json.loads(said[-1]) if said else None

    @property
    def title(self) -> str:
        """The title of the task that is asked about."""
        return str(self.question["task"]["title"])


def step(title: str = "Search the web for lighthouses", **fields: Json) -> Json:
    """Write one step as a model answers it."""
    return {
        "title": title,
        "action": "web_search",
        "description": f"{title}.",
        "params": [{"name": "query", "value": title}],
        "source": None,
        "after": [],
        "success_criteria": ["At least 3 results are noted"],
        "performed_by": "agent",
        "needs_approval": False,
        **fields,
    }


def answer(*steps: Json, **fields: Json) -> str:
    """Write an answer of a model."""
    return json.dumps({"steps": list(steps), "confidence": 0.9, "notes": "", **fields})


def good(call: Call) -> Reply:
    """Answer as asked: a step for each written subtask, or one for the task."""
    items = call.question["written_subtasks"]
    steps = [step(f"Search the web: {one['title']}", source=one["number"]) for one in items]
    return Reply(answer(*(steps or [step(f"Search the web: {call.title}")])))


Behaviour = Callable[[Call], Reply]


class ModelServer:
    """The server's state; every member may be used from the test's thread."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.behaviour: Behaviour = good
        self.next: deque[Reply | Behaviour] = deque()
        self.takes_schema = True
        self.seconds = 0.0
        self.peak = 0
        self.url = ""
        self.closing = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self._under_way = 0
        self._lock = threading.Lock()

    @property
    def titles(self) -> list[str]:
        """The titles of the tasks that were asked about, in order."""
        return [call.title for call in list(self.calls)]

    def always(self, reply: Reply) -> None:
        """Answer every call so."""
        self.behaviour = lambda _: reply

    @contextmanager
    def call(self, call: Call) -> Iterator[Reply]:
        """Take a call up and give what to answer, after the time that a call takes."""
        with self._lock:
            self.calls.append(call)
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
            behaviour = self.next.popleft() if self.next else self.behaviour
        try:
            self.gate.wait()
            self.closing.wait(self.seconds)
            if call.structured and not self.takes_schema:
                yield Reply("response_format is not supported", status=400)
            else:
                yield behaviour if isinstance(behaviour, Reply) else behaviour(call)
        finally:
            with self._lock:
                self._under_way -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = re.sub("^Bearer ", "", self.headers.get("Authorization", ""))
        assert self.path == "/v1/chat/completions"
        with self.state.call(Call(body, key)) as reply:
            if reply.hangs:
                self.close_connection = True
                self.state.closing.wait()
            else:
                self._send(reply)

    def _send(self, reply: Reply) -> None:
        body = reply.body
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not reply.drips:
            self.wfile.write(body)
            return
        self.close_connection = True
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.state.closing.wait(0.05):
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of callers that hang up: they are told to."""


@contextmanager
def serving() -> Iterator[ModelServer]:
    """Serve on a free port; ``url`` is the base URL to set."""
    state = ModelServer()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.gate.set()
        state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
