"""Wake-ups reach those who wait, also after the connection was lost."""

import threading
import time
from collections.abc import Iterator

import pytest
import redis

from app.domain import commands as c
from app.live.wakeups import Wakeups
from tests.executions import AGENT, WORKSPACE, chain, claimant, completion, make_graph, step

from .scene import USER, Scene

LONG = 10.0


def subscribers(client: redis.Redis) -> int:
    """Count the subscriptions to wake-ups."""
    return client.pubsub_numpat()


def hang_up(client: redis.Redis) -> None:
    """Cut every subscription."""
    client.client_kill_filter(_type="pubsub")


@pytest.fixture
def wakeups(client: redis.Redis, blocking: redis.Redis) -> Iterator[Wakeups]:
    """The waiters of a process."""
    wakeups = Wakeups(blocking)
    yield wakeups
    wakeups.stop()
    deadline = time.monotonic() + LONG
    while (thread := wakeups._thread) and thread.is_alive():
        assert time.monotonic() < deadline
        hang_up(client)
        thread.join(0.02)


def test_a_waiter_is_woken_by_the_subscription_and_then_by_work(
    scene: Scene, wakeups: Wakeups
) -> None:
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)  # Whatever came before it could listen.
        scene.start(chain(1))
        assert waiter.wait(LONG)
        assert not waiter.wait(0)


def test_only_the_agents_with_new_work_are_woken(scene: Scene, wakeups: Wakeups) -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"t": "agent_2"})
    waiters = [
        wakeups.waiter(WORKSPACE, AGENT),
        wakeups.waiter(WORKSPACE, "agent_2"),
        wakeups.waiter(WORKSPACE, "agent_3"),
        wakeups.waiter("ws_2", AGENT),
    ]
    with waiters[0]:
        assert waiters[0].wait(LONG)  # The subscription stands before the others come.
        with waiters[1], waiters[2], waiters[3]:
            scene.start(graph)
            assert [waiter.wait(LONG) for waiter in waiters[:2]] == [True, True]
            assert [waiter.wait(0) for waiter in waiters[2:]] == [False, False]


def test_all_polls_of_an_agent_are_woken(scene: Scene, wakeups: Wakeups) -> None:
    with wakeups.waiter(WORKSPACE, AGENT) as one:
        assert one.wait(LONG)  # The subscription stands before the other comes.
        with wakeups.waiter(WORKSPACE, AGENT) as other:
            assert wakeups.waiting() == 2
            scene.start(chain(1))
            assert one.wait(LONG)
            assert other.wait(LONG)
    assert wakeups.waiting() == 0


def test_a_freed_lease_wakes_the_agent_only_where_work_is_left(
    scene: Scene, wakeups: Wakeups
) -> None:
    scene.start(make_graph({"t": [step("a"), step("b")]}))
    scene.claim("a")
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)
        scene.do(completion("a"))
        assert waiter.wait(LONG)
        scene.claim("b")
        scene.do(completion("b"))
        assert not waiter.wait(0.05)


def test_work_claimed_along_wakes_nobody(scene: Scene, wakeups: Wakeups) -> None:
    scene.start(chain(2))
    scene.claim("s0")
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)
        scene.do(completion("s0", claimant=claimant()))
        assert not waiter.wait(0.05)


def test_a_resume_wakes_the_agent(scene: Scene, wakeups: Wakeups) -> None:
    scene.start(chain(1))
    scene.do(c.PauseExecution(**USER))
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)
        scene.do(c.ResumeExecution(**USER))
        assert waiter.wait(LONG)


def test_a_lost_subscription_is_made_again_and_wakes_all_for_what_was_missed(
    scene: Scene, wakeups: Wakeups
) -> None:
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)
        hang_up(scene.client)
        assert waiter.wait(LONG)  # The new subscription: something may have been missed.
        assert subscribers(scene.client) == 1
        scene.start(chain(1))
        assert waiter.wait(LONG)


def test_an_unexpected_message_does_not_end_the_subscription(
    scene: Scene, wakeups: Wakeups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.live.wakeups._RECONNECT_SECONDS", 0.01)
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)
        scene.client.publish("ax:{ws_1}:wake", b"\xff")
        assert waiter.wait(LONG)
        scene.start(chain(1))
        assert waiter.wait(LONG)


def test_one_subscription_serves_all_waiters(scene: Scene, wakeups: Wakeups) -> None:
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        assert waiter.wait(LONG)
        for number in range(20):
            with wakeups.waiter(WORKSPACE, f"agent_{number}"):
                pass
        assert subscribers(scene.client) == 1
        assert [thread.name for thread in threading.enumerate()].count("wakeups") == 1


def test_the_end_of_the_process_lets_every_waiter_go(wakeups: Wakeups) -> None:
    with wakeups.waiter(WORKSPACE, AGENT) as waiter:
        waiter.wait(LONG)
        assert not wakeups.stopped
        wakeups.stop()
        assert wakeups.stopped
        assert waiter.wait(LONG)
