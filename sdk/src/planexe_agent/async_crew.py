"""One run of an agent with asyncio: its slots and heartbeats, from start to end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from planexe_agent.aio import AsyncTask, carry_out
from planexe_agent.heartbeats import beat
from planexe_agent.line import AsyncLine
from planexe_agent.registration import register
from planexe_agent.reports import Reports
from planexe_agent.running import Running
from planexe_agent.slots import Slot
from planexe_agent.task import STOPPING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from planexe_agent.orders import Orders

_log = logging.getLogger(__name__)


class AsyncCrew:
    """The asyncio tasks of one run.

    Args:
        orders: What to be.
        http: The connections to the server.
        door: Entered to register.
    """

    def __init__(self, orders: Orders, http: httpx.AsyncClient, door: asyncio.Semaphore) -> None:
        self._orders = orders
        self._door = door
        self._line = AsyncLine(http, orders.key)
        self._running = Running(asyncio.Event(), orders.heartbeat_seconds)
        self._reports = Reports(self._line, self._running, orders.backoff)
        self._stopping = asyncio.Event()
        self._slots: dict[asyncio.Future[None], Slot] = {}

    async def work(self, stopped: asyncio.Event) -> None:
        """Work until told to stop; then finish what runs, for as long as there is time.

        Raises:
            AgentError: The server does not accept this agent.
        """
        working = asyncio.ensure_future(self._work())
        told = asyncio.ensure_future(stopped.wait())
        try:
            await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end()
            await _cancel([working, told])
        if working.done() and not working.cancelled():
            working.result()

    async def _work(self) -> None:
        orders = self._orders
        async with self._door:
            registration = await carry_out(register(self._line, orders.profile, orders.backoff))
        if registration.key is not None:
            self._line.use_key(registration.key)
        shared = orders.shared(
            registration,
            polls=self._line,
            reports=self._reports,
            running=self._running,
            stopping=self._stopping,
            make_task=AsyncTask,
        )
        slots = [Slot(number, shared) for number in range(orders.slots)]
        self._slots = {asyncio.ensure_future(carry_out(slot.work())): slot for slot in slots}
        _log.info("waiting for work: agent=%s slots=%d", registration.agent_id, orders.slots)
        beats = asyncio.ensure_future(carry_out(beat(self._running, self._reports)))
        try:
            await asyncio.gather(*self._slots)
        finally:
            await _cancel([beats])

    async def _end(self) -> None:
        self._stopping.set()
        self._running.stop(STOPPING)
        busy = [future for future, slot in self._slots.items() if slot.busy]
        await _cancel(future for future in self._slots if future not in busy)
        if busy:
            await asyncio.wait(busy, timeout=self._orders.stop_seconds)
        left = [task for task in self._running.tasks() if not task.performed]
        await _cancel(busy)
        await carry_out(self._reports.give_back(left))


async def _cancel(futures: Iterable[asyncio.Future[Any]]) -> None:
    each = list(futures)
    for future in each:
        future.cancel()
    await asyncio.gather(*each, return_exceptions=True)
