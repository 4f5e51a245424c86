"""Whatever comes in: a plan or a refusal, soon. Nothing here is tuned to a known file."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidPlan
from app.domain.plan import Plan
from tests.unit.decomposer.samples import attempt, packed, read_bytes, run

NAMES = ["plan.md", "plan.csv", "report.html", "plan.json", "plan.zip", "plan.txt", ""]
ROWS = ';,\n "aA1\t|'
MARKS = st.sampled_from(
    [
        *(
            "# ",
            "## ",
            "### Phase 1: ",
            "- ",
            "  - ",
            "1. ",
            "   2) ",
            "[x] ",
            "| ",
            "|\n",
            "|-|-|\n",
        ),
        *("Task 1.2", " after 1.2", "(3 days)", "(after 1)", "depends on ", "Risks", "**b**: "),
        *(
            "\n",
            "\n\n",
            "    ",
            "> ",
            "```\n",
            "<b>",
            "&amp;",
            "`",
            "[a](b)",
            "---\n",
            "\t",
            "é",
            "→",
        ),
        *("Owner: Jo", "Duration: 2-3 h", "\u2028", "[", "](", "!["),
    ]
)
LITERAL = st.sampled_from(
    [
        *("{", "}", "[", "]", ",", ":", '"', "'", "`", "//", "/*", "*/", "\\", "\\u12", "${"),
        *('"tasks"', '"links"', '"id"', "id", '"parent"', '"a"', "1", "-1.", "null", "true", "\n"),
    ]
)
SCHEDULE = st.fixed_dictionaries(
    {
        "tasks": st.lists(
            st.dictionaries(
                st.sampled_from(["id", "text", "parent", "custom_tooltip", "duration", "type"]),
                st.sampled_from(
                    ["a", "b", "c", "A", "", 0, 1, 2.5, None, "<b>x</b><br>y<li>", "-1"]
                ),
            ),
            max_size=8,
        ),
        "links": st.lists(
            st.dictionaries(
                st.sampled_from(["source", "target", "type"]), st.sampled_from(["a", "b", 0, "1"])
            ),
            max_size=5,
        ),
    }
)


def assert_plan_or_refusal(data: bytes, name: str) -> None:
    result = attempt(data, name)
    if isinstance(result, InvalidPlan):
        assert str(result)
        assert result.faults
    else:
        assert result.tasks
        assert b"\\u0000" not in msgspec.json.encode(result)


@given(st.binary(max_size=200), st.sampled_from(NAMES))
def test_any_bytes_give_a_plan_or_a_refusal(data: bytes, name: str) -> None:
    assert_plan_or_refusal(data, name)


@settings(max_examples=300)
@given(st.lists(MARKS, max_size=40).map("".join), st.sampled_from(NAMES))
def test_any_text_with_marks_gives_a_plan_or_a_refusal(text: str, name: str) -> None:
    assert_plan_or_refusal(text.encode(), name)


@given(
    st.text(alphabet=ROWS, max_size=80),
    st.sampled_from(
        ["Level 1;Level 2;Level 3;Level 4;Task ID", "Task,Phase,Step,After", "Task;Hours"]
    ),
)
def test_any_rows_give_a_plan_or_a_refusal(rows: str, head: str) -> None:
    assert_plan_or_refusal(f"{head}\n{rows}".encode(), "plan.csv")


@given(st.lists(LITERAL, max_size=30).map("".join))
def test_any_object_text_gives_a_plan_or_a_refusal(text: str) -> None:
    assert_plan_or_refusal(f"<html>GANTT_DATA_DHTMLX = {{{text}".encode(), "report.html")


@given(SCHEDULE)
def test_any_schedule_gives_a_plan_or_a_refusal(schedule: dict[str, Any]) -> None:
    page = f"<html>GANTT_DATA_DHTMLX = {json.dumps(schedule)};"
    assert_plan_or_refusal(page.encode(), "report.html")


def plan_of(count: int) -> dict[str, Any]:
    tasks = [
        {"task_id": f"t{n}", "title": f"Task {n}", "prerequisites": [f"t{n - 1}"] if n else []}
        for n in range(count)
    ]
    return {"title": "Many", "phases": [{"name": "All", "tasks": tasks}]}


def bars_of(count: int) -> bytes:
    bars = [{"id": "r"}, {"id": "p", "parent": "r"}]
    bars += [{"id": f"t{n}", "text": f"Task {n}", "parent": "p"} for n in range(count)]
    return f"<html>gantt_data = {json.dumps({'tasks': bars})};".encode()


MANY = 10_000
LARGE: dict[str, bytes] = {
    "json": json.dumps(plan_of(MANY)).encode(),
    "md": "".join(f"- Task {n}: do it (2 h, after {n - 1})\n" for n in range(MANY)).encode(),
    "csv": ("Task,After\n" + "".join(f"T{n},T{n - 1}\n" for n in range(MANY))).encode(),
    "wbs.csv": (
        "Level 1;Level 2;Level 3;Level 4;Task ID\nP;;;;r\n;A;;;a\n"
        + "".join(f";;Task {n};;t{n}\n" for n in range(MANY))
    ).encode(),
    "html": bars_of(MANY),
    "zip": packed(
        run(
            wbs_level2=[
                {
                    "id": "p",
                    "major_phase_title": "A",
                    "subtasks": [{"id": f"t{n}", "description": f"Task {n}"} for n in range(MANY)],
                }
            ],
            wbs_level3=[],
            task_dependencies_raw=None,
            task_durations=None,
        )
    ),
}


def timed(data: bytes, name: str, seconds: float) -> Plan | InvalidPlan:
    started = time.process_time()
    result = attempt(data, name)
    assert time.process_time() - started < seconds
    return result


@pytest.mark.parametrize("form", LARGE)
def test_ten_thousand_tasks_are_read_within_two_seconds(form: str) -> None:
    plan = timed(LARGE[form], f"plan.{form}", 2)
    assert isinstance(plan, Plan)
    assert len(plan.tasks) == MANY


@pytest.mark.parametrize(
    "text",
    [
        *(
            "# T\n- " + piece * 300_000
            for piece in ("(", "[", "*", "`", "<", "&", "_a_", "![", "1.", "after 1 ")
        ),
        *(
            "# T\n" + piece * 20_000
            for piece in ("> ", "| a ", "[a]: b\n", "<div>\n", "#", "---\n", "* ")
        ),
        "- a\n" + "  b\n" * 20_000,
        "# T\n## Dependencies\n- " + "after " * 100_000,
        "# T\n- a" + " " * 500_000 + "(after",
        "---\n" + "a: b\n" * 20_000,
        "- (" + "1.1, " * 100_000 + ")",
        "# T\n" + "- Task 1: A (after task 1)\n" * 9_000,
        "# T\n" + "".join(f"{n}. A (after {n - 1})\n" for n in range(1, 9_000)),
        "# T\n" + "- A (after A)\n" * 9_000,
        "x" * 4_000_000,
        "\n" * 4_000_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_text_made_to_be_slow_is_not(text: str) -> None:
    timed(text.encode(), "plan.md", 5)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "GANTT_DATA_DHTMLX = " + piece * 200_000
            for piece in ("[", '{"a":', '"', "'a", "/*", "//", "\\", "a ")
        ),
        "gantt_data " * 100_000,
        "gantt_data" + " " * 500_000,
        "<" * 500_000,
        "<h2>Redline Gate</h2>" * 20_000 + "GANTT_DATA_DHTMLX = {}",
        'GANTT_DATA_DHTMLX = {"tasks": [{"id": 1, "custom_tooltip": "' + "<b>" * 200_000 + '"}]}',
        'GANTT_DATA_DHTMLX = {"tasks": [{"id": 1, "custom_tooltip": "' + "<" * 500_000 + '"}]}',
    ],
    ids=lambda text: repr(text[:40]),
)
def test_page_made_to_be_slow_is_not(text: str) -> None:
    assert isinstance(timed(f"<html>{text}".encode(), "report.html", 5), InvalidPlan)


@pytest.mark.parametrize(
    "text",
    [
        "Level 1;Level 2;Level 3;Level 4;Task ID\n" + piece
        for piece in (";" * 1_000_000, "a\n" * 200_000, ";a" * 300_000)
    ],
    ids=lambda text: repr(text[40:60]),
)
def test_rows_made_to_be_slow_are_not(text: str) -> None:
    assert isinstance(timed(text.encode(), "plan.csv", 5), InvalidPlan)


@pytest.mark.parametrize("text", ["- a\n", "# A\n- a\n  - b\n", "1. a\n"])
def test_a_hundred_thousand_list_items_are_refused_at_once(text: str) -> None:
    with pytest.raises(InvalidPlan, match="more than 60,000 list items"):
        read_bytes((text * 100_000).encode(), "plan.md", max_subtasks=50_000)


@pytest.mark.parametrize("name", ["plan.md", "plan.csv", "report.html", "plan.json"])
def test_larger_file_than_allowed_is_refused(name: str) -> None:
    starts = {"report.html": "<html>", "plan.json": "{", "plan.csv": "Task,Hours\n"}
    result = timed((starts.get(name, "# T\n") + "a" * 40_000_000).encode(), name, 2)
    assert isinstance(result, InvalidPlan)
    assert "larger than 32,000,000 bytes" in str(result)
