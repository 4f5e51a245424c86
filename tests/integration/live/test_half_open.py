"""A Redis that is gone without a word: reads end, and go on where they were."""

import contextlib
import datetime as dt
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from app.embedded.servers import running_servers
from app.live import client as client_module
from app.live import wakeups as wakeups_module
from app.live.client import connect
from app.live.errors import LiveUnavailable
from app.live.log import Log
from app.live.scripts import Scripts
from app.live.wakeups import Waiter, Wakeups
from tests.executions import AGENT, WORKSPACE, chain, claim, completion

from ..relay import Relay
from ..stage import wait_until
from .scene import Scene

LONG = 10.0
MIB = 1 << 20
BLOCK = dt.timedelta(milliseconds=20)


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(wakeups_module, "_QUIET_SECONDS", 0.15)
    monkeypatch.setattr(wakeups_module, "_RECONNECT_SECONDS", 0.01)


@pytest.fixture
def relay(redis_url: str) -> Iterator[Relay]:
    with Relay(redis_url) as relay:
        yield relay


@pytest.fixture
def over_relay(relay: Relay) -> Iterator[redis.Redis]:
    """A client whose connections the test can spoil."""
    client = connect(relay.url)
    yield client
    client.close()


@contextmanager
def listening(client: redis.Redis) -> Iterator[Waiter]:
    """Wait for wake-ups in a thread of their own, as a process does."""
    wakeups = Wakeups(client)
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)
        yield waiter
    wakeups.stop()
    thread = wakeups._thread
    assert thread
    thread.join(LONG)
    assert not thread.is_alive()


@pytest.mark.parametrize("spoil", [Relay.silence, Relay.cut])
def test_subscription_is_made_anew_and_wakes_all_for_what_was_missed(
    relay: Relay, over_relay: redis.Redis, scene: Scene, spoil: Callable[[Relay], None]
) -> None:
    with listening(over_relay) as waiter:
        spoil(relay)
        assert waiter.wait(LONG)
        scene.start(chain(1))
        assert waiter.wait(LONG)


def test_quiet_subscription_that_answers_is_kept(
    relay: Relay, over_relay: redis.Redis, client: redis.Redis
) -> None:
    with listening(over_relay) as waiter:
        known = client.client_list(_type="pubsub")[0]
        assert not waiter.wait(1.0), "several questions and answers later"
        found: dict[str, Any] = client.client_list(_type="pubsub")[0]
        assert (found["id"], found["cmd"]) == (known["id"], "ping")


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [(Relay.silence, pytest.raises(LiveUnavailable)), (Relay.cut, contextlib.nullcontext())],
)
def test_tail_of_the_log_goes_on_after_the_last_entry_read(
    relay: Relay,
    over_relay: redis.Redis,
    scene: Scene,
    spoil: Callable[[Relay], None],
    noticed: AbstractContextManager[Any],
) -> None:
    log = Log(over_relay, over_relay, Scripts(over_relay))
    scene.start(chain(2))
    ((_, read),) = log.tail({WORKSPACE: "0-0"}, BLOCK)
    position = {WORKSPACE: read[-1].entry_id}
    spoil(relay)
    scene.do(claim("s0"))
    with noticed:
        log.tail(position, BLOCK)
    scene.do(completion("s0"))
    ((_, read),) = log.tail(position, BLOCK)
    assert [one.entry_id for one in read] == [
        entry_id.decode()
        for entry_id, _ in scene.client.xrange(scene.keys.log, min=f"({position[WORKSPACE]}")
    ]


def test_entries_that_the_record_asked_for_in_vain_come_again(
    relay: Relay, over_relay: redis.Redis, scene: Scene
) -> None:
    log = Log(over_relay, over_relay, Scripts(over_relay))
    scene.start(chain(1))
    position = log.recorded_to(WORKSPACE)
    relay.silence()
    with pytest.raises(LiveUnavailable):
        log.unrecorded(WORKSPACE, position, 10, MIB)
    taken = log.unrecorded(WORKSPACE, position, 10, MIB)
    assert len(taken) == scene.client.xlen(scene.keys.log)


@pytest.fixture
def frozen_at_will() -> Iterator[tuple[str, Callable[[signal.Signals], None]]]:
    """A Valkey of its own, and a way to send its process a signal."""
    folder = Path(tempfile.mkdtemp(prefix="planexe-ax-test-"))
    try:
        with running_servers(folder, database_url="not needed") as urls:
            with redis.Redis.from_url(urls.redis_url) as client:
                pid: int = client.info("server")["process_id"]
            yield urls.redis_url, lambda number: os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_frozen_server_holds_nobody_for_ever_and_goes_on_when_it_thaws(
    frozen_at_will: tuple[str, Callable[[signal.Signals], None]],
) -> None:
    url, send = frozen_at_will
    client, blocking = connect(url), connect(url)
    scene = Scene(client, blocking)
    log = scene.log
    scene.start(chain(1))
    ((_, read),) = log.tail({WORKSPACE: "0-0"}, BLOCK)
    position = {WORKSPACE: read[-1].entry_id}
    with listening(blocking) as waiter:
        send(signal.SIGSTOP)
        for ask in (
            lambda: log.tail(position, BLOCK),
            lambda: log.tail(position, BLOCK),  # Over a new connection, which nobody answers.
            lambda: scene.do(claim("s0")),
        ):
            with pytest.raises(LiveUnavailable):
                ask()
        send(signal.SIGCONT)
        assert waiter.wait(LONG)
        wait_until("the subtask can be claimed, or has been", lambda: _claim(scene))
    ((_, read),) = log.tail(position, BLOCK)
    assert read
    client.close()
    blocking.close()


def _claim(scene: Scene) -> bool:
    scene.do(claim("s0"))
    return scene.whole().subtasks["s0"].lease is not None
