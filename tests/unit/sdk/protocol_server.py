"""A server that speaks the agents' part of the contract, from memory, on loopback.

It holds tasks, leases and answers as the real one does, and can be told to fail.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable
from urllib.parse import parse_qs, urlsplit

USER_KEY = "user-key"
AGENT_KEY = "agent-key"
_PATIENCE_SECONDS = 10.0
_ENDS_LEASE = frozenset({"task_complete", "task_error", "task_blocked"})


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    key: str


@dataclass
class Fault:
    """What happens to the next ``times`` requests of a method and path ending.

    Attributes:
        status: Refuse the request with this status, uncarried out.
        drop: Carry the request out, then close the connection instead of answering.
    """

    method: str
    ending: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)
    drop: bool = False
    times: int = 1

    def meets(self, request: Request) -> bool:
        """Tell whether it is meant for this request."""
        return request.method == self.method and request.path.endswith(self.ending)


@dataclass(frozen=True)
class Reply:
    """Status and body of an answer."""

    status: int
    body: dict[str, Any] | None = None


class ProtocolServer:
    """The server's state; every method is safe to call from the test's thread."""

    def __init__(self, lease_seconds: float = 900.0) -> None:
        self.requests: list[Request] = []
        self.events: list[dict[str, Any]] = []
        self.agents: dict[str, dict[str, Any]] = {}
        self.foreign: set[str] = set()
        self.faults: list[Fault] = []
        self.flags: dict[str, bool] = {"force_pause": False, "force_cancel": False}
        self.ended = False
        self.closing = False
        self.deliver_to_all = False
        self.lease_seconds = lease_seconds
        self._work: deque[dict[str, Any]] = deque()
        self._leases: dict[str, dict[str, Any]] = {}
        self._leased = 0
        self._answers: dict[str, dict[str, Any]] = {}
        self.changed = threading.Condition()
        self.url = ""

    def add_task(self, task_id: str, action: str = "greet", **work: object) -> None:
        """Make a task ready."""
        with self.changed:
            self._work.append({"task_id": task_id, "action": action, "params": {}, **work})
            self.changed.notify_all()

    def lease_to(self, poll_id: str) -> None:
        """Lease the first task to a poll whose answer nobody saw."""
        with self.changed:
            self._claim(poll_id)

    def is_leased(self, task_id: str) -> bool:
        """Tell whether somebody holds the task."""
        return any(lease["task_id"] == task_id for lease in self._leases.values())

    def pass_lease_on(self, task_id: str) -> None:
        """Let the lease of a task pass to another attempt."""
        with self.changed:
            for poll_id, lease in list(self._leases.items()):
                if lease["task_id"] == task_id:
                    del self._leases[poll_id]

    def set_flags(self, **flags: bool) -> None:
        """Pause or cancel the execution."""
        with self.changed:
            self.flags.update(flags)
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until the condition holds; it is looked at after each request."""
        with self.changed:
            if not self.changed.wait_for(condition, _PATIENCE_SECONDS):
                raise AssertionError(f"never: {what}; requests: {self.requests[-5:]}")

    def wait_for_event(self, event_type: str, task_id: str) -> dict[str, Any]:
        """Wait for an event; give it."""
        self.wait_for(lambda: self.events_of(event_type, task_id), f"{event_type} of {task_id}")
        return self.events_of(event_type, task_id)[0]

    def events_of(self, event_type: str, task_id: str) -> list[dict[str, Any]]:
        """List the events of a type that were accepted for a task."""
        wanted = (event_type, task_id)
        return [each for each in self.events if (each["event_type"], each["task_id"]) == wanted]

    def requests_to(self, method: str, ending: str) -> list[Request]:
        """List the requests of a method whose path ends so."""
        return [
            each for each in self.requests if each.method == method and each.path.endswith(ending)
        ]

    def handle(self, request: Request) -> Reply:
        """Carry out a request."""
        with self.changed:
            try:
                return self._routed(request)
            finally:
                self.changed.notify_all()

    def _routed(self, request: Request) -> Reply:
        if request.key not in {USER_KEY, AGENT_KEY}:
            return Reply(401, {"title": "Unauthorized", "detail": "unknown key"})
        if request.path == "/api/agents":
            return self._register(request)
        if request.path.endswith("/keys") or request.method == "PATCH":
            return self._known_agent(request)
        if request.path.endswith("/work"):
            return self._poll(request.query)
        if "events" in request.body:
            results = [self._event(each, {}) for each in request.body["events"]]
            return Reply(
                207, {"results": [{"status": r.status, **(r.body or {})} for r in results]}
            )
        return self._event(request.body, request.query)

    def _register(self, request: Request) -> Reply:
        if request.key == AGENT_KEY:
            return Reply(403, {"title": "Forbidden"})
        agent_id = request.body["agent_id"]
        if agent_id in self.agents or agent_id in self.foreign:
            return Reply(409, {"title": "Conflict", "detail": "exists"})
        self.agents[agent_id] = request.body
        times = {"lease_seconds": self.lease_seconds, "long_poll_max_seconds": 60}
        return Reply(201, {"agent_id": agent_id, "api_key": AGENT_KEY, **times})

    def _known_agent(self, request: Request) -> Reply:
        agent_id = request.path.split("/")[3]
        if agent_id in self.foreign:
            return Reply(404, {"title": "?"})
        if request.method == "POST":
            return Reply(201, {"api_key": AGENT_KEY})
        self.agents[agent_id].update(request.body)
        return Reply(200, self.agents[agent_id])

    def _poll(self, query: dict[str, str]) -> Reply:
        held = self._leases.get(query["poll_id"])
        if self.deliver_to_all and self._leases:  # as to an agent known to take one task at a time
            held = next(iter(self._leases.values()))
        if held is not None:
            return Reply(200, {**self._offer(held), **self.flags, "redelivered": True})
        ready = lambda: self.closing or (self._work and not self.flags["force_pause"])  # noqa: E731
        self.changed.wait_for(ready, float(query["wait"]))
        offer = self._claim(query["poll_id"])
        return Reply(200, offer) if offer else Reply(204)

    def _claim(self, poll_id: str) -> dict[str, Any]:
        if not self._work or self.flags["force_pause"]:
            return {}
        work = self._work.popleft()
        self._leased += 1
        token = f"{work['task_id']}/{poll_id}/{self._leased}"
        self._leases[poll_id] = {**work, "lease_token": token}
        return self._offer({**self._leases[poll_id], "redelivered": False})

    def _offer(self, lease: dict[str, Any]) -> dict[str, Any]:
        task = {"redelivered": True, **lease}
        return {"next_task": task, "execution_id": "exec_1", "plan_id": "plan_1", **self.flags}

    def _event(self, event: dict[str, Any], query: dict[str, str]) -> Reply:
        if event["event_id"] in self._answers:
            return Reply(201, self._answers[event["event_id"]])
        if self.ended:
            return Reply(409, {"type": "/problems/terminal", "title": "Terminal"})
        tokens = {lease["lease_token"]: poll_id for poll_id, lease in self._leases.items()}
        if event["lease_token"] not in tokens:
            return Reply(409, {"type": "/problems/stale-lease", "title": "Stale lease"})
        if event["event_type"] in _ENDS_LEASE:
            del self._leases[tokens[event["lease_token"]]]
        self.events.append(event)
        answer = {"event_id": event["event_id"], "execution_id": "exec_1", **self.flags}
        if query.get("claim"):
            answer.update(self._claim(query["poll_id"]))
        self._answers[event["event_id"]] = answer
        return Reply(201, answer)

    def fault_for(self, request: Request) -> Fault | None:
        """Take up the request; give the fault that is meant for it."""
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
            for fault in self.faults:
                if fault.times and fault.meets(request):
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    state: ProtocolServer

    def do_GET(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self) -> None:
        request = self._request()
        fault = self.state.fault_for(request)
        if fault is not None and fault.status:
            self._send(Reply(fault.status, fault.problem), fault.headers)
            return
        reply = self.state.handle(request)
        if fault is not None and fault.drop:
            self.close_connection = True
            return
        self._send(reply, {})

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        return Request(
            self.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            json.loads(self.rfile.read(length)) if length else {},
            self.headers.get("Authorization", "").replace("Bearer ", ""),
        )

    def _send(self, reply: Reply, headers: dict[str, str]) -> None:
        content = b"" if reply.body is None else json.dumps(reply.body).encode()
        # No Date: the agent then goes by the lease time of its registration.
        self.send_response_only(reply.status, HTTPStatus(reply.status).phrase)
        for name, value in headers.items():
            self.send_header(name, value)
        if reply.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of agents that hang up: they are told to."""


def serve(state: ProtocolServer) -> _Server:
    """Listen on a free port of loopback; ``state.url`` is the address."""
    handler = type("Handler", (_Handler,), {"state": state})
    server = _Server(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    return server
