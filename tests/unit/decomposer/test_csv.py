"""CSV: the export of a run, whole and broken, and tables of tasks."""

import pytest

from app.domain.errors import InvalidPlan
from app.domain.plan import Plan
from tests.unit.decomposer.samples import codes, read_bytes, told

HEAD = "Level 1;Level 2;Level 3;Level 4;Task ID\n"
KIOSK = (
    HEAD + "Kiosk;;;;r\n;Plan;;;p1\n;;Find;;t1\n;;;Look;s1\n;;;Ask;s2\n;Build;;;p2\n;;Hammer;;t2\n"
)


def read(text: str, name: str = "plan.csv") -> Plan:
    return read_bytes(text.encode(), name)


def titles(plan: Plan) -> list[tuple[str, list[str]]]:
    return [(task.title, [one.title for one in task.written_subtasks]) for task in plan.tasks]


@pytest.mark.parametrize(
    "text", [KIOSK, KIOSK.replace("\n", "\r\n"), "\ufeff\n" + KIOSK, KIOSK.replace(";", ",")]
)
def test_export_is_read_with_its_ids(text: str) -> None:
    plan = read(text)
    assert plan.title == "Kiosk"
    assert [phase.phase_id for phase in plan.phases] == ["p1", "p2"]
    assert [task.task_id for task in plan.tasks] == ["t1", "t2"]
    assert titles(plan) == [("Find", ["Look", "Ask"]), ("Hammer", [])]
    assert codes(plan) == {"missing-context", "unconnected-tasks"}


@pytest.mark.parametrize(
    ("row", "kept", "where"),
    [
        (";;Find; a place;;t9\n", "Find; a place", "line 4"),
        (";;a;b;c;;t9\n", "a;b;c", "line 4"),
        (";;Find\na place;;t9\n", "Find\na place", "line 4"),
    ],
)
def test_title_that_breaks_its_row_is_kept_and_told(row: str, kept: str, where: str) -> None:
    plan = read(KIOSK.replace(";;Find;;t1\n", row))
    assert (plan.tasks[0].title, plan.tasks[0].task_id) == (kept, "t9")
    assert [warning.where for warning in told(plan, "broken-row")] == [where]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (";;;;x\n", "no title"),
        (";;Find", "not whole"),
        ("cut;off\n;Last;;;p9\n", "not whole"),
        ("Other;;;;r2\n", "second plan"),
    ],
)
def test_row_that_cannot_be_read_is_dropped_and_told(row: str, message: str) -> None:
    plan = read(KIOSK + row)
    (warning,) = told(plan, "broken-row")
    assert message in warning.message
    assert warning.where == "line 9"
    assert len(plan.tasks) == 2


def test_row_without_its_level_above_is_dropped_and_told() -> None:
    plan = read(HEAD + ";;;Too deep;s\nKiosk;;;;r\n;P;;;p\n;;T;;t\n")
    assert told(plan, "broken-row")[0].value == "Too deep"
    assert titles(plan) == [("T", [])]


def test_one_id_for_two_items_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="duplicate id 't1'") as caught:
        read(KIOSK + ";;Again;;t1\n")
    assert caught.value.faults[0].where == "line 9"


def test_quote_characters_belong_to_the_text() -> None:
    assert titles(read(KIOSK.replace("Look", '"Look" around')))[0][1][0] == '"Look" around'


TABLE = (
    "Nr,Phase,Task,Step,Depends on,Duration,Owner,Done,Notes\n"
    '1,Plan,"Find, or build",Look,,3 days,Jo,,near the lake\n'
    '1,Plan,"Find, or build",Ask,,,,,\n'
    "2,Plan,Permit,,1,4 h,Anna,x,\n"
    '3,Build,Hammer,,"Permit; Find, or build",,,no,\n'
)


def test_table_of_tasks_is_read_by_its_headings() -> None:
    plan = read(TABLE.replace('1,Plan,"Find, or build",Ask', ',Plan,"Find, or build",Ask'))
    assert [phase.name for phase in plan.phases] == ["Plan", "Build"]
    assert titles(plan) == [("Find, or build", ["Look", "Ask"]), ("Permit", []), ("Hammer", [])]
    first, second, third = plan.tasks
    assert (first.estimate.realistic_hours, first.estimate.derived) == (24, True)
    assert (first.assignee_role, first.description) == ("Jo", "near the lake")
    assert (second.prerequisites, second.estimate.realistic_hours) == (["task_1_1"], 4)
    assert third.prerequisites == ["task_1_2", "task_1_1"]
    assert told(plan, "marked-done")[0].value == "Permit"


def test_name_of_the_file_stands_for_a_title() -> None:
    plan = read("Task\tHours\nBuy cake\t2\n", "party.csv")
    assert (plan.title, plan.tasks[0].estimate.realistic_hours) == ("party", 2)
    assert told(plan, "missing-title")[0].suggestion == "party"


def test_rows_of_another_length_are_told() -> None:
    plan = read("Task,Hours\nA,1,2\nB\n")
    assert [warning.where for warning in told(plan, "broken-row")] == ["line 2", "line 3"]


def test_duration_and_reference_that_are_not_known_are_told() -> None:
    plan = read("Task,Hours,After\nA,soon,\nB,,Z\n")
    assert told(plan, "unreadable-duration")[0].value == "soon"
    assert told(plan, "dangling-id")[0].value == "Z"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo;bar;baz\n1;2;3\n", "no column of tasks among 'foo', 'bar', 'baz'"),
        (HEAD, "no tasks"),
        ('Task,Hours\n"A,1\n', "unexpected end of data"),
        (f"Task,Hours\n{'x' * 200_000},1\n", "field larger than"),
    ],
)
def test_table_that_is_no_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidPlan, match=message) as caught:
        read(text)
    assert caught.value.faults
