"""Which executions need a closer look."""

import pytest

from app.domain.events import chain
from app.domain.merging import Kept
from app.record.mending import RecordedEnd
from app.services.comparison import Look, is_linked, needs_mending

HEAD = "a" * 64


def look(version: int | None = 5, *, whole: bool = True) -> Look:
    return Look(version, HEAD, whole, differs=False)


def end(last: int, seq: int | None = None, events: int | None = None) -> RecordedEnd:
    seq = last if seq is None else seq
    count = last if events is None else events
    return RecordedEnd("exec_1", "ws", seq, "", "RUNNING", "g", count, last, HEAD)


@pytest.mark.parametrize(
    ("found", "recorded", "waiting"),
    [
        (look(), end(5), None),
        (look(), end(5, seq=7), None),  # rows are written as they stand
        (look(), end(3), 4),
        (look(), end(3), 2),  # a batch is repeated
        (look(), end(0), 1),
    ],
)
def test_what_only_lags_is_left_alone(
    found: Look, recorded: RecordedEnd, waiting: int | None
) -> None:
    assert not needs_mending(found, recorded, waiting)


@pytest.mark.parametrize(
    ("found", "recorded", "waiting"),
    [
        (look(None), end(5), None),
        (look(whole=False), end(5), None),
        (look(), None, 1),
        (look(), end(7), None),
        (look(), end(5, seq=4), None),
        (look(), end(5, events=4), None),
        (look(), end(3), None),
        (look(), end(3), 5),
        (Look(5, "b" * 64, whole=True, differs=False), end(5), None),
    ],
)
def test_what_does_not_belong_together_is_looked_at(
    found: Look, recorded: RecordedEnd | None, waiting: int | None
) -> None:
    assert needs_mending(found, recorded, waiting)


def test_a_log_goes_on_from_where_the_record_ends() -> None:
    at, behind = Kept(3, b"{}", HEAD), Kept(4, b"[]", chain(HEAD, b"[]"))
    assert is_linked(end(3), [])
    assert is_linked(end(3), [at, behind])
    assert not is_linked(end(3), [Kept(3, b"{}", "b" * 64)])
    assert not is_linked(end(3), [Kept(4, b"[]", HEAD)])
