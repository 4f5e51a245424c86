"""Servers that do not answer: told once when it begins and once when it is over.

While Redis or PostgreSQL is away, all that needs them fails, each in its own way and every second:
Dramatiq, RQ, the readers of the log, requests. Said each time, with a traceback, it would bury
whatever else is to be read.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from config.settings import Settings

logger = logging.getLogger(__name__)

REDIS: Final = "Redis"
POSTGRESQL: Final = "PostgreSQL"

_LOOK_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 2
_UNANSWERED: Final = {
    ("redis", "ConnectionError"): REDIS,
    ("redis", "TimeoutError"): REDIS,
    ("dramatiq", "BrokerConnectionError"): REDIS,
    ("psycopg", "OperationalError"): POSTGRESQL,
}
"""Package and class of the errors, by name: a process that uses one server loads no other's."""

_CONNECTION_STATES: Final = ("08", "57P")
"""SQLSTATE classes of a connection that failed and of a server that ends or starts."""


class Outages(logging.Filter):
    """Lets the first record through that tells of an outage, as one line; drops those after it.

    Whoever is the first to tell also begins to look, in a thread, whether the server is back.
    """

    def __init__(self, probes: Mapping[str, Callable[[], object]]) -> None:
        """``probes`` ask a server, by its name, for a sign of life, and raise where none comes."""
        super().__init__()
        self._probes = probes
        self._lock = threading.Lock()
        self._away: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write the record."""
        found = next(_told_by(record), None)
        if found is None:
            return True
        server, error = found
        if not self._is_first(server):
            return False
        record.msg, record.args = f"{server} does not answer ({error}); trying until it does", ()
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = record.exc_text = None
        return True

    def _is_first(self, server: str) -> bool:
        with self._lock:
            known = server in self._away
            self._away[server] = self._away.get(server, 0) + 1
        if not known:
            threading.Thread(
                target=self._await_return, args=(server,), name="outage", daemon=True
            ).start()
        return not known

    def _await_return(self, server: str) -> None:
        since = time.monotonic()
        while not self._answers(server):
            time.sleep(_LOOK_SECONDS)
        with self._lock:
            errors = self._away.pop(server)
        # As loud as the line before: who has read that one waits for this one.
        logger.warning(
            "%s answers again, %.1f s after its first error of %d",
            server,
            time.monotonic() - since,
            errors,
        )

    def _answers(self, server: str) -> bool:
        try:
            self._probes[server]()
        except Exception:  # noqa: BLE001 - an edge: whatever it was, there was no answer
            return False
        return True


def watch(settings: Settings) -> Outages:
    """Make the filter for the servers that are set."""
    return Outages(
        {
            REDIS: lambda: _ask_redis(settings.redis_url or ""),
            POSTGRESQL: lambda: _ask_postgresql(settings.database_url or ""),
        }
    )


def _ask_redis(url: str) -> None:
    import redis  # noqa: PLC0415 - loaded already by whoever failed to reach it

    options = {"socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS}
    with redis.Redis.from_url(url, protocol=2, retry=None, **options) as client:
        client.ping()


def _ask_postgresql(url: str) -> None:
    import psycopg  # noqa: PLC0415 - loaded already by whoever failed to reach it

    psycopg.connect(url, connect_timeout=_PATIENCE_SECONDS).close()


def _told_by(record: logging.LogRecord) -> Iterator[tuple[str, BaseException]]:
    """Find the errors of a record, and of what they came from, that mean an outage."""
    arguments: Any = record.args
    told = [record.exc_info[1] if record.exc_info else None]
    told += arguments if isinstance(arguments, tuple) else ()
    for error in told:
        while isinstance(error, BaseException):
            if server := _server_of(error):
                yield server, error
            error = error.__cause__ or error.__context__  # noqa: PLW2901 - one chain


def _server_of(error: BaseException) -> str | None:
    state: str | None = getattr(error, "sqlstate", None)
    if state is not None and not state.startswith(_CONNECTION_STATES):
        return None  # It has answered: a deadlock, a query that was cancelled.
    names = ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__)
    return next((_UNANSWERED[name] for name in names if name in _UNANSWERED), None)
