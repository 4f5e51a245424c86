"""What happens where Redis does not answer, is full, or has forgotten the scripts."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from app.domain import commands as c
from app.live.answers import StoredAnswer, StoredAnswers
from app.live.client import connect
from app.live.errors import LiveUnavailable
from app.live.locks import Locks
from app.live.log import LogEntry
from app.live.scripts import translated
from app.live.tickets import Tickets
from tests.executions import AGENT, EXECUTION, NOON, WORKSPACE, Play, chain, claim

from .scene import LEASE, USER, Scene


@pytest.fixture
def deaf() -> Iterator[Scene]:
    """A workspace in a Redis that is not there."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # Taken, and nobody listens.
        client = connect(f"redis://127.0.0.1:{reserved.getsockname()[1]}/0")
        yield Scene(client, client)
        client.close()


CALLS: dict[str, Callable[[Scene], object]] = {
    "create": lambda s: s.start(chain(1)),
    "execute": lambda s: s.do(claim("s0")),
    "header": lambda s: s.live.header(WORKSPACE, EXECUTION),
    "whole": lambda s: s.whole(),
    "part": lambda s: s.live.part(WORKSPACE, EXECUTION, []),
    "states": lambda s: s.live.states(WORKSPACE, {EXECUTION: ([], [])}),
    "look": lambda s: s.work.look(WORKSPACE, AGENT, NOON),
    "extend": lambda s: s.work.extend(WORKSPACE, AGENT, NOON, NOON),
    "agents_executions": lambda s: s.work.executions(WORKSPACE, AGENT),
    "mark_offline": lambda s: s.work.mark_offline(WORKSPACE, AGENT),
    "mark_online": lambda s: s.work.mark_online(WORKSPACE, AGENT, NOON),
    "wake": lambda s: s.work.wake(WORKSPACE, AGENT),
    "queued": lambda s: s.work.queued(WORKSPACE, AGENT),
    "figures": lambda s: s.work.figures(WORKSPACE, [AGENT]),
    "loads": lambda s: s.work.loads(WORKSPACE, [AGENT]),
    "blockers": lambda s: s.blockers.all(WORKSPACE),
    "blocker": lambda s: s.blockers.find(WORKSPACE, "blk_1"),
    "restore": lambda s: s.live.restore(Play(chain(1)).state, NOON),
    "lease_end": lambda s: s.work.lease_end(WORKSPACE, EXECUTION, "s0"),
    "last_contacts": lambda s: s.work.last_contacts(WORKSPACE, [AGENT]),
    "due": lambda s: s.timers.due(WORKSPACE, NOON, 1),
    "workspaces": lambda s: s.log.workspaces(),
    "position": lambda s: s.log.position(WORKSPACE),
    "tail": lambda s: s.log.tail({WORKSPACE: "0-0"}, LEASE),
    "unrecorded": lambda s: s.log.unrecorded(WORKSPACE, "0-0", 1, 1),
    "waiting": lambda s: s.log.waiting([WORKSPACE]),
    "recorded_to": lambda s: s.log.recorded_to(WORKSPACE),
    "recorded": lambda s: s.log.recorded(WORKSPACE, "0-0", [LogEntry("1-1", "x", b"{}", "h")]),
    "set_aside": lambda s: s.log.set_aside(WORKSPACE, LogEntry("1-1", "x", b"{}", "h"), 1),
    "aside": lambda s: s.log.aside(WORKSPACE),
    "aside_entry": lambda s: s.log.aside_entry(WORKSPACE, EXECUTION, 1),
    "drop_aside": lambda s: s.log.drop_aside(WORKSPACE, EXECUTION, 1),
    "backlog": lambda s: s.log.backlog(WORKSPACE),
    "streams": lambda s: s.log.streams(),
    "trim": lambda s: s.log.trim(WORKSPACE, {EXECUTION: 1}),
    "with_due": lambda s: s.timers.with_due([WORKSPACE], NOON),
    "events": lambda s: s.log.events(WORKSPACE, EXECUTION, 0, 1),
    "ticket": lambda s: Tickets(s.client).issue(WORKSPACE, b"u"),
    "redeem": lambda s: Tickets(s.client).redeem("ws_1.x"),
    "begin": lambda s: StoredAnswers(s.client).begin(WORKSPACE, "u", "k", "h"),
    "keep": lambda s: StoredAnswers(s.client).keep(WORKSPACE, "u", "k", StoredAnswer("h")),
    "forget": lambda s: StoredAnswers(s.client).forget(WORKSPACE, "u", "k"),
    "take": lambda s: Locks(s.client).take(WORKSPACE, "l", LEASE),
    "release": lambda s: Locks(s.client).release(WORKSPACE, "l"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_redis_that_is_not_there_is_told_as_unavailable(deaf: Scene, name: str) -> None:
    with pytest.raises(LiveUnavailable, match="does not answer"):
        CALLS[name](deaf)


@contextmanager
def full(client: redis.Redis) -> Iterator[None]:
    """Leave Redis no memory for anything new."""
    before = client.config_get("maxmemory*")
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", before["maxmemory"])
        client.config_set("maxmemory-policy", before["maxmemory-policy"])


def test_a_full_redis_takes_nothing_of_a_commit_and_all_of_it_later(scene: Scene) -> None:
    scene.start(chain(1))
    before = scene.dump()
    with full(scene.client):
        with pytest.raises(LiveUnavailable, match="takes no writes"):
            scene.do(claim("s0"))
        with pytest.raises(LiveUnavailable, match="takes no writes"):
            scene.do(c.CancelExecution(**USER))
        with pytest.raises(LiveUnavailable):
            Locks(scene.client).take(WORKSPACE, "l", LEASE)
        assert scene.whole().header.seq == 2
    assert scene.dump() == before
    scene.claim("s0")
    scene.verify()


def test_a_full_redis_still_lets_go_of_what_has_ended(scene: Scene) -> None:
    scene.start(chain(1))
    scene.complete("s0")
    with full(scene.client):
        scene.live.retire(WORKSPACE, scene.whole().header)
    assert scene.keys.header(EXECUTION) not in scene.stored_keys()


def test_scripts_that_redis_forgot_are_sent_again(scene: Scene) -> None:
    scene.start(chain(1))
    scene.client.script_flush()
    scene.complete("s0")
    assert scene.verify().header.status == "COMPLETED"


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("gone"),
        redis.TimeoutError("slow"),
        redis.BusyLoadingError("loading"),
        redis.ReadOnlyError("replica"),
        redis.OutOfMemoryError("full"),
        redis.exceptions.ClusterDownError("down"),
        redis.ResponseError("MISCONF disk"),
        redis.ResponseError("NOREPLICAS few"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_way_of_not_serving_is_unavailable(error: redis.RedisError) -> None:
    with pytest.raises(LiveUnavailable), translated():
        raise error


def test_a_mistake_of_ours_is_not_told_as_unavailable() -> None:
    with pytest.raises(redis.ResponseError), translated():
        raise redis.ResponseError("WRONGTYPE Operation against a key")


def test_no_read_lasts_for_ever_and_nothing_is_sent_twice(redis_url: str) -> None:
    client = connect(redis_url, max_connections=3)
    options = client.connection_pool.connection_kwargs
    assert options["socket_timeout"] == 10
    assert options["retry"].get_retries() == 0
    assert client.connection_pool.max_connections == 3
    client.close()
