"""What is said of a server that does not answer: one line, and one when it is back."""

import logging
import threading
from collections.abc import Callable, Iterator

import dramatiq
import psycopg
import psycopg.errors
import pytest
import redis

from config.outages import POSTGRESQL, REDIS, Outages

LONG = 10.0


class Server:
    """Answers from the moment that it is back."""

    def __init__(self) -> None:
        self.is_back = threading.Event()

    def probe(self) -> None:
        assert self.is_back.wait(LONG)


class Lines(logging.Handler):
    """Keeps what gets through, and tells when somebody is back."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []
        self.told_of_return = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info is None or record.levelno > logging.WARNING
        self.kept.append(f"{record.levelname} {record.name}: {record.getMessage()}")
        if "answers again" in self.kept[-1]:
            self.told_of_return.set()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def lines(server: Server) -> Iterator[Lines]:
    """The log of a process whose servers are both away."""
    lines = Lines()
    lines.addFilter(Outages({REDIS: server.probe, POSTGRESQL: server.probe}))
    logging.getLogger().addHandler(lines)
    yield lines
    server.is_back.set()
    for thread in threading.enumerate():
        if thread.name == "outage":
            thread.join(LONG)  # Or it would tell the next test.
    logging.getLogger().removeHandler(lines)


def fail(error: Exception, cause: Exception | None = None) -> None:
    """Log an error with its traceback."""
    try:
        raise error from cause
    except Exception:
        logging.getLogger("app").exception("it failed")


AWAY: list[tuple[Callable[[], None], str]] = [
    (lambda: fail(redis.ConnectionError("gone")), REDIS),
    (lambda: fail(redis.TimeoutError("slow")), REDIS),
    (lambda: fail(redis.BusyLoadingError("loading")), REDIS),
    (lambda: fail(dramatiq.errors.ConnectionClosed("gone")), REDIS),
    (lambda: fail(RuntimeError("no use"), redis.ConnectionError("gone")), REDIS),
    (lambda: fail(psycopg.OperationalError("refused")), POSTGRESQL),
    (lambda: fail(psycopg.errors.AdminShutdown("ending")), POSTGRESQL),
    (lambda: logging.getLogger("app").critical("Lost: %s", redis.ConnectionError("gone")), REDIS),
]


@pytest.mark.parametrize(("go_wrong", "name"), AWAY)
def test_outage_is_one_line_without_a_traceback_however_often_it_is_met(
    lines: Lines, go_wrong: Callable[[], None], name: str
) -> None:
    for _ in range(3):
        go_wrong()
    (line,) = lines.kept
    assert line.startswith(f"WARNING app: {name} does not answer (")


def test_return_is_one_line_and_the_next_outage_is_told_again(lines: Lines, server: Server) -> None:
    for _ in range(3):
        fail(redis.ConnectionError("gone"))
    server.is_back.set()
    assert lines.told_of_return.wait(LONG)
    assert "Redis answers again" in lines.kept[-1]
    assert lines.kept[-1].endswith("of 3")
    server.is_back.clear()
    fail(redis.ConnectionError("gone"))
    assert [line.split(" ")[2] for line in lines.kept] == ["Redis", "Redis", "Redis"]


def test_servers_are_told_apart(lines: Lines) -> None:
    fail(redis.ConnectionError("gone"))
    fail(psycopg.OperationalError("refused"))
    assert len(lines.kept) == 2


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        ConnectionError("somebody else's"),
        redis.ResponseError("WRONGTYPE"),
        psycopg.errors.DeadlockDetected("both wait"),
    ],
)
def test_any_other_error_keeps_its_traceback(lines: Lines, error: Exception) -> None:
    for _ in range(2):
        fail(error)
    assert lines.kept == ["ERROR app: it failed"] * 2
