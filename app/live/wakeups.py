"""Wake-ups: one subscription per process tells every waiting poll that its agent has work."""

import logging
import threading
from typing import Any, Self

import redis
from redis.client import PubSub

from app.live.keys import WAKE_PATTERN, workspace_of

logger = logging.getLogger(__name__)

_RECONNECT_SECONDS = 0.5
_QUIET_SECONDS = 5.0
"""After such a silence Redis is asked for a sign of life, and given as long again."""


class Waiter:
    """One poll that waits. Register first, then look: so no wake-up falls between."""

    def __init__(self, wakeups: "Wakeups", key: tuple[str, str]) -> None:
        self._wakeups = wakeups
        self._key = key
        self._woken = threading.Event()

    def __enter__(self) -> Self:
        self._wakeups.register(self._key, self._woken)
        return self

    def __exit__(self, *_: object) -> None:
        self._wakeups.leave(self._key, self._woken)

    def wait(self, seconds: float) -> bool:
        """Wait to be woken; tell whether that happened within the time."""
        woken = self._woken.wait(seconds)
        self._woken.clear()
        return woken


class Wakeups:
    """The waiters of this process and the thread that wakes them."""

    def __init__(self, blocking: redis.Redis) -> None:
        self._blocking = blocking
        self._lock = threading.Lock()
        self._waiters: dict[tuple[str, str], set[threading.Event]] = {}
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """The process is about to end: polls answer at once."""
        return self._stopped.is_set()

    def waiter(self, workspace_id: str, agent_id: str) -> Waiter:
        """Make a waiter for an agent's work, to be used in a ``with`` statement."""
        return Waiter(self, (workspace_id, agent_id))

    def waiting(self) -> int:
        """Count the waiting polls."""
        with self._lock:
            return sum(len(waiters) for waiters in self._waiters.values())

    def register(self, key: tuple[str, str], woken: threading.Event) -> None:
        """Add a waiter; starts the subscription with the first one, after any fork."""
        with self._lock:
            self._waiters.setdefault(key, set()).add(woken)
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="wakeups", daemon=True)
                self._thread.start()

    def leave(self, key: tuple[str, str], woken: threading.Event) -> None:
        """Take a waiter away."""
        with self._lock:
            waiters = self._waiters[key]
            waiters.discard(woken)
            if not waiters:
                del self._waiters[key]

    def stop(self) -> None:
        """Let every waiter go, for the end of the process."""
        self._stopped.set()
        self._wake_all()

    def _listen(self) -> None:
        while not self.stopped:
            try:
                with self._blocking.pubsub(ignore_subscribe_messages=False) as pubsub:
                    pubsub.psubscribe(WAKE_PATTERN)
                    self._follow(pubsub)
            except redis.RedisError:
                logger.warning("wake-ups: the subscription was lost; trying again", exc_info=True)
                self._stopped.wait(_RECONNECT_SECONDS)
            except Exception:  # The edge of the thread: without it no poll would be woken again.
                logger.exception("wake-ups: a message could not be handed on")
                self._stopped.wait(_RECONNECT_SECONDS)

    def _follow(self, pubsub: PubSub) -> None:
        asked = False
        while not self.stopped:
            message: Any = pubsub.get_message(timeout=_QUIET_SECONDS)
            if message is None:
                if asked:
                    raise redis.TimeoutError("No sign of life.")
                pubsub.ping()
                asked = True
                continue
            asked = False
            if message["type"] == "psubscribe":
                self._wake_all()  # What was published while nobody listened is not repeated.
            elif message["type"] == "pmessage":
                workspace_id = workspace_of(message["channel"].decode())
                for agent_id in message["data"].decode().split("\n"):
                    self._wake((workspace_id, agent_id))

    def _wake(self, key: tuple[str, str]) -> None:
        with self._lock:
            waiters = list(self._waiters.get(key, ()))
        for woken in waiters:
            woken.set()

    def _wake_all(self) -> None:
        with self._lock:
            keys = list(self._waiters)
        for key in keys:
            self._wake(key)
