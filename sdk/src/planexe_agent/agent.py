"""The agent an author writes."""

from __future__ import annotations

import abc
import contextlib
import enum
import inspect
import logging
import os
import queue
import re
import secrets
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union

from planexe_agent.actions import Action
from planexe_agent.backoff import Backoff
from planexe_agent.crew import Crew
from planexe_agent.orders import Orders
from planexe_agent.outbox import Outbox, open_default
from planexe_agent.wire import checked_key, checked_url

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

    from planexe_agent.actions import Params

_log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Default(enum.Enum):
    """Stands for what is chosen where nothing is said."""

    OUTBOX = "a file below the user's folder for state"


OutboxChoice = Union[str, "os.PathLike[str]", Outbox, Default, None]


class AgentBase(abc.ABC):
    """What agents have in common, whatever runs their actions.

    Args:
        url: The server's address.
        key: A user key registers the agent; an agent key acts as it.
        agent_id: The agent's own id; by default made of its name, so a restart is the same agent.
        name: What people see; by default the name of the script.
        role: What it is for, in the words of the plans.
        max_concurrent_tasks: How many tasks it performs at once.
        instance: The name of this process among those of the agent. A stable name resumes its
            leases after a restart; two processes at once must not share one. By default unique.
        outbox: Where results are kept until they are sent: a path, an ``Outbox`` that agents of
            this process share, or None for none. By default a file below the user's folder for
            state, one for each process of the agent.
        poll_seconds: How long a poll may wait for work.
        heartbeat_seconds: How long at most until a running action that says nothing hears of a
            pause, a cancellation or the loss of its lease.
        stop_seconds: How long running actions may take to finish once the agent is to end.
        backoff: How long to wait between attempts to reach the server.

    Raises:
        ValueError: A value cannot be right.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        agent_id: str | None = None,
        name: str | None = None,
        role: str | None = None,
        max_concurrent_tasks: int = 1,
        instance: str | None = None,
        outbox: OutboxChoice = Default.OUTBOX,
        poll_seconds: float = 50.0,
        heartbeat_seconds: float = 10.0,
        stop_seconds: float = 30.0,
        backoff: Backoff | None = None,
    ) -> None:
        if max_concurrent_tasks < 1:
            raise ValueError(f"max_concurrent_tasks is at least 1, not {max_concurrent_tasks}")
        if heartbeat_seconds <= 0:
            raise ValueError(f"heartbeat_seconds is above 0, not {heartbeat_seconds}")
        self._url, self._key = url, key
        self._name = name or agent_id or _script_name()
        self._agent_id = agent_id or _slug(self._name)
        self._role = role
        self._slots = max_concurrent_tasks
        self._instance = instance or _unique_instance()
        self._outbox = outbox
        self._poll_seconds, self._stop_seconds = poll_seconds, stop_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._backoff = backoff or Backoff()
        self._actions: dict[str, Action] = {}
        self._make_ready()

    def action(
        self, name: str, *, params: Params | None = None, description: str | None = None
    ) -> Callable[[_Function], _Function]:
        """Make the decorated function the one that performs an action.

        It is called with the task and, by name, those of the task's params that it asks for. What
        it returns is the result: a JSON object, None, or another JSON value. How it ends otherwise:
        ``Wait``, ``NeedsHuman``, ``Permanent``; any other exception is retried.

        Args:
            name: As plans spell it; ``*`` performs whatever no other action does.
            params: Names, names with types, or a JSON Schema; by default read off the function.
            description: For those who break tasks down; by default the docstring's first line.
        """

        def decorated(function: _Function) -> _Function:
            self._check(name, function)
            self._actions[name] = Action.of(function, name, params, description)
            return function

        return decorated

    @abc.abstractmethod
    def _make_ready(self) -> None:
        """Forget what an earlier run was told."""

    @abc.abstractmethod
    def _check(self, name: str, function: Callable[..., Any]) -> None:
        """Refuse a function that this agent cannot call."""

    @contextlib.contextmanager
    def _orders(self) -> Generator[Orders, None, None]:
        """Give what the agent is to be, with its outbox open."""
        if not self._actions:
            raise ValueError(
                "an agent needs at least one action: decorate a function with @agent.action"
            )
        outbox, is_own = self._open_outbox()
        try:
            yield self._orders_with(outbox)
        finally:
            if outbox is not None and is_own:
                outbox.close()

    def _open_outbox(self) -> tuple[Outbox | None, bool]:
        chosen = self._outbox
        if chosen is None or isinstance(chosen, Outbox):
            return chosen, False
        if isinstance(chosen, Default):
            return open_default(self._url, self._agent_id), True
        return Outbox(chosen), True

    def _orders_with(self, outbox: Outbox | None) -> Orders:
        return Orders(
            url=checked_url(self._url),
            key=checked_key(self._key),
            profile=self._profile(),
            actions=self._actions,
            instance=self._instance,
            slots=self._slots,
            poll_seconds=self._poll_seconds,
            heartbeat_seconds=self._heartbeat_seconds,
            stop_seconds=self._stop_seconds,
            backoff=self._backoff,
            outbox=outbox,
        )

    def _profile(self) -> dict[str, Any]:
        profile: dict[str, Any] = {
            "agent_id": self._agent_id,
            "name": self._name,
            "capabilities": [action.capability() for action in self._actions.values()],
            "max_concurrent_tasks": self._slots,
        }
        return {**profile, "role": self._role} if self._role else profile


class Agent(AgentBase):
    """Polls for work, performs it with the decorated functions, each in a thread, and reports."""

    def run(self) -> None:
        """Work until ``stop``, SIGTERM or SIGINT; then finish what runs and return.

        A second signal ends the process at once. Signals are heard in the main thread only.

        Raises:
            ServerRefused: The server does not accept this agent; the message says why.
            OutboxError: Its results cannot be kept; the message says why.
            ValueError: No function is decorated, or address or key cannot be right.
        """
        with self._orders() as orders:
            error = self._work(Crew(orders, self._ends.put))
        self._make_ready()
        if error is not None:
            raise error

    def stop(self) -> None:
        """Let ``run`` come to its end; returns at once, from any thread."""
        self._ends.put(None)

    def _make_ready(self) -> None:
        # Safe to fill from a signal handler, which an Event is not.
        self._ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def _check(self, name: str, function: Callable[..., Any]) -> None:
        if inspect.iscoroutinefunction(function):
            raise ValueError(f"{name}: needs a plain function; an AsyncAgent takes async ones")

    def _work(self, crew: Crew) -> BaseException | None:
        with self._signals_stop():
            crew.start()
            error = self._ends.get()
        _log.info("ending: agent=%s", self._agent_id)
        crew.stop()
        return error

    @contextlib.contextmanager
    def _signals_stop(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self._on_signal) for each in SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()


def _script_name() -> str:
    stem = Path(sys.argv[0]).stem
    return stem if stem and not stem.startswith(("_", "-")) else "agent"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:-]+", "-", name).strip("._:-")[:100] or "agent"


def _unique_instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
