"""Agents whose actions are async functions: a thousand of them fit into one process."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Callable

import httpx

from planexe_agent.agent import SIGNALS, AgentBase
from planexe_agent.async_crew import AsyncCrew
from planexe_agent.line import pool

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from types import FrameType

_log = logging.getLogger(__name__)
_REGISTERING = 16
_AGENTS_PER_POOL = 32


class AsyncAgent(AgentBase):
    """An ``Agent`` on asyncio: its actions are ``async def`` and share one thread.

    ``progress``, ``note`` and ``wait`` of their task are awaited. ``run_all`` runs many agents
    over shared connections.
    """

    async def run(self) -> None:
        """Work until ``stop``, SIGTERM or SIGINT; then finish what runs and return.

        A second signal ends the process at once. Cancelling it stops it as well.

        Raises:
            ServerRefused: The server does not accept this agent; the message says why.
            OutboxError: Its results cannot be kept; the message says why.
            ValueError: No function is decorated, or address or key cannot be right.
        """
        await run_all([self])

    def stop(self) -> None:
        """Let ``run`` come to its end; returns at once, from any thread."""
        self._is_to_stop = True
        if self._loop is not None:
            # Closed: the run is over.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopped.set)

    def _make_ready(self) -> None:
        self._is_to_stop = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def _check(self, name: str, function: Callable[..., Any]) -> None:
        if not inspect.iscoroutinefunction(function):
            raise ValueError(f"{name}: needs an async function; an Agent takes plain ones")

    async def work(self, pools: Pools) -> None:
        """Work over connections that others share; see ``run_all``, which also hears signals."""
        self._stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._is_to_stop:
            self._stopped.set()
        try:
            with self._orders() as orders:
                crew = AsyncCrew(orders, pools.of(orders.url), pools.door)
                await crew.work(self._stopped)
        finally:
            _log.info("ended: agent=%s", self._agent_id)
            self._make_ready()


class Pools:
    """Connections to each server, shared by the agents of a run.

    Attributes:
        door: Lets some agents register at a time, so that many do not fall upon a server at once.
    """

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self.door = asyncio.Semaphore(_REGISTERING)
        self._stack = stack
        self._tls = httpx.create_ssl_context()
        self._agents: Counter[str] = Counter()
        self._pools: dict[str, httpx.AsyncClient] = {}

    def of(self, url: str) -> httpx.AsyncClient:
        """Give those that one more agent may use."""
        # httpx looks at every connection of a pool for each request: a thousand in one pool cost
        # 10 ms a poll.
        if self._agents[url] % _AGENTS_PER_POOL == 0:
            self._pools[url] = pool(url, self._tls)
            self._stack.push_async_callback(self._pools[url].aclose)
        self._agents[url] += 1
        return self._pools[url]


async def run_all(agents: Iterable[AsyncAgent]) -> None:
    """Run agents side by side over shared connections until all have ended.

    SIGTERM and SIGINT stop them all, as does an error of one.

    Raises:
        AgentError: The first error that ended one of them.
        ValueError: One of them cannot run as it is.
    """
    runs: dict[asyncio.Future[None], AsyncAgent] = {}

    def stop() -> None:
        for run, agent in runs.items():
            if not run.done():
                agent.stop()

    async with contextlib.AsyncExitStack() as stack:
        pools = Pools(stack)
        runs.update({asyncio.ensure_future(agent.work(pools)): agent for agent in agents})
        try:
            with _signals_call(stop):
                await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            stop()
            ends = await asyncio.gather(*runs, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end


@contextlib.contextmanager
def _signals_call(stop: Callable[[], None]) -> Generator[None, None, None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        restore()  # A second one is for the process.
        loop.call_soon_threadsafe(stop)

    before.update({each: signal.signal(each, on_signal) for each in SIGNALS})
    try:
        yield
    finally:
        restore()
