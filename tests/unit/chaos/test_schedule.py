import random
import time

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.schedule import Budget, choose, draw


def names(seed: int, minutes: float = 10, seconds: float = 0.01) -> list[str]:
    budget = Budget(minutes)
    drawn = draw(choose([], budget), budget, random.Random(seed), time.monotonic() + seconds)
    return [fault.name for fault, _ in zip(drawn, range(len(FAULTS)), strict=False)]


def test_run_of_ten_minutes_has_every_kind_at_its_full_length() -> None:
    budget = Budget(10)

    assert choose([], budget) == list(FAULTS)
    assert [budget.hold_s(fault) for fault in FAULTS] == [fault.hold_s for fault in FAULTS]
    assert set(names(1, seconds=3600)) == {fault.name for fault in FAULTS}


def test_short_run_has_fewer_kinds_and_shorter_ones() -> None:
    budget = Budget(1)
    chosen = choose([], budget)

    assert 0 < len(chosen) < len(FAULTS)
    assert all(budget.hold_s(fault) < 10 for fault in chosen)


def test_order_comes_from_the_seed() -> None:
    assert names(3, seconds=3600) == names(3, seconds=3600) != names(4, seconds=3600)


def test_no_fault_is_begun_for_which_there_is_no_time() -> None:
    assert names(1, seconds=1) == []


def test_unknown_kind_of_fault_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"No fault .*flood.*; there are: kill web, "):
        choose(["flood"], Budget(1))
