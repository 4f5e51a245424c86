"""Values of any shape for people, and the results that a decision builds on."""

import pytest
from flask.testing import FlaskClient

from app.dashboard.before import came_before
from app.dashboard.values import DEEPEST, MOST_COLUMNS, MOST_ROWS, laid_out
from tests.unit.dashboard.fakes import HOSTILE, NOON, FakeServices, subtask, task, tree


def test_records_are_a_table_with_a_column_for_every_name() -> None:
    found = laid_out([{"name": "Mo", "score": 7}, {"name": "Jo", "tags": ["a"]}])
    assert found.kind == "table"
    assert found.columns == ("name", "score", "tags")
    assert found.rows == [["Mo", "7", ""], ["Jo", "", '["a"]']]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", "text"),
        (None, "text"),
        ([], "text"),
        ({}, "text"),
        ({"a": 1}, "facts"),
        ([1, {"a": 1}], "list"),
        ([{"a": 1}], "list"),
        ([{str(name): 1 for name in range(MOST_COLUMNS + 1)}] * 2, "list"),
    ],
)
def test_each_shape_is_laid_out_in_its_way(value: object, kind: str) -> None:
    assert laid_out(value).kind == kind


def test_long_and_deep_values_are_cut_and_said_to_be() -> None:
    assert laid_out(list(range(MOST_ROWS + 3))).more == 3
    deep: object = "x"
    for _ in range(500):
        deep = {"in": deep}
    found = laid_out(deep)
    for _ in range(DEEPEST):
        found = found.rows[0][1]
    assert found.kind == "text"


def test_results_of_prerequisites_are_shown_to_who_has_to_decide(
    browser: FlaskClient, services: FakeServices
) -> None:
    made = {"rows": 10, "evidence": [{"name": "top.csv", "file_id": "file_1"}], "note": HOSTILE}
    done = subtask("1.1.1", "COMPLETED", title="Rank them", result=made, completed_at=NOON)
    first = task("1.1", "COMPLETED", [done])
    last = task("1.2", "BLOCKED", [subtask("1.2.1", "BLOCKED")]) | {"prerequisites": ["1.1"]}
    services.executions.shape["phases"][0]["tasks"] = [first, last]
    text = browser.get("/executions/exec_1/items/1.2.1").text
    before = text.split("What came before")[1]
    assert "Rank them" in before
    assert 'href="/api/files/file_1"' in before
    assert HOSTILE not in text


def test_only_what_is_waited_for_and_has_a_result_came_before() -> None:
    shape = tree()
    rows = [
        subtask("a", "COMPLETED", result="A", completed_at="1"),
        subtask("b", "COMPLETED", result="B", completed_at="2"),
        subtask("c", "SKIPPED", result=None),
    ]
    shape["phases"][0]["tasks"] = [task("1", "COMPLETED", rows)]
    item = {"task": {"prerequisites": []}, "after": [{"item_id": "b"}, {"item_id": "c"}]}
    assert [one["item_id"] for one in came_before(item, shape)] == ["b"]
    everything = {"task": {"prerequisites": ["1"]}}
    assert [one["item_id"] for one in came_before(everything, shape)] == ["b", "a"]
