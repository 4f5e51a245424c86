"""Which month an execution's id belongs to."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Invalid
from app.domain.ids import least_id, new_id
from app.record.partitions import Month, coming, holder_of, month_of, partition_of

MOMENT = dt.timedelta(milliseconds=1)


def test_id_made_now_belongs_to_this_month() -> None:
    before = Month.of(dt.datetime.now(dt.UTC))
    found = month_of(new_id("exec"))
    assert found in (before, Month.of(dt.datetime.now(dt.UTC)))


@given(st.floats(Month(2020, 1).start.timestamp(), Month(2999, 12).start.timestamp()))
def test_month_of_an_id_is_that_of_its_time(seconds: float) -> None:
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    for rest in ("0" * 16, "z" * 16):
        assert month_of(least_id("exec", at) + rest) == Month.of(at)


def test_months_follow_one_another_without_a_gap() -> None:
    month = Month(2020, 1)
    while month != Month(2999, 12):
        upper = partition_of(month).upper
        month = month.next
        assert partition_of(month).lower == upper


def test_first_and_last_millisecond_are_told_apart() -> None:
    start = Month(2026, 11).start
    assert month_of(least_id("exec", start)) == Month(2026, 11)
    assert month_of(least_id("exec", start - MOMENT) + "z" * 16) == Month(2026, 10)


@given(st.text())
def test_every_text_has_one_partition(text: str) -> None:
    for execution_id in (text, f"exec_{text}"):
        found = holder_of(execution_id)
        assert found.lower is None or found.lower <= execution_id
        assert found.upper is None or execution_id < found.upper


@pytest.mark.parametrize(
    ("execution_id", "name"),
    [
        ("exec_0", "execution_events_before_2020"),
        ("exec_1", "execution_events_after_2999"),
        ("exec_01kap0000000000000000000000", "execution_events_y2025m11"),
        ("somebody's", "execution_events_after_2999"),
    ],
)
def test_made_up_ids_have_a_place_that_blocks_no_month(execution_id: str, name: str) -> None:
    assert holder_of(execution_id).name == name


def test_three_months_are_made_before_they_come() -> None:
    names = [one.name for one in coming(dt.datetime(2026, 11, 30, 23, 59, tzinfo=dt.UTC))]
    assert names == [
        f"execution_events_y{one}" for one in ("2026m11", "2026m12", "2027m01", "2027m02")
    ]


@pytest.mark.parametrize(
    "written",
    ["", "2026", "2026-13", "2026-00", "2019-12", "3000-01", "2026-6", "../../etc", "٢٠٢٦-٠٦"],
)
def test_what_is_no_month_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        Month.parse(written)


def test_month_reads_what_it_writes() -> None:
    assert Month.parse(str(Month(2026, 6))) == Month(2026, 6)
