"""The prospecting plan: a run as PlanExe writes it, which needs no hand before it is started."""

from typing import cast

import pytest
from larry.actions import all_actions
from larry.actions.analysis import scored
from larry.people import choose, top_of
from larry.reading import deal
from larry.tools import Tools

from app.commands.up import PLANS
from app.domain.plan import Breakdown, Plan
from decomposer.breakdown import decompose_plan
from decomposer.readers import PlanSource, ReadLimits, read_plan

ROWS = [
    {"name": "Ann", "interested": "yes", "reply": "Hello"},
    {"name": "Bob", "interested": "yes", "reply": ""},
    {"name": "Cyd", "interested": "no", "reply": "No"},
    {"name": "Dan", "interested": "yes", "reply": "Yes"},
]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return read_plan(PlanSource.from_path(PLANS["larry"]), ReadLimits(), "plan_1")


@pytest.fixture(scope="module")
def breakdowns(plan: Plan) -> list[Breakdown]:
    return decompose_plan(plan, 0.8)


def test_plan_has_three_phases_and_twelve_tasks_and_nothing_odd(plan: Plan) -> None:
    assert [len(phase.tasks) for phase in plan.phases] == [4, 4, 4]
    assert plan.warnings == []
    assert plan.gates.refusals == []
    assert {one.metric for one in plan.targets} >= {"prospects", "revenue", "human_minutes"}


def test_no_breakdown_waits_for_a_review(breakdowns: list[Breakdown]) -> None:
    assert [one.task_id for one in breakdowns if one.needs_review] == []


def test_larry_performs_every_step_and_five_need_an_approval(breakdowns: list[Breakdown]) -> None:
    steps = [step for one in breakdowns for step in one.subtasks]
    # What the actions work with is not looked at before they are performed.
    assert {step.action for step in steps} <= all_actions(cast("Tools", None)).keys()
    assert {step.assignee for step in steps} == {"agent"}
    assert sum(step.requires_approval for step in steps) == 5


@pytest.mark.parametrize(
    ("whom", "names"),
    [
        ("the interested breeders", "Ann Bob Dan"),
        ("the breeders who answered", "Ann Cyd Dan"),
        ("the interested breeders who have answered", "Ann Dan"),
        ("the interested breeders who have not answered", "Bob"),
        ("the first interested breeder who answered", "Ann"),
        ("the second interested breeder who answered", "Dan"),
        ("the third interested breeder who answered", ""),
        ("the first two breeders who answered", "Ann Cyd"),
    ],
)
def test_people_are_chosen_by_what_they_did(whom: str, names: str) -> None:
    assert " ".join(row["name"] for row in choose(whom, ROWS)) == names


def test_number_that_is_meant_is_read() -> None:
    assert top_of("the top ten breeders in QUALIFIED.csv") == 10
    assert top_of("the best 3") == 3
    assert top_of("the breeders") is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("Agreed. Deal at 7,000 dollars in trade, I signed it.", 7000),
        ("It is a deal at $8,000.50.", 8000.5),
        ("At 7,000 dollars in trade you can send me the contract.", None),
        ("Agreed, and thank you.", None),
        ("", None),
    ],
)
def test_deal_is_read_where_it_is_closed_and_a_sum_is_said(text: str, amount: float | None) -> None:
    assert deal(text) == amount


def test_points_are_given_for_what_a_row_tells() -> None:
    best = {
        "name": "Campion",
        "phone": "1",
        "email": "a@b",
        "rating": "4.9",
        "reviews": "212",
        "website_score": "25",
    }
    assert scored(best)["points"] == "5"
    assert scored({"name": "X", "rating": "many", "website_score": ""})["points"] == "1"
    assert scored({**best, "website_score": "70"})["why"] == (
        "can be called, can be written to, is well rated, has many reviews"
    )
