"""The examples on the page are what the rules make of them today."""

from tests.unit.decomposer.page import PAGE, PLANS, renewed


def test_examples_on_the_page_are_what_the_rules_make() -> None:
    page = PAGE.read_text()
    assert renewed(page) == page, "run python -m tests.unit.decomposer.page"


def test_examples_come_from_three_kinds_of_plan() -> None:
    page = PAGE.read_text()
    assert len(PLANS) == 3
    for kind in ("prospecting", "procurement", "research"):
        assert f"Kind of plan: {kind}, by its words" in page
