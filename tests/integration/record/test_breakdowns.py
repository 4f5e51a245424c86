import msgspec
import pytest
from sqlalchemy import Engine, text

from app.domain.errors import NotFound
from app.domain.plan import Breakdown, ConfidencePart, Plan, PlanWarning
from app.record.breakdowns import Breakdowns, BreakdownSummary
from app.record.engine import transaction
from app.record.plans import Plans

from .builders import NOON, WORKSPACE, make_breakdown


@pytest.fixture
def breakdowns(engine: Engine, plan: Plan) -> Breakdowns:
    """Breakdowns of a stored plan, none yet."""
    del plan
    return Breakdowns(engine)


def at(version: int, breakdown: Breakdown) -> Breakdown:
    """Give a breakdown as it comes back."""
    return msgspec.structs.replace(breakdown, version=version)


def test_breakdowns_come_back_as_they_were_given(breakdowns: Breakdowns) -> None:
    given = [
        make_breakdown(
            "task_0_0",
            subtasks=12,
            needs_review=True,
            notes="thin",
            warnings=[PlanWarning("x", "y", "z")],
            usage={"model": "m", "cost_usd": 0.5},
            parts=[ConfidencePart("coverage", 0.1, 0.5, "half")],
            uncovered=["Buy plaster"],
        ),
        make_breakdown("task_0_1", subtasks=0),
    ]
    assert breakdowns.add(WORKSPACE, "plan_1", 1, given) == 2
    assert breakdowns.of_plan(WORKSPACE, "plan_1") == {it.task_id: at(1, it) for it in given}
    assert breakdowns.of_plan("ws_2", "plan_1") == {}


def test_subtasks_stored_before_they_had_a_source_still_load(
    breakdowns: Breakdowns, engine: Engine
) -> None:
    breakdowns.add(WORKSPACE, "plan_1", 1, [make_breakdown("task_0_0", subtasks=1)])
    old = '{"subtask_id": "s", "title": "T", "action": "a"}'
    with transaction(engine) as connection:
        connection.execute(text("UPDATE plan_subtasks SET document = :old"), {"old": old})
    (step,) = breakdowns.of_plan(WORKSPACE, "plan_1")["task_0_0"].subtasks
    assert (step.source, step.reasons) == (None, [])


def test_each_task_has_its_newest_breakdown_up_to_a_version(breakdowns: Breakdowns) -> None:
    first = [make_breakdown("task_0_0", 1), make_breakdown("task_0_1", 1)]
    again = make_breakdown("task_0_0", 3, strategy="manual")
    breakdowns.add(WORKSPACE, "plan_1", 1, first)
    breakdowns.add(WORKSPACE, "plan_1", 3, [again])
    assert breakdowns.of_plan(WORKSPACE, "plan_1", 0) == {}
    first = [at(1, it) for it in first]
    assert list(breakdowns.of_plan(WORKSPACE, "plan_1", 2).values()) == first
    newest = {"task_0_0": at(3, again), "task_0_1": first[1]}
    assert breakdowns.of_plan(WORKSPACE, "plan_1", 3) == newest
    assert breakdowns.of_plan(WORKSPACE, "plan_1") == newest


def test_first_breakdown_of_a_version_is_kept(breakdowns: Breakdowns) -> None:
    first = make_breakdown("task_0_0", 2)
    breakdowns.add(WORKSPACE, "plan_1", 1, [first])
    repeated = [make_breakdown("task_0_0", 5), make_breakdown("task_0_1", 1)]
    assert breakdowns.add(WORKSPACE, "plan_1", 1, repeated) == 1
    assert breakdowns.of_plan(WORKSPACE, "plan_1")["task_0_0"] == at(1, first)
    assert breakdowns.add(WORKSPACE, "plan_1", 1, []) == 0


def test_breakdown_of_an_unknown_task_is_refused(breakdowns: Breakdowns) -> None:
    given = [make_breakdown("task_0_0"), make_breakdown("task_unknown")]
    with pytest.raises(NotFound):
        breakdowns.add(WORKSPACE, "plan_1", 1, given)
    assert breakdowns.of_plan(WORKSPACE, "plan_1") == {}


def test_versions_are_listed_newest_first_with_what_they_hold(breakdowns: Breakdowns) -> None:
    breakdowns.add(WORKSPACE, "plan_1", 1, [make_breakdown("task_0_0", 2)])
    breakdowns.add(WORKSPACE, "plan_1", 1, [make_breakdown("task_0_1", 1)])
    edited = make_breakdown("task_0_0", 3, edited_by="user:1", edited_at=NOON, changes=["Split."])
    breakdowns.add(WORKSPACE, "plan_1", 2, [edited])

    rows = breakdowns.versions(WORKSPACE, "plan_1")
    told = [(row.version, row.task_id, row.subtasks_total) for row in rows]
    assert told == [(2, "task_0_0", 3), (1, "task_0_0", 2), (1, "task_0_1", 1)]
    assert (rows[0].edited_by, rows[0].edited_at, rows[0].changes) == ("user:1", NOON, ["Split."])
    assert breakdowns.versions(WORKSPACE, "plan_1", limit=1) == rows[:1]
    assert breakdowns.versions(WORKSPACE, "plan_1", before=2) == rows[1:]
    assert breakdowns.versions(WORKSPACE, "plan_1", "task_0_1") == rows[2:]
    assert breakdowns.versions("ws_2", "plan_1") == []


def test_breakdowns_go_with_their_plan(breakdowns: Breakdowns, plans: Plans) -> None:
    breakdowns.add(WORKSPACE, "plan_1", 1, [make_breakdown("task_0_0")])
    assert plans.delete(WORKSPACE, "plan_1")
    assert breakdowns.of_plan(WORKSPACE, "plan_1") == {}


def test_newest_breakdowns_of_plans_are_summed_up(breakdowns: Breakdowns) -> None:
    first = [make_breakdown("task_0_0", 1, confidence=0.4), make_breakdown("task_0_1", 1)]
    again = make_breakdown("task_0_0", 3, confidence=0.6, needs_review=True)
    breakdowns.add(WORKSPACE, "plan_1", 1, first)
    breakdowns.add(WORKSPACE, "plan_1", 2, [again])

    found = breakdowns.summaries(WORKSPACE, ["plan_1", "plan_2"])

    mean = (0.6 + first[1].confidence) / 2
    assert found == {"plan_1": BreakdownSummary(2, 4, pytest.approx(mean), 0.6, 1)}
    assert breakdowns.summaries("ws_2", ["plan_1"]) == {}
    assert breakdowns.summaries(WORKSPACE, []) == {}
