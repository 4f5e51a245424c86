"""Two copies of one log, made into one."""

import datetime as dt

from app.domain.events import FIRST_HASH, Event, EventType, chain, seal
from app.domain.merging import Kept, merge

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def log(length: int, message: str = "", begin: int = 1, head: str = FIRST_HASH) -> list[Kept]:
    events = [
        Event(
            seq=seq,
            event_id=f"evt_{seq}",
            event_type=EventType.NOTE,
            execution_id="exec_1",
            recorded_at=NOON,
            actor="system",
            status="RUNNING",
            message=message or None,
        )
        for seq in range(begin, begin + length)
    ]
    return [Kept(one.event.seq, one.body, one.hash) for one in seal(events, head)]


def test_each_copy_fills_the_holes_of_the_other() -> None:
    whole = log(6)
    merged = merge([whole[0], whole[3], whole[4]], [*whole[1:4], whole[5]])
    assert list(merged.events) == whole
    assert (merged.gaps, merged.fork, merged.beyond) == ([], None, [])
    assert [merged.hash_at(seq) for seq in (0, 6, 7)] == [FIRST_HASH, whole[5].hash, None]


def test_what_neither_has_is_a_gap_and_what_follows_is_kept_apart() -> None:
    whole = log(8)
    merged = merge([whole[0], whole[3]], [whole[6], whole[7]])
    assert (list(merged.events), list(merged.beyond)) == (whole[:1], [whole[3], *whole[6:]])
    assert merged.gaps == [(2, 3), (5, 6)]
    assert merged.fork is None


def test_a_log_without_its_beginning_is_a_gap() -> None:
    merged = merge(log(3)[1:], [])
    assert (list(merged.events), merged.gaps) == ([], [(1, 1)])


def test_the_first_event_that_differs_is_the_fork() -> None:
    common = log(2)
    one = [*common, *log(2, "this", begin=3, head=common[-1].hash)]
    other = [*common, *log(3, "that", begin=3, head=common[-1].hash)]
    assert merge(one, other).fork == 3


def test_a_chain_that_does_not_go_on_is_a_fork_where_it_breaks() -> None:
    # The record has one history, Redis the end of another: no event is in both.
    other = log(5, "that")
    assert merge(log(3), other[3:]).fork == 4
    broken = log(3)
    broken[1] = Kept(2, broken[1].body, chain("0", b""))
    assert merge(broken, []).fork == 2


def test_nothing_is_nothing() -> None:
    merged = merge([], [])
    assert (list(merged.events), merged.gaps, merged.fork) == ([], [], None)
