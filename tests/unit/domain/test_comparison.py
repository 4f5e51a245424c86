"""Versions of a breakdown beside each other."""

import msgspec

from app.domain.comparison import compare
from app.domain.plan import Subtask


def step(name: str, **fields: object) -> Subtask:
    return msgspec.structs.replace(Subtask(name, name.upper(), "noop"), **fields)


def test_same_steps_have_no_difference() -> None:
    assert compare([step("a")], [step("a")]).same


def test_added_removed_and_changed_steps_are_told_with_their_fields() -> None:
    before = [step("a"), step("b"), step("c", dependencies=["b"])]
    after = [step("a", title="New", params={"n": 1}), step("c", dependencies=["a"]), step("d")]

    found = compare(before, after)

    assert [one.subtask_id for one in found.added] == ["d"]
    assert [one.subtask_id for one in found.removed] == ["b"]
    told = {one.subtask_id: {f.field: (f.from_, f.to) for f in one.fields} for one in found.changed}
    assert told == {
        "a": {"title": ("A", "New"), "params": ({}, {"n": 1})},
        "c": {"dependencies": (["b"], ["a"])},
    }
    assert found.moved == []
    assert not found.same


def test_order_is_compared_among_common_steps() -> None:
    found = compare([step("a"), step("b"), step("c")], [step("x"), step("b"), step("a")])

    assert found.moved == ["b", "a"]
    assert msgspec.to_builtins(found)["moved"] == ["b", "a"]
