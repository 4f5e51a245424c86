from typing import Any

import pytest

from tests.chaos.journal import Ack
from tests.chaos.proof import compare

TOLD = "2026-11-22T10:00:00Z"
LATER = "2026-11-22T10:00:01Z"


def event(seq: int, event_id: str, recorded_at: str = TOLD, **fields: Any) -> dict[str, Any]:
    found = {"seq": seq, "event_id": event_id, "recorded_at": recorded_at}
    return {**found, "event_type": "task_progress", "task_id": "t", **fields}


def ack(event_id: str, seq: int) -> Ack:
    return Ack("exec_1", event_id, seq, TOLD, at_s=0)


def test_acknowledged_event_that_is_there_once_is_in_order() -> None:
    assert not compare("exec_1", [event(1, "a"), event(2, "b")], [ack("a", 1), ack("b", 2)])


def test_acknowledged_seq_may_be_that_of_a_later_event_of_the_same_commit() -> None:
    assert not compare("exec_1", [event(1, "a"), event(2, "dispatch")], [ack("a", 2)])


@pytest.mark.parametrize(
    "events",
    [
        [],
        [event(1, "b")],
        [event(1, "b"), event(2, "a")],
        [event(1, "a", LATER)],
    ],
    ids=["nothing", "another", "after its commit", "of another commit"],
)
def test_acknowledged_event_that_is_not_what_was_told_is_lost(events: list[dict[str, Any]]) -> None:
    assert compare("exec_1", events, [ack("a", 1)]).lost == [ack("a", 1)]


def test_event_that_is_there_twice_is_duplicated() -> None:
    found = compare("exec_1", [event(1, "a"), event(2, "a")], [ack("a", 1)])

    assert found.duplicated == [ack("a", 1)]
    assert found.lost == []


@pytest.mark.parametrize("seqs", [(1, 3), (1, 1), (2, 1)])
def test_gap_repeat_or_disorder_of_seq_is_found(seqs: tuple[int, int]) -> None:
    found = compare("exec_1", [event(seq, f"e{place}") for place, seq in enumerate(seqs)], [])

    assert found.others == ["exec_1: seq has gaps or repeats"]


def test_subtask_that_was_completed_twice_is_found() -> None:
    both = [event(seq, f"e{seq}", event_type="task_complete") for seq in (1, 2)]

    assert compare("exec_1", both, []).others == ["exec_1: t was completed 2 times"]
