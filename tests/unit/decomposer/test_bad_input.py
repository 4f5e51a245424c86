"""What is no plan: refused with a sentence, and a fault that says where."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidPlan
from tests.unit.decomposer.samples import (
    T1,
    T2,
    T3,
    attempt,
    edges,
    needs,
    packed,
    read_bytes,
    read_document,
    read_run,
    run,
    told,
)

PLAN: dict[str, Any] = {"title": "x", "phases": [{"name": "A", "tasks": [{"title": "a"}]}]}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("plan.zip", b"hello", "is no zip archive"),
        ("plan.zip", b"", "is empty"),
        ("plan.bin", b"\x00\x01\x02", "is no text: byte 0x00 at offset 0"),
        ("plan.md", "# Café\n- a".encode("latin-1"), "not UTF-8: byte 0xe9 at offset 5"),
        ("plan.csv", "Task,Hours\nCafé,1".encode("latin-1"), "not UTF-8: byte 0xe9 at offset 14"),
        ("report.html", "<html>Café".encode("latin-1"), "not UTF-8: byte 0xe9 at offset 9"),
        ("plan.md", "# Café\n- a".encode("utf-16"), "not UTF-8 but UTF-16 or UTF-32"),
        ("plan.md", "# Café\n- a".encode("utf-16-be"), "looks like UTF-16: save it as UTF-8"),
        ("plan.csv", "Task,Hours\n".encode("utf-16-le"), "looks like UTF-16: save it as UTF-8"),
        ("plan.md", b"# A\n- b\0c" + b"d" * 5000, "is no text: byte 0x00 at offset 7"),
        ("plan.md", b" \n\t\n", "is empty"),
        ("plan.zip", b"PK\x05\x06", "archive is broken"),
        ("plan.json", b'"text"', "JSON of another shape"),
        ("plan.json", b"7", "JSON of another shape"),
        ("plan.json", b"nonsense", "not JSON: Expecting value in line 1"),
        ("plan.json", b'{"title": ', "not JSON: Expecting value in line 1, column 11"),
        ("plan.json", b"[]", "JSON of another shape"),
        ("plan.json", b'[{"major_phase_title": "A"}]', "wbs_level2.json alone"),
        ("plan.json", b"[1]", "got a list"),
        ("plan.json", '{"title": "Café"}'.encode("latin-1"), "not UTF-8: byte 0xe9"),
        ("plan.json", json.dumps(PLAN).encode("utf-16"), "not UTF-8: byte 0xff"),
        ("plan.json", b"[" * 100_000, "nested deeper"),
        ("plan.json", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested deeper"),
        ("plan.json", b'{"a":' * 70 + b"1" + b"}" * 70, "nested deeper than 64"),
        ("plan.json", b'{"title": NaN}', "NaN is no JSON number"),
        ("plan.json", b'{"title": 1e999}', "too large"),
        ("plan.json", b'{"title": ' + b"9" * 5000 + b"}", "is not JSON"),
        ("report.html", b"<!doctype html>", "an HTML page without a work breakdown"),
        ("plan.csv", b"Level 1;Level 2;Level 3\n", "no column of tasks among 'Level 1'"),
        ("plan.md", b"# Kiosk\n", "no headings with lists"),
    ],
)
def test_file_that_is_no_plan_is_refused(name: str, data: bytes, message: str) -> None:
    with pytest.raises(InvalidPlan, match=message) as caught:
        read_bytes(data, name)
    assert caught.value.faults


@pytest.mark.parametrize("document", [None, 7, "text", [], [{"parent_id": 1}], True])
def test_document_of_another_shape_is_refused(document: object) -> None:
    with pytest.raises(InvalidPlan, match="another shape"):
        read_document(document)


def test_document_nested_too_deep_is_refused() -> None:
    document: dict[str, Any] = {}
    for _ in range(5_000):
        document = {"x": document}
    with pytest.raises(InvalidPlan, match="nested deeper"):
        read_document(document)


@pytest.mark.parametrize(
    ("stem", "content", "where"),
    [
        ("wbs_level2", b"{", "wbs_level2.json"),
        ("wbs_level2", {"phases": []}, "wbs_level2.json"),
        ("wbs_level2", [{"id": "p", "major_phase_title": "A"}], "wbs_level2.json[0].subtasks"),
        ("wbs_level2", [{"id": [], "subtasks": []}], "wbs_level2.json[0].id"),
        ("wbs_level3", [{"name": "x"}], "wbs_level3.json[0].parent_id"),
        ("wbs_level3", [{"name": 1, "parent_id": T1}], "wbs_level3.json[0].name"),
        ("wbs_level1", [1], "wbs_level1.json"),
        ("task_dependencies_raw", [], "task_dependencies_raw.json"),
        (
            "task_dependencies_raw",
            edges({"dependent_task_id": T1, "depends_on_task_id_list": T2}),
            "task_dependencies_raw.json.task_dependency_details[0].depends_on_task_id_list",
        ),
        ("task_durations", {"a": 1}, "task_durations.json"),
    ],
)
def test_run_of_another_shape_is_refused_with_the_place(
    stem: str, content: object, where: str
) -> None:
    with pytest.raises(InvalidPlan) as caught:
        read_run(None, **{stem: content})
    assert where in {fault.where for fault in caught.value.faults}


@pytest.mark.parametrize("document", [{"wbs_project": []}, {"wbs_project": {"task_children": {}}}])
def test_tree_of_another_shape_is_refused(document: object) -> None:
    with pytest.raises(InvalidPlan, match="wbs_project"):
        read_document(document)


def test_run_without_tasks_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="no tasks"):
        read_run(wbs_level2=[])


def test_run_with_a_cycle_is_refused_and_names_the_tasks() -> None:
    rows = edges(needs(T1, T3), needs(T3, T2), needs(T2, T1))
    with pytest.raises(InvalidPlan, match=r"'Find a place'.*waits for.*'Put it up'") as caught:
        read_run(task_dependencies_raw=rows)
    assert len(caught.value.faults) == 3


def test_run_over_the_limits_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="3 tasks, allowed are 2"):
        read_run({"max_tasks": 2})


def test_byte_order_mark_is_no_fault() -> None:
    assert read_bytes(b"\xef\xbb\xbf" + json.dumps(PLAN).encode(), "p.json").title == "x"


def test_text_that_cannot_be_stored_is_replaced_and_told() -> None:
    files = run()
    files["wbs_level3.json"][0]["description"] = "a\0b\ud800c"
    plan = read_bytes(packed(files))
    assert plan.tasks[0].written_subtasks[0].description == "a\ufffdb\ufffdc"
    assert told(plan, "unstorable-text")[0].where == "wbs_level3.json[0].description"


def test_unstorable_names_of_fields_are_replaced_too() -> None:
    subtask = {"title": "s", "action": "x", "params": {"a\0": ["\ud800"], "n": 1.5, "😀": "😀"}}
    document = {
        "title": "x",
        "phases": [{"name": "A", "tasks": [{"title": "a", "subtasks": [subtask]}]}],
    }
    plan = read_document(document)
    params = plan.tasks[0].written_subtasks[0].params
    assert params == {"a\ufffd": ["\ufffd"], "n": 1.5, "😀": "😀"}
    assert len(told(plan, "unstorable-text")) == 2
    assert b"\\u0000" not in msgspec.json.encode(plan)


def test_infinite_number_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="too large"):
        read_document(PLAN | {"goal": float("inf")})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["title", "phases", "tasks", "wbs_project", "task_children", "id"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_document_gives_another_error_than_invalid_plan(document: object) -> None:
    with pytest.raises(InvalidPlan) as caught:
        read_document(document)
    assert caught.value.faults


@given(st.sampled_from(sorted(run())), JSON)
def test_no_file_content_gives_another_error_than_invalid_plan(name: str, content: object) -> None:
    result = attempt(packed(run() | {name: content}))
    assert result.faults if isinstance(result, InvalidPlan) else result.phases
