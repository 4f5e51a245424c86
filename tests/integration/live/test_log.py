"""The log: taken for the record, taken again after a crash, watched, and trimmed."""

import datetime as dt
from typing import Any

import pytest
import redis

from app.domain.events import parse_event
from app.live import log as log_module
from app.live.keys import Keys
from app.live.log import GROUP, Backlog, LogEntry
from tests.executions import EXECUTION, WORKSPACE, chain, completion

from .scene import Scene

SOON = dt.timedelta(milliseconds=1)
MANY = 1000


def taken(scene: Scene, most: int = MANY, after: str = "") -> list[LogEntry]:
    """Read what is not recorded, or what comes after an entry."""
    return scene.log.unrecorded(
        WORKSPACE, after or scene.log.recorded_to(WORKSPACE), most, MANY * MANY
    )


def record(scene: Scene, entries: list[LogEntry], **more: Any) -> None:
    scene.log.recorded(WORKSPACE, scene.log.recorded_to(WORKSPACE), entries, **more)


def seqs(entries: list[LogEntry]) -> list[int]:
    return [parse_event(entry.body).seq for entry in entries]


@pytest.fixture
def told(scene: Scene) -> Scene:
    """An execution with five events: created, queued, started, dispatched, complete."""
    scene.start(chain(3))
    scene.complete("s0")
    return scene


def test_workspaces_are_known_by_their_first_execution(scene: Scene) -> None:
    assert scene.log.workspaces() == []
    scene.start(chain(1))
    assert scene.log.workspaces() == [WORKSPACE]


def test_the_log_gives_every_event_once_in_order_with_its_hash(told: Scene) -> None:
    entries = taken(told)
    assert [(seq, e.body, e.hash) for seq, e in zip(seqs(entries), entries, strict=True)] == [
        *told.events()
    ]
    assert {entry.execution_id for entry in entries} == {EXECUTION}


def test_the_last_event_of_a_commit_brings_the_header_and_what_changed(told: Scene) -> None:
    entries = taken(told)
    assert [bool(entry.header) for entry in entries] == [False, True, False, True, True]
    changes = entries[-1].changes
    assert changes
    assert changes.subtasks == {"s0": "COMPLETED", "s1": "READY"}
    assert changes.tasks == {"t0": "COMPLETED", "t1": "READY"}
    assert entries[0].changes is None


def test_entries_are_read_in_batches(told: Scene) -> None:
    first = taken(told, 2)
    assert seqs(first) == [1, 2]
    second = taken(told, 2, first[-1].entry_id)
    assert seqs(second) == [3, 4]
    assert seqs(taken(told, 2, second[-1].entry_id)) == [5]


def test_a_batch_ends_with_the_chunk_in_which_it_has_the_bytes_it_may_hold(
    told: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "CHUNK", 2)
    assert seqs(told.log.unrecorded(WORKSPACE, "0-0", MANY, 1)) == [1, 2]
    assert seqs(told.log.unrecorded(WORKSPACE, "0-0", 3, MANY * MANY)) == [1, 2, 3]


def test_what_was_read_and_not_recorded_is_read_again(told: Scene) -> None:
    first = taken(told, 2)
    assert seqs(taken(told, 2)) == [1, 2]
    record(told, first)
    assert seqs(taken(told)) == [3, 4, 5]


def test_what_is_recorded_stays_a_while_for_watchers_and_with_its_execution(told: Scene) -> None:
    record(told, taken(told))
    assert told.client.xlen(told.keys.log) == 5
    assert [seq for seq, _, _ in told.events()] == [1, 2, 3, 4, 5]


def test_the_tail_is_trimmed_once_it_is_old(told: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    first = taken(told, 3)
    record(told, first, tail=dt.timedelta())
    assert told.client.xlen(told.keys.log) == 3
    monkeypatch.setattr(log_module, "TAIL", dt.timedelta(milliseconds=-1))
    record(told, taken(told))
    assert told.client.xlen(told.keys.log) == 0
    told.claim("s1")
    assert seqs(taken(told)) == [6]


def test_a_slow_drain_never_moves_the_position_back(told: Scene) -> None:
    slow = taken(told, 2)
    after = told.log.recorded_to(WORKSPACE)
    record(told, taken(told), tail=dt.timedelta())
    told.log.recorded(WORKSPACE, after, slow)
    assert taken(told) == []
    assert told.log.waiting([WORKSPACE]) == []


def test_the_backlog_is_counted_also_after_drains_that_overlapped(told: Scene) -> None:
    assert told.log.backlog(WORKSPACE).entries == 5
    slow = taken(told, 2)
    after = told.log.recorded_to(WORKSPACE)
    record(told, taken(told, 1))
    assert told.log.backlog(WORKSPACE).entries == 4
    told.log.recorded(WORKSPACE, after, slow)
    assert told.log.backlog(WORKSPACE).entries >= 3
    record(told, taken(told))
    assert told.log.backlog(WORKSPACE) == Backlog(0, None, 0)
    told.claim("s1")
    record(told, taken(told))
    told.do(completion("s1"))
    assert told.log.backlog(WORKSPACE).entries == 1


def test_workspaces_with_something_to_record_are_told_from_the_others(told: Scene) -> None:
    assert told.log.waiting(["ws_2", WORKSPACE]) == [WORKSPACE]
    record(told, taken(told, 4))
    assert told.log.waiting([WORKSPACE]) == [WORKSPACE]
    record(told, taken(told))
    assert told.log.waiting([WORKSPACE]) == []
    told.claim("s1")
    assert told.log.waiting([WORKSPACE]) == [WORKSPACE]


def test_what_an_earlier_version_took_and_did_not_record_is_read_again(told: Scene) -> None:
    told.client.xgroup_create(told.keys.log, GROUP, id="0")
    ((_, raw),) = told.client.xreadgroup(GROUP, GROUP, {told.keys.log: ">"}, count=4)
    told.client.xack(told.keys.log, GROUP, raw[0][0])
    assert told.log.waiting([WORKSPACE]) == [WORKSPACE]
    assert seqs(taken(told)) == [2, 3, 4, 5]
    assert told.client.xinfo_groups(told.keys.log)[0]["consumers"] == 0


def test_an_event_set_aside_can_be_named_read_and_dropped(told: Scene) -> None:
    entry = taken(told)[2]
    told.log.set_aside(WORKSPACE, entry, 3)
    assert told.log.aside(WORKSPACE) == [(EXECUTION, 3)]
    assert told.log.aside_entry(WORKSPACE, EXECUTION, 3) == entry
    assert told.log.aside_events(WORKSPACE, EXECUTION, 2) == [(3, entry.body, entry.hash)]
    assert told.log.aside_events(WORKSPACE, EXECUTION, 3) == []
    assert told.log.aside_events(WORKSPACE, "exec_2", 0) == []
    told.log.drop_aside(WORKSPACE, EXECUTION, 3)
    assert told.log.aside(WORKSPACE) == []
    assert told.log.aside_entry(WORKSPACE, EXECUTION, 3) is None


def test_streams_of_executions_are_found_in_all_workspaces(told: Scene) -> None:
    told.client.xadd(Keys("ws_2").events("exec_2"), {"e": "{}"})
    assert told.log.streams() == {WORKSPACE: [EXECUTION], "ws_2": ["exec_2"]}


def test_two_that_begin_at_once_both_go_on(told: Scene) -> None:
    entries = taken(told)
    told.log.recorded(WORKSPACE, "0-0", entries[:2])
    told.log.recorded(WORKSPACE, "0-0", entries)
    assert taken(told) == []


def test_a_log_that_is_no_stream_is_told_as_it_is(told: Scene) -> None:
    told.client.set(told.keys.log, "nonsense")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        told.log.waiting([WORKSPACE])
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        told.log.recorded_to(WORKSPACE)


def test_events_are_read_after_a_seq_and_no_more_than_asked(told: Scene) -> None:
    def read(after: int, most: int) -> list[int]:
        return [seq for seq, _, _ in told.log.events(WORKSPACE, EXECUTION, after, most)]

    assert read(2, MANY) == [3, 4, 5]
    assert read(0, 2) == [1, 2]
    assert read(5, MANY) == []
    assert told.log.events(WORKSPACE, "exec_2", 0, MANY) == []


def test_watchers_see_what_comes_after_their_position(told: Scene) -> None:
    position = told.log.position(WORKSPACE)
    told.claim("s1")
    told.do(completion("s1"))
    ((workspace_id, entries),) = told.log.tail({WORKSPACE: position, "ws_2": "0-0"}, SOON)
    assert (workspace_id, seqs(entries)) == (WORKSPACE, [6, 7])
    assert told.log.tail({WORKSPACE: entries[-1].entry_id}, SOON) == []


def test_watching_without_waiting_gives_what_there_is(told: Scene) -> None:
    assert told.log.tail({WORKSPACE: told.log.position(WORKSPACE)}, dt.timedelta()) == []


def test_an_empty_log_begins_at_zero(scene: Scene) -> None:
    assert scene.log.position(WORKSPACE) == "0-0"
    scene.start(chain(1))
    ((_, entries),) = scene.log.tail({WORKSPACE: "0-0"}, SOON)
    assert seqs(entries) == [1, 2]
