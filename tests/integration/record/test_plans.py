import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from sqlalchemy import Engine, event

from app.domain.errors import Invalid, NotFound
from app.domain.plan import Gates, Phase, Plan, PlanSort, PlanStatus, PlanWarning
from app.domain.states import ExecutionStatus
from app.record.batches import Batch, BatchWriter
from app.record.errors import AlreadyExists, StillReferenced
from app.record.executions import Executions
from app.record.identities import Identities
from app.record.plans import Plans, StoredPlan
from tests.computing import computes_within

from .builders import WORKSPACE, make_header, make_plan


def test_plan_comes_back_as_it_was_given(plans: Plans) -> None:
    plan = make_plan(
        gates=Gates(redline="ALLOW"),
        warnings=[PlanWarning("dangling-id", "no such task", "row 3", "\u0000")],
        context={"team": [{"id": 1, "count": "min 2"}]},
    )
    # A phase without tasks is part of a plan too, and ids of phases may repeat.
    plan = msgspec.structs.replace(plan, phases=[Phase("phase_0", "Empty"), *plan.phases])
    plans.add(WORKSPACE, plan, PlanStatus.DECOMPOSING, "user_1")
    stored = plans.get(WORKSPACE, "plan_1")
    assert stored
    assert stored.plan == plan
    assert (stored.status, stored.created_by) == (PlanStatus.DECOMPOSING, "user_1")
    assert (stored.status_message, stored.decomposition_version) == ("", 0)
    assert stored.created_at.tzinfo is dt.UTC
    assert list(stored.plan.tasks[0].context) == ["b", "a"]


def test_plan_of_an_id_that_is_taken_is_refused_whole(plans: Plans, plan: Plan) -> None:
    with pytest.raises(AlreadyExists):
        plans.add(WORKSPACE, make_plan(tasks=9), PlanStatus.READY, "user_2")
    stored = plans.get(WORKSPACE, "plan_1")
    assert stored
    assert stored.plan == plan


def importing(plans: Plans) -> StoredPlan:
    """Store a plan that is being imported, as it is read again."""
    plans.add(WORKSPACE, Plan("plan_1", "Asked for", []), PlanStatus.IMPORTING, "user_1")
    stored = plans.get(WORKSPACE, "plan_1")
    assert stored
    return stored


def test_plan_takes_the_place_of_the_one_being_imported_with_its_tasks(plans: Plans) -> None:
    seen, plan = importing(plans), make_plan()
    assert plans.rewrite(WORKSPACE, seen, plan, PlanStatus.DECOMPOSING, "Here it is.")
    stored = plans.get(WORKSPACE, "plan_1")
    assert stored
    assert (stored.plan, stored.status) == (plan, PlanStatus.DECOMPOSING)
    assert (stored.status_message, stored.created_by) == ("Here it is.", "user_1")
    assert stored.created_at == seen.created_at
    assert plans.page(WORKSPACE).items[0].tasks_total == len(plan.tasks)


def test_plan_rewritten_while_it_is_read_is_read_as_it_was(plans: Plans, engine: Engine) -> None:
    seen = importing(plans)

    def rewrite(*_: object) -> None:
        arguments = (WORKSPACE, seen, make_plan(), PlanStatus.DECOMPOSING)
        with ThreadPoolExecutor(1) as other:
            other.submit(plans.rewrite, *arguments).result()

    # Runs between the reader's first query and its second.
    event.listen(engine, "after_cursor_execute", rewrite, once=True)
    assert plans.get(WORKSPACE, "plan_1") == seen
    now = plans.get(WORKSPACE, "plan_1")
    assert now
    assert now.plan == make_plan()


def test_only_the_first_of_two_who_saw_the_same_rewrites(plans: Plans) -> None:
    seen = importing(plans)
    assert plans.rewrite(WORKSPACE, seen, seen.plan, PlanStatus.IMPORTING, "first")
    assert not plans.rewrite(WORKSPACE, seen, make_plan(), PlanStatus.DECOMPOSING)
    stored = plans.get(WORKSPACE, "plan_1")
    assert stored
    assert (stored.status_message, stored.plan.phases) == ("first", [])


def test_imports_that_made_no_step_are_named(plans: Plans) -> None:
    stored = importing(plans)
    later = stored.updated_at + dt.timedelta(seconds=1)
    assert plans.importing(later) == [(WORKSPACE, "plan_1")]
    assert plans.importing(stored.updated_at) == []


def test_text_that_cannot_be_stored_is_refused_whole(plans: Plans) -> None:
    plan = make_plan()
    bad = msgspec.structs.replace(plan.tasks[0], title="a\0b")
    phases = [*plan.phases, Phase("p", "P", [msgspec.structs.replace(bad, task_id="t")])]
    with pytest.raises(Invalid, match="cannot be stored"):
        plans.add(WORKSPACE, msgspec.structs.replace(plan, phases=phases), PlanStatus.READY, "u")
    assert plans.get(WORKSPACE, "plan_1") is None


def test_workspaces_may_use_one_id_and_do_not_see_each_other(
    plans: Plans, plan: Plan, identities: Identities
) -> None:
    identities.create_workspace("ws_2", "Second")
    assert plans.get("ws_2", plan.plan_id) is None
    assert plans.delete("ws_2", plan.plan_id) is False
    other = make_plan(tasks=1)
    plans.add("ws_2", other, PlanStatus.READY, "user_2")
    first, second = plans.get(WORKSPACE, plan.plan_id), plans.get("ws_2", plan.plan_id)
    assert first
    assert first.plan == plan
    assert second
    assert second.plan == other


def test_plan_of_an_unknown_workspace_is_refused(plans: Plans) -> None:
    with pytest.raises(NotFound):
        plans.add("ws_unknown", make_plan(), PlanStatus.READY, "user_1")


def test_pages_list_every_plan_once_newest_first(plans: Plans) -> None:
    ids = [f"plan_{number}" for number in range(7)]
    for plan_id in ids:
        plans.add(WORKSPACE, make_plan(plan_id, tasks=1), PlanStatus.READY, "user_1")
    seen: list[str] = []
    cursor = None
    for expected in (3, 3, 1):
        page = plans.page(WORKSPACE, limit=3, cursor=cursor)
        assert len(page.items) == expected
        seen += [item.plan_id for item in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == ids[::-1]
    assert plans.page(WORKSPACE, limit=7).next_cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "é", "bnVsbA", "WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwiYSJd"])
def test_cursor_that_no_list_gave_is_refused(plans: Plans, cursor: str) -> None:
    with pytest.raises(Invalid) as refusal:
        plans.page(WORKSPACE, cursor=cursor)
    assert refusal.value.faults[0].where == "cursor"


def test_plans_are_listed_by_status_and_by_agent(plans: Plans, plan: Plan, engine: Engine) -> None:
    by_task = make_plan("plan_2", phases=1, tasks=1)
    task = msgspec.structs.replace(by_task.tasks[0], agent_id="agent_2")
    phases = [msgspec.structs.replace(by_task.phases[0], tasks=[task])]
    plans.add(
        WORKSPACE, msgspec.structs.replace(by_task, phases=phases), PlanStatus.READY, "user_1"
    )
    Executions(engine).add(make_header(agent_id="agent_1"), "user_1", b"graph")

    def ids(status: PlanStatus | None = None, assigned_to: str | None = None) -> list[str]:
        page = plans.page(WORKSPACE, status=status, assigned_to=assigned_to)
        return [item.plan_id for item in page.items]

    assert ids() == ["plan_2", plan.plan_id]
    assert ids(status=PlanStatus.READY) == ["plan_2"]
    assert ids(assigned_to="agent_1") == ["plan_1"]
    assert ids(assigned_to="agent_2") == ["plan_2"]
    assert ids(assigned_to="agent_2", status=PlanStatus.FAILED) == []


def test_status_is_noted_with_its_reason(plans: Plans, plan: Plan) -> None:
    plans.set_status(WORKSPACE, plan.plan_id, PlanStatus.FAILED, "no model answered")
    [summary] = plans.page(WORKSPACE).items
    assert (summary.status, summary.status_message) == (PlanStatus.FAILED, "no model answered")
    assert summary.updated_at > summary.created_at
    assert (summary.title, summary.tasks_total) == (plan.title, 6)
    with pytest.raises(NotFound):
        plans.set_status(WORKSPACE, "plan_unknown", PlanStatus.READY)


def test_versions_are_counted_without_repeats(plans: Plans, plan: Plan) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = pool.map(plans.next_version, [WORKSPACE] * 20, [plan.plan_id] * 20)
    assert sorted(versions) == list(range(1, 21))
    with pytest.raises(NotFound):
        plans.next_version("ws_2", plan.plan_id)


def test_plan_is_kept_while_an_execution_is_live(plans: Plans, plan: Plan, engine: Engine) -> None:
    executions = Executions(engine)
    executions.add(make_header(), "user_1", b"graph")
    with pytest.raises(StillReferenced):
        plans.delete(WORKSPACE, plan.plan_id)
    ended = make_header(seq=1, status=ExecutionStatus.COMPLETED)
    BatchWriter(engine).write(Batch(headers=[ended]))
    assert plans.delete(WORKSPACE, plan.plan_id)
    assert plans.get(WORKSPACE, plan.plan_id) is None
    assert executions.get(WORKSPACE, "exec_1") == ended


def test_ten_thousand_tasks_are_stored_and_read_within_two_seconds(plans: Plans) -> None:
    plan = make_plan(phases=10, tasks=1000)
    with computes_within(2):
        plans.add(WORKSPACE, plan, PlanStatus.READY, "user_1")
        stored = plans.get(WORKSPACE, plan.plan_id)
    assert stored
    assert stored.plan == plan


def test_plans_are_found_by_a_text_in_title_or_goal(plans: Plans) -> None:
    for name, title, goal in [("a", "100% Tea", ""), ("b", "Kiosk", "sell TEA"), ("c", "100x", "")]:
        plan = msgspec.structs.replace(make_plan(name), title=title, goal=goal)
        plans.add(WORKSPACE, plan, PlanStatus.READY, "user_1")

    def found(text: str) -> list[str]:
        return [one.plan_id for one in plans.page(WORKSPACE, search=text).items]

    assert sorted(found("tea")) == ["a", "b"]
    assert found("100%") == ["a"]
    assert found("coffee") == []


def test_plans_are_listed_by_their_last_change(plans: Plans) -> None:
    for name in ("a", "b", "c"):
        plans.add(WORKSPACE, make_plan(name), PlanStatus.DECOMPOSING, "user_1")
    plans.set_status(WORKSPACE, "a", PlanStatus.READY)

    first = plans.page(WORKSPACE, sort=PlanSort.CHANGED, limit=2)
    rest = plans.page(WORKSPACE, sort=PlanSort.CHANGED, limit=2, cursor=first.next_cursor)

    assert [one.plan_id for one in [*first.items, *rest.items]] == ["a", "c", "b"]
    assert [one.plan_id for one in plans.page(WORKSPACE).items] == ["c", "b", "a"]
