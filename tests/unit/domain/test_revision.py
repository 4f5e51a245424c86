"""Operations on breakdowns: edges are mended, and a breakdown stays one that can be executed."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Invalid
from app.domain.graph import find_cycle
from app.domain.operations import read_operations, read_steps
from app.domain.plan import Assignee, Subtask
from app.domain.revision import BY_HAND, Defaults, mend, replace, revise, written

Steps = dict[str, list[Subtask]]


def step(name: str, *waits: str, **more: Any) -> Subtask:
    return Subtask(name, more.pop("title", name.upper()), "noop", dependencies=list(waits), **more)


def chain(*names: str) -> list[Subtask]:
    return [step(name, *([names[place - 1]] if place else [])) for place, name in enumerate(names)]


def edges(steps: Sequence[Subtask]) -> dict[str, list[str]]:
    return {one.subtask_id: one.dependencies for one in steps}


def done(steps: Steps | list[Subtask], *operations: dict[str, Any]) -> Steps:
    plan = steps if isinstance(steps, dict) else {"t": steps}
    asked = read_operations(operations)
    return revise(plan, "t", asked, Defaults(), {"t", "phase"}).steps


def edges_after(steps: Steps | list[Subtask], *operations: dict[str, Any]) -> dict[str, list[str]]:
    return edges(done(steps, *operations)["t"])


def refused(steps: Steps | list[Subtask], *operations: dict[str, Any]) -> str:
    with pytest.raises(Invalid) as caught:
        done(steps, *operations)
    return str(caught.value)


def test_dropping_a_link_joins_its_ends() -> None:
    found = edges_after(chain("a", "b", "c"), {"op": "drop", "subtask_id": "b"})

    assert found == {"a": [], "c": ["a"]}


def test_dropping_mends_what_waits_in_other_tasks() -> None:
    plan = {"t": chain("a", "b"), "u": [step("x", "b"), step("y", "x")], "v": [step("z")]}

    found = done(plan, {"op": "drop", "subtask_id": "b"})

    assert found.keys() == {"t", "u"}
    assert edges(found["u"]) == {"x": ["a"], "y": ["x"]}


def test_last_step_of_a_task_cannot_be_dropped() -> None:
    assert "at least one step" in refused(chain("a"), {"op": "drop", "subtask_id": "a"})


def test_splitting_makes_a_chain_whose_end_keeps_the_id() -> None:
    whole = step("b", "a", success_criteria=["done"], requires_approval=True, params={"n": 1})
    parts = [{"title": "One"}, {"title": "Two", "action": "sign", "assignee": "human"}]

    found = done(
        [step("a"), whole, step("c", "b")], {"op": "split", "subtask_id": "b", "parts": parts}
    )

    one, two = found["t"][1:3]
    assert edges(found["t"]) == {"a": [], "b.1": ["a"], "b": ["b.1"], "c": ["b"]}
    assert (one.title, one.action, one.params, one.requires_approval) == (
        "One",
        "noop",
        {"n": 1},
        True,
    )
    assert (two.action, two.assignee, two.reasons) == ("sign", Assignee.HUMAN, [BY_HAND])
    assert (one.success_criteria, two.success_criteria) == ([], ["done"])


def test_new_ids_keep_clear_of_all_ids_of_the_plan() -> None:
    plan = {"t": chain("a"), "u": [step("a.1")]}
    parts = [{"title": "One"}, {"title": "Two"}]

    found = done(plan, {"op": "split", "subtask_id": "a", "parts": parts})

    assert list(edges(found["t"])) == ["a.2", "a"]


def test_merging_keeps_all_edges_to_the_outside() -> None:
    plan = {
        "t": [step("a", "x"), step("b", "a", "y"), step("c", "b")],
        "u": [step("x"), step("y"), step("z", "a")],
    }

    found = done(plan, {"op": "merge", "subtask_ids": ["b", "a"]})

    assert edges(found["t"]) == {"b": ["x", "y"], "c": ["b"]}
    assert edges(found["u"])["z"] == ["b"]
    assert found["t"][0].title == "A and B"


def test_merged_step_asks_for_all_that_both_asked_for() -> None:
    first = step("a", params={"to": "x", "n": 1}, timeout_hours=6000.0, requires_approval=True)
    second = step("b", "a", params={"to": "y"}, timeout_hours=5000.0, assignee=Assignee.HUMAN)

    (merged,) = done([first, second], {"op": "merge", "subtask_ids": ["a", "b"]})["t"]

    assert merged.params == {"to": "x", "n": 1}
    assert (merged.timeout_hours, merged.requires_approval) == (8760.0, True)
    assert merged.assignee is Assignee.HUMAN


def test_merging_what_asks_for_different_actions_needs_a_decision() -> None:
    steps = [step("a"), Subtask("b", "B", "sign", dependencies=["a"])]
    merge = {"op": "merge", "subtask_ids": ["a", "b"]}

    assert "noop, sign" in refused(steps, merge)
    (merged,) = done(steps, {**merge, "action": "sign", "title": "Both"})["t"]
    assert (merged.action, merged.title) == ("sign", "Both")


def test_only_neighbours_are_merged() -> None:
    steps = chain("a", "b", "c")
    assert "follow each other" in refused(steps, {"op": "merge", "subtask_ids": ["a", "c"]})
    assert "follow each other" in refused(steps, {"op": "merge", "subtask_ids": ["a", "a"]})


@pytest.mark.parametrize(
    ("name", "before", "expected"),
    [
        ("d", "b", ["a", "d", "b", "c"]),
        ("a", None, ["b", "c", "d", "a"]),
        ("b", "a", ["b", "a", "c", "d"]),
        ("b", "b", ["a", "b", "c", "d"]),
        ("b", "c", ["a", "b", "c", "d"]),
    ],
)
def test_moving_in_a_chain_makes_a_chain_in_the_new_order(
    name: str, before: str | None, expected: list[str]
) -> None:
    found = done(chain("a", "b", "c", "d"), {"op": "move", "subtask_id": name, "before": before})

    assert found["t"] == chain(*expected)


def test_moving_what_nobody_waits_for_changes_only_the_order() -> None:
    found = edges_after([step("a"), step("b"), step("c", "a")], {"op": "move", "subtask_id": "b"})

    assert list(found.items()) == [("a", []), ("c", ["a"]), ("b", [])]


def test_what_waits_outside_for_the_end_waits_for_the_new_end() -> None:
    plan = {"t": chain("a", "b"), "u": [step("z", "b")]}

    found = done(plan, {"op": "move", "subtask_id": "b", "before": "a"})

    assert edges(found["t"]) == {"b": [], "a": ["b"]}
    assert edges(found["u"]) == {"z": ["a"]}


def test_added_step_becomes_a_link_of_the_chain() -> None:
    new = {"title": "New", "subtask_id": "n"}

    between = edges_after(chain("a", "b"), {"op": "add", "subtask": new, "before": "b"})
    first = edges_after(chain("a", "b"), {"op": "add", "subtask": new, "before": "a"})
    last = edges_after(chain("a", "b"), {"op": "add", "subtask": {"title": "New"}})

    assert between == {"a": [], "n": ["a"], "b": ["n"]}
    assert first == {"n": [], "a": ["n"], "b": ["a"]}
    assert last == {"a": [], "b": ["a"], "t_s1": ["b"]}


def test_added_step_with_dependencies_of_its_own_changes_no_other() -> None:
    new = {"title": "New", "subtask_id": "n", "dependencies": []}

    found = edges_after(chain("a", "b"), {"op": "add", "subtask": new, "before": "b"})

    assert found == {"a": [], "n": [], "b": ["a"]}


@pytest.mark.parametrize("taken", ["a", "x", "t", "phase", "no id", "-"])
def test_added_step_cannot_bear_an_id_that_is_taken_or_none(taken: str) -> None:
    plan = {"t": chain("a"), "u": [step("x")]}
    add = {"op": "add", "subtask": {"title": "New", "subtask_id": taken}}

    assert "taken" in refused(plan, add) or "is no id" in refused(plan, add)


def test_edited_fields_change_and_others_stay() -> None:
    edit = {"op": "edit", "subtask_id": "b", "title": "New", "timeout_hours": 2}

    found = done([step("a"), step("b", "a", reasons=["rule"])], edit)

    assert found["t"][1] == step("b", "a", title="New", timeout_hours=2.0, reasons=["rule"])


def test_params_that_repeat_the_words_of_a_step_follow_them() -> None:
    repeated = {"title": "A", "description": "Long", "n": 1}
    steps = [step("a", description="Long", params=repeated), step("b", params={"title": "Other"})]

    edited = {"op": "edit", "title": "New", "description": "Longer"}
    with_params = {**edited, "subtask_id": "a", "params": repeated}
    first, second = done(steps, {**edited, "subtask_id": "a"}, {**edited, "subtask_id": "b"})["t"]
    split = {"op": "split", "subtask_id": "a", "parts": [{"title": "x"}, {"title": "y"}]}

    assert first.params == {"title": "New", "description": "Longer", "n": 1}
    assert second.params == {"title": "Other"}
    assert done(steps, with_params)["t"][0].params == first.params
    assert [one.params["title"] for one in done(steps, split)["t"][:2]] == ["x", "y"]


def test_decision_of_a_person_takes_the_place_of_reasons() -> None:
    steps = [step("a", reasons=["by a rule"])]

    kept = done(steps, {"op": "edit", "subtask_id": "a", "action": "noop"})["t"][0]
    decided = done(steps, {"op": "edit", "subtask_id": "a", "action": "call"})["t"][0]

    assert (kept.reasons, decided.reasons) == (["by a rule"], [BY_HAND])


def test_edited_dependencies_decide_the_order() -> None:
    edit = {"op": "edit", "subtask_id": "a", "dependencies": ["c"]}
    free = {"op": "edit", "subtask_id": "b", "dependencies": []}

    assert list(edges_after(chain("a", "b", "c"), free, edit)) == ["b", "c", "a"]


def test_circle_is_refused_and_named() -> None:
    told = refused(chain("a", "b", "c"), {"op": "edit", "subtask_id": "a", "dependencies": ["c"]})

    assert "a waits for c waits for b waits for a" in told


def test_refusal_names_the_operation_and_nothing_is_changed() -> None:
    steps = chain("a", "b")
    operations = [{"op": "drop", "subtask_id": "a"}, {"op": "drop", "subtask_id": "z"}]

    with pytest.raises(Invalid) as caught:
        done(steps, *operations)

    assert [fault.where for fault in caught.value.faults] == ["operations[1]"]
    assert steps == chain("a", "b")


def test_too_many_steps_are_refused() -> None:
    steps = chain(*(f"s{number}" for number in range(200)))

    assert "1 to 200" in refused(steps, {"op": "add", "subtask": {"title": "One more"}})


def nested(depth: int) -> dict[str, Any]:
    return {"n": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("operation", "where"),
    [
        ({"op": "explode"}, "operations[0].op"),
        ({}, "operations[0]"),
        (5, "operations[0]"),
        ({"op": "edit", "subtask_id": "a", "title": " "}, "operations[0].title"),
        ({"op": "edit", "subtask_id": "a", "colour": 1}, "operations[0]"),
        ({"op": "edit", "subtask_id": "a", "timeout_hours": 0}, "operations[0].timeout_hours"),
        ({"op": "split", "subtask_id": "a", "parts": [{"title": "x"}]}, "operations[0].parts"),
        ({"op": "edit", "subtask_id": "a", "params": nested(40)}, "operations[0]"),
        (
            {"op": "merge", "subtask_ids": ["a", "b"], "dependencies": []},
            "operations[0].dependencies",
        ),
    ],
)
def test_operation_that_cannot_be_read_is_named(operation: Any, where: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_operations([{"op": "drop", "subtask_id": "a"}, operation])

    (fault,) = caught.value.faults
    assert fault.where == where.replace("[0]", "[1]", 1)
    assert fault.message


def test_written_steps_run_in_written_order_where_nothing_is_said() -> None:
    raw = [
        {"title": "One"},
        {"title": "Two", "action": "call"},
        {"title": "Three", "subtask_id": "mine", "prerequisites": []},
    ]

    made = written(read_steps(raw), "t", Defaults(timeout_hours=3), {"t_s1"})

    assert edges(made) == {"t_s2": [], "t_s3": ["t_s2"], "mine": []}
    assert [one.action for one in made] == ["perform_task", "call", "perform_task"]
    assert made[0].timeout_hours == 3


def test_written_ids_that_are_taken_or_repeated_are_named() -> None:
    raw = [{"title": "x", "subtask_id": name} for name in ("a", "a", "b", "no id")]

    with pytest.raises(Invalid) as caught:
        written(read_steps(raw), "t", Defaults(), {"b"})

    faults = {fault.where: fault.message for fault in caught.value.faults}
    assert faults.keys() == {"subtasks.a", "subtasks.b", "subtasks.no id"}


def test_who_waited_for_replaced_steps_waits_for_the_ends_of_the_new_ones() -> None:
    plan = {"t": chain("a", "b"), "u": [step("x", "a"), step("y", "b")]}

    found = replace(plan, "t", [step("b"), step("c"), step("d", "b")]).steps

    assert edges(found["u"]) == {"x": ["c", "d"], "y": ["b"]}


def test_replacing_step_whose_id_is_taken_elsewhere_gets_another() -> None:
    plan = {"t": chain("a"), "u": [step("x")]}

    found = replace(plan, "t", [step("x"), step("z", "x")]).steps

    assert edges(found["t"]) == {"x.1": [], "z": ["x.1"]}


NAMES = [*"abcdef"]


@st.composite
def plans(draw: st.DrawFn) -> Steps:
    """A plan of two tasks whose edges all lead to what is written before, over both tasks."""
    found: Steps = {"t": [], "u": []}
    for place, name in enumerate(NAMES):
        waits = draw(st.lists(st.sampled_from(NAMES[:place]), unique=True)) if place else []
        found["t" if place < 4 else "u"].append(step(name, *waits))
    return found


INDEX = st.integers(0, 30)
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["drop", "split", "merge", "move", "add", "edit"]), INDEX, INDEX),
    max_size=8,
)


def asked(kind: str, names: list[str], one: int, other: int) -> dict[str, Any]:
    """Make an operation on steps there are; some of them make no sense."""
    name, before = names[one % len(names)], names[other % len(names)]
    rest: dict[str, dict[str, Any]] = {
        "drop": {"subtask_id": name},
        "split": {"subtask_id": name, "parts": [{"title": str(n)} for n in range(2 + other % 3)]},
        "merge": {"subtask_ids": names[one % len(names) :][:2] * 2, "action": "noop"},
        "move": {"subtask_id": name, "before": before if other % 5 else None},
        "add": {"subtask": {"title": "New"}, "before": before if other % 5 else None},
        "edit": {"subtask_id": name, "dependencies": [before]},
    }
    return {"op": kind, **rest[kind]}


@given(plans(), OPERATIONS)
def test_any_operations_keep_a_breakdown_executable(
    plan: Steps, wanted: list[tuple[str, int, int]]
) -> None:
    for kind, one, other in wanted:
        names = [each.subtask_id for each in plan["t"]]
        try:
            plan = plan | done(plan, asked(kind, names, one, other))
        except Invalid:
            continue
        own = [each.subtask_id for each in plan["t"]]
        everybody = [each.subtask_id for steps in plan.values() for each in steps]
        assert own
        assert len(set(everybody)) == len(everybody)
        for steps in plan.values():
            for each in steps:
                assert set(each.dependencies) <= set(everybody) - {each.subtask_id}
                assert len(set(each.dependencies)) == len(each.dependencies)
        assert find_cycle({name: edges(plan["t"])[name] for name in own}) is None
        for place, each in enumerate(plan["t"]):
            assert set(each.dependencies) & set(own) <= set(own[:place])


def test_steps_of_tasks_that_stayed_wait_for_the_ends_of_what_is_new_elsewhere() -> None:
    before = {"t": chain("a", "b"), "u": [step("x", "b"), step("y", "x")], "v": chain("z")}
    after = {**before, "t": [step("c"), step("d"), step("e", "c")]}

    found = mend(before, after)

    assert {name: edges(steps) for name, steps in found.items()} == {
        "u": {"x": ["d", "e"], "y": ["x"]}
    }
    assert mend(before, before) == {}
