"""One run of an agent with threads: its lines, slots and heartbeats, from start to end."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Callable

from planexe_agent.client import Client
from planexe_agent.errors import Interrupted
from planexe_agent.heartbeats import beat
from planexe_agent.registration import register
from planexe_agent.reports import Reports
from planexe_agent.running import Running
from planexe_agent.slots import Slot
from planexe_agent.task import STOPPING, Task
from planexe_agent.threads import carry_out

if TYPE_CHECKING:
    from planexe_agent.orders import Orders
    from planexe_agent.slots import Shared

_log = logging.getLogger(__name__)
_IDLE_END_SECONDS = 1.0


class SlotThread(threading.Thread):
    """A slot in a thread of its own.

    Args:
        number: Which one it is, from 0.
        shared: What it shares with the others.
        failed: Called with the error that ends it, where nobody asked it to end.
    """

    def __init__(
        self, number: int, shared: Shared, failed: Callable[[BaseException], None]
    ) -> None:
        super().__init__(name=f"planexe-slot-{number}", daemon=True)
        self._slot = Slot(number, shared)
        self._failed = failed

    def run(self) -> None:
        """Work until the agent stops."""
        try:
            carry_out(self._slot.work())
        except Interrupted:
            _log.debug("interrupted: slot=%s", self.name)
        # The edge of the thread: without this an error would end the slot unseen.
        except Exception as error:  # noqa: BLE001
            self._failed(error)

    def end(self, ends_at: float) -> None:
        """Wait until it has ended: a busy one until the time is over, an idle one a moment."""
        busy_seconds = max(0.0, ends_at - time.monotonic())
        self.join(busy_seconds if self._slot.busy else _IDLE_END_SECONDS)


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
        self._line = Client(orders.url, orders.key, orders.backoff)
        self._running = Running(threading.Event(), orders.heartbeat_seconds)
        self._reports = Reports(self._line, self._running, orders.backoff)
        self._slots: list[SlotThread] = []
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
            slot.end(ends_at)
        left = [task for task in self._running.tasks() if not task.performed]
        carry_out(self._reports.give_back(left))
        self._running.close()
        self._line.interrupt()
        self._polls.close()
        self._line.close()

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
        registration = carry_out(register(self._polls, orders.profile, orders.backoff))
        if registration.key is not None:
            self._polls.use_key(registration.key)
            self._line.use_key(registration.key)
        shared = orders.shared(
            registration,
            polls=self._polls,
            reports=self._reports,
            running=self._running,
            stopping=self._stopping,
            make_task=Task,
        )
        threading.Thread(target=self._beat, name="planexe-heartbeats", daemon=True).start()
        self._slots.extend(
            SlotThread(number, shared, self._failed) for number in range(orders.slots)
        )
        for slot in self._slots:
            slot.start()
        _log.info("waiting for work: agent=%s slots=%d", registration.agent_id, orders.slots)

    def _beat(self) -> None:
        carry_out(beat(self._running, self._reports))
