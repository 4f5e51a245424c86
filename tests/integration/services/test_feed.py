"""The live feed: every event to every watcher, once and in order."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.domain.errors import NotFound
from app.domain.events import EventType
from app.live import client as client_module
from app.services import Services
from app.services import feed as feed_module

from ..relay import Relay
from ..stage import Process, Stage, plan_document, wait_until

TICK = 0.02


class Watcher:
    """Reads a feed message by message."""

    def __init__(
        self, services: Services, stage: Stage, execution_id: str, after: int | None = None
    ) -> None:
        feed = services.feed.follow(stage.workspace_id, execution_id, after, TICK)
        self._messages: Iterator[str | None] = feed
        self.read: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        """Give the next message that is none of the ticks."""
        message = wait_until("the feed says something", lambda: next(self._messages))
        self.read.append(json.loads(message))
        return self.read[-1]

    def until_seq(self, seq: int) -> None:
        """Read until an event of this ``seq`` has come."""
        while self.next()["seq"] != seq or self.read[-1]["type"] != "event":
            pass

    def seqs(self) -> list[int]:
        """Give the ``seq`` of every event read."""
        return [one["seq"] for one in self.read if one["type"] == "event"]

    def close(self) -> None:
        """Go away."""
        self._messages.close()  # type: ignore[attr-defined]


def seq_of(services: Services, stage: Stage, execution_id: str) -> int:
    return services.executions.header(stage.workspace_id, execution_id).seq


def note(stage: Stage, agent: Any, execution_id: str, count: int) -> None:
    for number in range(count):
        stage.report(agent, execution_id, EventType.NOTE, "t0s0", message=str(number))


def test_first_message_is_a_snapshot_and_events_follow_it_without_gap(
    services: Services, stage: Stage
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    watcher = Watcher(services, stage, execution_id)

    snapshot = watcher.next()
    assert snapshot["type"] == "snapshot"
    assert snapshot["execution"]["execution_id"] == execution_id
    assert snapshot["tasks"]["phases"][0]["tasks"][0]["task_id"] == "t0"
    assert snapshot["blockers"] == []

    stage.carry_out(agent)
    last = seq_of(services, stage, execution_id)
    watcher.until_seq(last)
    update = watcher.next()

    assert watcher.seqs() == list(range(snapshot["seq"] + 1, last + 1))
    assert update["type"] == "execution_update"
    assert (update["seq"], update["status"]) == (last, "COMPLETED")
    assert update["progress"]["percent"] == 100
    assert {*update} >= {"seq", "status", "progress", "timestamp", "type"}
    watcher.close()


def test_every_commit_brings_an_update_with_its_progress(services: Services, stage: Stage) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(4, 1))
    watcher = Watcher(services, stage, execution_id)
    watcher.next()

    stage.carry_out(agent)
    watcher.until_seq(seq_of(services, stage, execution_id))
    watcher.next()

    updates = [one for one in watcher.read if one["type"] == "execution_update"]
    seqs = [one["seq"] for one in updates]
    assert seqs == sorted(seqs)
    assert sorted({one["progress"]["percent"] for one in updates}) == [0, 25, 50, 75, 100]
    assert updates[0]["progress"]["current_task_title"] == "Step 0 of task 0"
    watcher.close()


@pytest.mark.parametrize("recorded", [False, True])
def test_stream_resumes_after_a_seq_on_both_sides_of_the_seam(
    services: Services, stage: Stage, recorded: bool
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    if recorded:
        services.persistence.drain(stage.workspace_id, dt.timedelta())
    last = seq_of(services, stage, execution_id)

    watcher = Watcher(services, stage, execution_id, after=3)
    watcher.until_seq(last)

    assert watcher.seqs() == list(range(4, last + 1))
    assert watcher.next()["status"] == "COMPLETED"
    watcher.close()


def test_nothing_is_missing_or_twice_over_reconnects_under_load(
    services: Services, stage: Stage
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    writer = threading.Thread(target=note, args=(stage, agent, execution_id, 400))
    steady = Watcher(services, stage, execution_id)
    first = steady.next()["seq"]
    writer.start()
    seen: list[int] = []
    goal = first + 400
    last = first
    while last < goal:
        watcher = Watcher(services, stage, execution_id, after=last)
        for _ in range(97):
            message = watcher.next()
            last = max(last, message["seq"])
            if last >= goal:
                break
        seen += watcher.seqs()
        watcher.close()
    writer.join()
    steady.until_seq(goal)

    assert seen == list(range(first + 1, goal + 1))
    assert steady.seqs() == list(range(first + 1, goal + 1))
    steady.close()


def test_reader_that_starts_in_the_middle_of_load_gets_snapshot_and_all_after_it(
    services: Services, stage: Stage
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    start = seq_of(services, stage, execution_id)
    writer = threading.Thread(target=note, args=(stage, agent, execution_id, 200))
    writer.start()
    watchers = [Watcher(services, stage, execution_id) for _ in range(5)]
    firsts = [watcher.next()["seq"] for watcher in watchers]
    writer.join()
    for first, watcher in zip(firsts, watchers, strict=True):
        if first < start + 200:
            watcher.until_seq(start + 200)
        assert watcher.seqs() == list(range(first + 1, start + 201))
        watcher.close()


def test_watcher_that_is_too_slow_gets_a_fresh_snapshot(
    services: Services, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "QUEUE_LENGTH", 5)
    agent = stage.agent()
    execution_id = stage.execution(agent)
    slow, quick = (Watcher(services, stage, execution_id) for _ in range(2))
    first = slow.next()["seq"]
    quick.next()
    for number in range(20):
        note(stage, agent, execution_id, 1)
        quick.until_seq(first + number + 1)

    assert slow.next() == {"type": "resync"}
    snapshot = slow.next()
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", first + 20)
    note(stage, agent, execution_id, 1)
    slow.until_seq(first + 21)
    assert slow.seqs() == [first + 21]
    slow.close()
    quick.close()


def test_seq_from_the_future_gets_a_snapshot(services: Services, stage: Stage) -> None:
    execution_id = stage.execution(stage.agent())
    watcher = Watcher(services, stage, execution_id, after=10_000)

    assert watcher.next()["type"] == "snapshot"
    watcher.close()


def test_stream_of_all_executions_tells_of_each(services: Services, stage: Stage) -> None:
    agent = stage.agent()
    before = stage.execution(agent)
    messages = services.feed.follow_all(stage.workspace_id, TICK)
    first = json.loads(next(messages) or "")
    assert first["type"] == "snapshot"
    assert [one["execution_id"] for one in first["executions"]] == [before]

    later = stage.execution(agent)
    told = [json.loads(wait_until("an update comes", lambda: next(messages)))]
    stage.carry_out(agent)
    while {one["execution_id"] for one in told if one["status"] == "COMPLETED"} != {before, later}:
        told.append(json.loads(wait_until("an update comes", lambda: next(messages))))

    assert {one["type"] for one in told} == {"execution_update"}
    messages.close()  # type: ignore[attr-defined]
    assert services.feed.watching() == 0


def test_unknown_and_foreign_executions_are_not_followed(services: Services, stage: Stage) -> None:
    execution_id = stage.execution(stage.agent())

    for place in (("ws_other", execution_id), (stage.workspace_id, "exec_none")):
        with pytest.raises(NotFound):
            next(services.feed.follow(*place, None))
    assert services.feed.watching() == 0


def test_stop_ends_every_stream(services: Services, stage: Stage) -> None:
    execution_id = stage.execution(stage.agent())
    follow = services.feed.follow(stage.workspace_id, execution_id, None, TICK)
    next(follow)

    services.feed.stop()

    assert [one for one in follow if one is not None] == []


@pytest.fixture
def relay(redis_url: str) -> Iterator[Relay]:
    with Relay(redis_url) as relay:
        yield relay


@pytest.fixture
def over_relay(
    relay: Relay, services: Services, process: Process, monkeypatch: pytest.MonkeyPatch
) -> Services:
    """A web process whose way to Redis the test can spoil; its clients end with the others."""
    monkeypatch.setattr(client_module, "READ_TIMEOUT_SECONDS", 0.8)
    monkeypatch.setattr(feed_module, "RETRY_SECONDS", 0.01)
    assert services
    return process(None, redis_url=relay.url)


@pytest.mark.parametrize("spoil", [Relay.silence, Relay.cut])
def test_watcher_misses_nothing_where_the_way_to_redis_was_lost(
    over_relay: Services, relay: Relay, stage: Stage, spoil: Callable[[Relay], None]
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    watcher = Watcher(over_relay, stage, execution_id)
    first = watcher.next()["seq"]
    note(stage, agent, execution_id, 1)
    watcher.until_seq(first + 1)

    spoil(relay)
    note(stage, agent, execution_id, 5)

    watcher.until_seq(first + 6)
    assert watcher.seqs() == list(range(first + 1, first + 7))
    watcher.close()
