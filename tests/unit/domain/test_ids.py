"""Identifiers that sort by time, and those that others bring."""

import re

import pytest

from app.domain import ids


def test_ids_carry_their_kind_and_are_all_different() -> None:
    made = {ids.new_id("exec") for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"exec_[0-9a-hjkmnp-tv-z]{26}", one) for one in made)


def test_ids_made_later_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1, 1_000_000, 1_800_000_000_000_000_000, 1_800_000_000_001_000_000])
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(moments))
    made = [ids.new_id("evt") for _ in range(4)]
    assert made[1:] == sorted(made[1:])


@pytest.mark.parametrize("text", ["a", "9", "lighthouse-2.1", "a:b_c", "x" * 100])
def test_own_ids_are_accepted_where_they_are_safe_everywhere(text: str) -> None:
    assert ids.is_own_id(text)


@pytest.mark.parametrize("text", ["", "-a", ".hidden", "a/b", "a b", "a|b", "a\n", "ä", "x" * 101])
def test_own_ids_that_a_path_or_key_could_misread_are_refused(text: str) -> None:
    assert not ids.is_own_id(text)
