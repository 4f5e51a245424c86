"""One run of an agent: its connections, slots and heartbeats, from start to end."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from planexe_agent.client import Client
from planexe_agent.errors import Interrupted
from planexe_agent.heartbeats import Heartbeats
from planexe_agent.registration import register
from planexe_agent.reports import Reports
from planexe_agent.running import Running
from planexe_agent.slots import Shared, Slot
from planexe_agent.task import STOPPING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.actions import Action
    from planexe_agent.backoff import Backoff

_log = logging.getLogger(__name__)
_IDLE_END_SECONDS = 1.0


@dataclass(frozen=True)
class Orders:
    """What an agent is to be: where, as whom, and how much at once."""

    url: str
    key: str
    profile: Mapping[str, Any]
    actions: Mapping[str, Action]
    instance: str
    slots: int
    poll_seconds: float
    stop_seconds: float
    backoff: Backoff


class Crew:
    """The threads of one run.

    Args:
        orders: What to be.
        failed: Called, from a thread, with an error that ends the run.
    """

    def __init__(self, orders: Orders, failed: Callable[[BaseException], None]) -> None:
        self._orders = orders
        self._failed = failed
        self._polls = Client(orders.url, orders.key, orders.backoff)
        self._reports = Client(orders.url, orders.key, orders.backoff)
        self._running = Running()
        self._slots: list[Slot] = []
        self._stopping = threading.Event()
        self._starter = threading.Thread(target=self._start, name="planexe-start", daemon=True)

    def start(self) -> None:
        """Register and begin to work, in the background: the server may not be there yet."""
        self._starter.start()

    def stop(self) -> None:
        """End: waiting polls at once, running actions when done or the time for it is over."""
        self._stopping.set()
        self._polls.interrupt()
        self._running.stop(STOPPING)
        ends_at = time.monotonic() + self._orders.stop_seconds
        self._starter.join(_IDLE_END_SECONDS)
        for slot in list(self._slots):
            slot.join(max(0.0, ends_at - time.monotonic()) if slot.busy else _IDLE_END_SECONDS)
        for task in self._running.tasks():
            _log.warning("task %s: left unfinished; its lease will pass on", task.task_id)
        self._running.close()
        self._reports.interrupt()
        self._polls.close()
        self._reports.close()

    def _start(self) -> None:
        try:
            self._begin_work()
        except Interrupted:
            _log.debug("stopped before the registration was answered")
        # The edge of the thread: without this an error would leave the agent waiting for nothing.
        except Exception as error:  # noqa: BLE001
            self._failed(error)

    def _begin_work(self) -> None:
        orders = self._orders
        registration = register(self._polls, orders.profile)
        if registration.key is not None:
            self._polls.use_key(registration.key)
            self._reports.use_key(registration.key)
        reports = Reports(self._reports, self._running)
        shared = Shared(
            registration=registration,
            actions=orders.actions,
            instance=orders.instance,
            polls=self._polls,
            reports=reports,
            running=self._running,
            poll_seconds=min(orders.poll_seconds, registration.long_poll_max_seconds),
            backoff=orders.backoff,
            stopping=self._stopping,
        )
        Heartbeats(self._running, reports).start()
        self._slots.extend(Slot(number, shared, self._failed) for number in range(orders.slots))
        for slot in self._slots:
            slot.start()
        _log.info("agent %s: %d slots wait for work", registration.agent_id, orders.slots)
