"""Plans that are held still while their breakdowns are changed."""

import threading

import pytest
from sqlalchemy import Engine

from app.domain.errors import NotFound
from app.domain.plan import Plan, PlanStatus
from app.record.breakdowns import Breakdowns
from app.record.plans import Plans
from app.record.revisions import Revisions

from .builders import NOON, WORKSPACE, make_breakdown


@pytest.fixture
def revisions(engine: Engine, plan: Plan) -> Revisions:
    """A stored plan with two breakdowns in version 1, the first of which waits for review."""
    assert plan.plan_id == "plan_1"
    waiting = make_breakdown("task_0_0", needs_review=True)
    Breakdowns(engine).add(WORKSPACE, "plan_1", 1, [waiting, make_breakdown("task_0_1")])
    assert Plans(engine).next_version(WORKSPACE, "plan_1") == 1
    return Revisions(engine)


def test_what_is_stored_is_a_version_of_its_own(revisions: Revisions, engine: Engine) -> None:
    with revisions.open(WORKSPACE, "plan_1") as plan:
        plan.store([make_breakdown("task_0_0", 5)])
        plan.set_status(PlanStatus.READY, "good")
        assert len(plan.found["task_0_0"].subtasks) == 5

    stored = Plans(engine).get(WORKSPACE, "plan_1")
    assert stored
    assert (stored.decomposition_version, stored.status) == (2, PlanStatus.READY)
    found = Breakdowns(engine).of_plan(WORKSPACE, "plan_1")
    assert {name: one.version for name, one in found.items()} == {"task_0_0": 2, "task_0_1": 1}


def test_approval_clears_the_review_of_the_newest_breakdown_once(revisions: Revisions) -> None:
    with revisions.open(WORKSPACE, "plan_1") as plan:
        plan.approve("task_0_0", "user_1", NOON)
        plan.approve("task_0_0", "user_2", NOON)
        newest = plan.found["task_0_0"]

    assert (newest.needs_review, newest.approved_by) == (False, "user_1")
    assert newest.approved_at == NOON


def test_what_was_just_stored_can_be_approved(revisions: Revisions, engine: Engine) -> None:
    with revisions.open(WORKSPACE, "plan_1") as plan:
        plan.store([make_breakdown("task_0_0", needs_review=True)])
        plan.approve("task_0_0", "user_1", NOON)
        newest = plan.found["task_0_0"]

    assert (newest.version, newest.approved_by) == (2, "user_1")
    found = Breakdowns(engine).of_plan(WORKSPACE, "plan_1", 1)["task_0_0"]
    assert found.approved_by is None


def test_nothing_is_kept_of_a_change_that_fails(revisions: Revisions, engine: Engine) -> None:
    def fail() -> None:
        with revisions.open(WORKSPACE, "plan_1") as plan:
            plan.store([make_breakdown("task_0_0", 5)])
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert Breakdowns(engine).of_plan(WORKSPACE, "plan_1")["task_0_0"].version == 1


def test_two_changes_follow_each_other(revisions: Revisions) -> None:
    seen: list[int] = []

    def change() -> None:
        with revisions.open(WORKSPACE, "plan_1") as plan:
            seen.append(plan.stored.decomposition_version)
            plan.store([make_breakdown("task_0_0")])

    with revisions.open(WORKSPACE, "plan_1") as plan:
        thread = threading.Thread(target=change)
        thread.start()
        plan.store([make_breakdown("task_0_0")])
    thread.join(10)

    assert seen == [2]


def test_unknown_plan_cannot_be_opened(revisions: Revisions) -> None:
    for place in ((WORKSPACE, "plan_2"), ("ws_2", "plan_1")):
        with pytest.raises(NotFound), revisions.open(*place):
            pass
