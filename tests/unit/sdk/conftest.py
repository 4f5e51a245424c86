"""A protocol server and agents that end with their test."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable

import pytest
from planexe_agent import Agent, Backoff
from tests.unit.sdk.protocol_server import USER_KEY, ProtocolServer, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Backoff(base_seconds=0.01, cap_seconds=0.05)
_END_SECONDS = 10.0


class RunningAgent:
    """An agent that runs in a thread; ``error`` is what its ``run`` raised."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        """Stop it and wait until it ended."""
        self.agent.stop()
        self.wait()

    def wait(self) -> None:
        """Wait until it ended."""
        self._thread.join(_END_SECONDS)
        assert not self._thread.is_alive(), "the agent did not end"

    def _run(self) -> None:
        try:
            self.agent.run()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error


@pytest.fixture
def server() -> Iterator[ProtocolServer]:
    """Serve the protocol on loopback."""
    state = ProtocolServer()
    http = serve(state)
    yield state
    with state.changed:
        state.closing = True
        state.changed.notify_all()
    http.shutdown()
    http.server_close()


@pytest.fixture
def make_agent(server: ProtocolServer) -> Callable[..., Agent]:
    """Make agents of the server; keywords replace the defaults."""

    def make(**settings: Any) -> Agent:
        defaults: dict[str, Any] = {"key": USER_KEY, "agent_id": "larry", "backoff": QUICK}
        defaults["outbox"] = None
        return Agent(server.url, **{**defaults, **settings})

    return make


@pytest.fixture
def start() -> Iterator[Callable[[Agent], RunningAgent]]:
    """Start agents; those that still run are stopped after the test."""
    started: list[RunningAgent] = []

    def start_one(agent: Agent) -> RunningAgent:
        started.append(RunningAgent(agent))
        return started[-1]

    yield start_one
    for each in started:
        each.end()
