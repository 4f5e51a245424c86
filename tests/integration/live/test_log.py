"""The log: taken for the record, taken again after a crash, watched, and trimmed."""

import datetime as dt

import pytest
import redis

from app.domain.events import parse_event
from app.live import log as log_module
from app.live.log import LogEntry
from tests.executions import EXECUTION, WORKSPACE, chain, completion

from .scene import Scene

SOON = dt.timedelta(milliseconds=1)
MANY = 1000


def taken(scene: Scene, most: int = MANY, *, again: bool = False) -> list[LogEntry]:
    """Take entries; the first try may only find that nobody has taken any before."""
    entries = scene.log.unrecorded(WORKSPACE, most, SOON, again=again)
    return entries or scene.log.unrecorded(WORKSPACE, most, SOON, again=again)


def record(scene: Scene, entries: list[LogEntry]) -> None:
    seqs = {entry.execution_id: parse_event(entry.body).seq for entry in entries}
    scene.log.recorded(WORKSPACE, entries, seqs)


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
    assert taken(told) == []


def test_the_last_event_of_a_commit_brings_the_header_and_what_changed(told: Scene) -> None:
    entries = taken(told)
    assert [bool(entry.header) for entry in entries] == [False, True, False, True, True]
    changes = entries[-1].changes
    assert changes
    assert changes.subtasks == {"s0": "COMPLETED", "s1": "READY"}
    assert changes.tasks == {"t0": "COMPLETED", "t1": "READY"}
    assert entries[0].changes is None


def test_entries_are_taken_in_batches(told: Scene) -> None:
    assert seqs(taken(told, 2)) == [1, 2]
    assert seqs(taken(told, 2)) == [3, 4]
    assert seqs(taken(told, 2)) == [5]


def test_what_was_taken_and_not_recorded_is_given_again(told: Scene) -> None:
    first = taken(told, 2)
    assert seqs(taken(told, again=True)) == [1, 2]
    record(told, first)
    assert taken(told, again=True) == []
    assert seqs(taken(told)) == [3, 4, 5]


def test_what_is_recorded_leaves_the_execution_and_stays_a_while_for_watchers(told: Scene) -> None:
    record(told, taken(told))
    assert told.events() == []
    assert told.client.xlen(told.keys.log) == 5
    told.claim("s1")
    assert [seq for seq, _, _ in told.events()] == [6]


def test_the_tail_is_trimmed_once_it_is_old(told: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "TAIL", dt.timedelta(milliseconds=-1))
    record(told, taken(told))
    assert told.client.xlen(told.keys.log) == 0
    told.claim("s1")
    assert seqs(taken(told)) == [6]


def test_nothing_is_trimmed_while_another_still_holds_what_is_not_recorded(
    told: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "TAIL", dt.timedelta(milliseconds=-1))
    slow = taken(told, 2)
    record(told, taken(told))
    assert seqs(taken(told, again=True)) == [1, 2]
    assert len(told.events()) == 5
    record(told, slow)
    assert told.client.xinfo_groups(told.keys.log)[0]["pending"] == 0


def test_two_that_begin_at_once_both_go_on(told: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    told.client.xgroup_create(told.keys.log, log_module.GROUP, id="0")
    # The other was faster between our look and our attempt.
    monkeypatch.setattr(
        told.log._blocking, "xreadgroup", _refused("NOGROUP No such key or consumer group")
    )
    assert told.log.unrecorded(WORKSPACE, MANY, SOON, again=False) == []


@pytest.mark.parametrize("method", ["xreadgroup", "xgroup_create"])
def test_other_refusals_of_the_group_are_not_swallowed(
    told: Scene, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(told.log._blocking, "xreadgroup", _refused("NOGROUP No such key"))
    client = told.log._blocking if method == "xreadgroup" else told.log._client
    monkeypatch.setattr(client, method, _refused("WRONGTYPE Operation against a key"))
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        told.log.unrecorded(WORKSPACE, MANY, SOON, again=False)


def _refused(words: str) -> object:
    def refuse(*_: object, **__: object) -> object:
        raise redis.ResponseError(words)

    return refuse


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
