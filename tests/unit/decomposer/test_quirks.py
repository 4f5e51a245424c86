"""Each oddity seen in real runs: one small run that has it, and the warning it must give."""

import json
from typing import Any

import pytest

from app.domain.errors import InvalidPlan
from app.domain.plan import Plan
from tests.unit.decomposer.samples import (
    P1,
    P2,
    ROOT,
    T1,
    T2,
    T3,
    codes,
    duration,
    edges,
    needs,
    packed,
    read_bytes,
    read_run,
    run,
    subtask,
    told,
)


def with_edges(*rows: dict[str, Any]) -> Plan:
    return read_run(task_dependencies_raw=edges(*rows))


def prerequisites(plan: Plan) -> dict[str, list[str]]:
    return {task.task_id: task.prerequisites for task in plan.tasks if task.prerequisites}


def test_run_without_oddities_gives_no_warning() -> None:
    plan = read_run()
    assert plan.warnings == []
    assert prerequisites(plan) == {T2: [T1], T3: [T2]}
    assert plan.tasks[1].context["prerequisite_explanations"] == {T1: "because"}


def test_tasks_that_no_edge_names_are_counted() -> None:
    (warning,) = told(with_edges(needs(T2, T1)), "unconnected-tasks")
    assert (warning.value, warning.suggestion) == ("1 of 3", "ordering: sequential")


def test_explanations_that_do_not_match_are_told_and_left_out() -> None:
    plan = with_edges(needs(T3, T1, T2, told=1))
    assert told(plan, "explanation-count")[0].value == "1 explanations for 2 prerequisites"
    assert "prerequisite_explanations" not in plan.tasks[2].context
    assert prerequisites(plan) == {T3: [T1, T2]}


def test_empty_prerequisite_list_is_told() -> None:
    (warning,) = told(with_edges(needs(T2), needs(T3, T2)), "no-prerequisites")
    assert (
        warning.where
        == "task_dependencies_raw.json.task_dependency_details[0].depends_on_task_id_list"
    )


def test_dangling_id_is_dropped_with_a_suggestion() -> None:
    plan = with_edges(needs(T3, T2[:-1], T1))
    (warning,) = told(plan, "dangling-id")
    assert (warning.value, warning.suggestion) == (T2[:-1], T2)
    assert warning.where.endswith("[0].depends_on_task_id_list[0]")
    assert prerequisites(plan) == {T3: [T1]}


def test_id_that_is_close_to_nothing_gets_no_suggestion() -> None:
    (warning,) = told(with_edges(needs("elsewhere", T1)), "dangling-id")
    assert warning.suggestion is None


def test_title_in_place_of_an_id_is_dropped_with_the_id_as_suggestion() -> None:
    plan = with_edges(needs(T3, "get a permit"))
    assert told(plan, "dangling-id")[0].suggestion == T2
    assert prerequisites(plan) == {}


def test_ids_of_another_kind_are_told_not_tripped_over() -> None:
    plan = with_edges(needs(T3, 7, None, {"id": T1}))
    assert [warning.value for warning in told(plan, "dangling-id")][:2] == ["7", "None"]


def test_suggestions_end_where_everything_dangles() -> None:
    plan = with_edges(needs(T3, *[f"{T2[:-2]}{number:02x}" for number in range(150)]))
    warnings = told(plan, "dangling-id")
    assert len(warnings) == 150
    assert warnings[-1].suggestion is None


def test_two_rows_for_one_task_are_united() -> None:
    plan = with_edges(needs(T3, T1), needs(f" {T3.upper()} ", T2))
    assert prerequisites(plan) == {T3: [T1, T2]}
    assert len(told(plan, "repeated-row")) == 1


def test_edge_stated_twice_counts_once() -> None:
    plan = with_edges(needs(T3, T1, T1))
    assert prerequisites(plan) == {T3: [T1]}
    assert len(told(plan, "repeated-edge")) == 1


def test_phase_as_prerequisite_means_all_its_tasks() -> None:
    plan = with_edges(needs(T3, P1))
    assert prerequisites(plan) == {T3: [T1, T2]}
    assert len(told(plan, "phase-edge")) == 1


def test_phase_as_dependent_means_all_its_tasks_wait() -> None:
    plan = with_edges(needs(P1, T3))
    assert prerequisites(plan) == {T1: [T3], T2: [T3]}
    assert len(told(plan, "later-prerequisite")) == 1


@pytest.mark.parametrize(("dependent", "needed"), [(T1, P1), (P1, T1), (T3, P2)])
def test_edge_between_a_task_and_its_own_phase_is_dropped(dependent: str, needed: str) -> None:
    plan = with_edges(needs(dependent, needed))
    assert prerequisites(plan) == {}
    assert [warning.value for warning in told(plan, "own-phase")] == [needed]


@pytest.mark.parametrize(("dependent", "needed"), [(T1, T1), (P1, P1), (T1, "s-look")])
def test_edge_to_itself_is_dropped(dependent: str, needed: str) -> None:
    plan = with_edges(needs(dependent, needed))
    assert prerequisites(plan) == {}
    assert len(told(plan, "self-edge")) == 1


def test_edge_to_the_whole_plan_is_dropped() -> None:
    assert told(with_edges(needs(T1, ROOT)), "root-edge")[0].value == ROOT


def test_edge_to_a_subtask_is_widened_to_its_task() -> None:
    plan = with_edges(needs(T3, "s-look"))
    assert prerequisites(plan) == {T3: [T1]}
    assert len(told(plan, "widened-edge")) == 1


def test_prerequisite_that_is_written_later_is_told() -> None:
    plan = with_edges(needs(T1, T3))
    assert prerequisites(plan) == {T1: [T3]}
    assert len(told(plan, "later-prerequisite")) == 1


def test_overlapping_edges_make_each_prerequisite_once() -> None:
    assert prerequisites(with_edges(needs(T3, T1, P1))) == {T3: [T1, T2]}


def with_durations(*rows: dict[str, Any]) -> Plan:
    return read_run(task_durations=list(rows))


def test_second_duration_of_a_task_does_not_count() -> None:
    plan = with_durations(duration(T1, 2), duration(T1, 3), *map(duration, (P1, P2, T2, T3)))
    assert told(plan, "duplicate-duration")[0].where == "task_durations.json[1]"
    assert plan.tasks[0].estimate.realistic_hours == 16


def test_missing_durations_are_told_of_tasks_and_phases() -> None:
    plan = with_durations(duration(T1), duration(P1))
    assert [warning.value for warning in told(plan, "missing-duration")] == [T2, P2, T3]


def test_duration_of_minus_one_stays_unknown() -> None:
    plan = with_durations(
        duration(T1, -1, days_min=-1, days_max=-1), *map(duration, (P1, P2, T2, T3))
    )
    assert len(told(plan, "unknown-duration")) == 1
    assert plan.tasks[0].estimate.realistic_hours is None
    assert not plan.tasks[0].estimate.derived


def test_hours_of_a_day_are_a_setting() -> None:
    plan = read_run({"hours_per_day": 6.5})
    assert (plan.tasks[0].estimate.min_hours, plan.tasks[0].estimate.realistic_hours) == (6.5, 13)
    assert plan.tasks[0].estimate.derived


@pytest.mark.parametrize("days", ["two", True, [2], 10**400])
def test_duration_that_is_no_number_stays_unknown(days: object) -> None:
    plan = with_durations(duration(T1, days_realistic=days), *map(duration, (P1, P2, T2, T3)))
    assert plan.tasks[0].estimate.realistic_hours is None
    assert len(told(plan, "unreadable-duration")) == 1


def test_durations_out_of_order_are_told() -> None:
    plan = with_durations(duration(T1, 20), *map(duration, (P1, P2, T2, T3)))
    assert len(told(plan, "duration-order")) == 1


def test_duration_of_nothing_in_the_plan_is_dropped() -> None:
    plan = with_durations(duration(T1[:-1]), *map(duration, (P1, P2, T1, T2, T3)))
    assert told(plan, "dangling-id")[0].suggestion == T1


def test_phase_shorter_than_its_longest_task_is_told_and_never_summed() -> None:
    plan = with_durations(duration(P1, 1), duration(T1, 5), *map(duration, (P2, T2, T3)))
    (warning,) = told(plan, "phase-estimate")
    assert warning.value == "8 h, longest task 40 h"


def with_steps(*rows: dict[str, Any]) -> Plan:
    return read_run(wbs_level3=[*run()["wbs_level3.json"], *rows])


def test_repeated_subtask_name_is_told_and_kept() -> None:
    plan = with_steps(subtask("again", T3, name=" Look"))
    assert len(told(plan, "repeated-name")) == 1
    assert plan.tasks[2].written_subtasks[1].title == " Look"


def test_line_breaks_and_entities_are_told_once_and_kept() -> None:
    plan = with_steps(
        subtask("one", T3, description="a\nb &amp; c"), subtask("two", T3, name="x\ny")
    )
    assert [len(told(plan, code)) for code in ("newline-in-text", "html-entity")] == [1, 1]
    assert plan.tasks[2].written_subtasks[1].description == "a\nb &amp; c"


def test_placeholders_are_told() -> None:
    plan = with_steps(subtask("x", T3, description="MISSING_DESCRIPTION"))
    assert told(plan, "placeholder")[0].value == "MISSING_DESCRIPTION"


def test_long_text_is_kept_whole() -> None:
    plan = with_steps(subtask("x", T3, name="n" * 300, description="d" * 5000))
    step = plan.tasks[2].written_subtasks[1]
    assert (len(step.title), len(step.description)) == (300, 5000)
    assert plan.warnings == []


def test_step_of_no_task_is_dropped_with_a_suggestion() -> None:
    plan = with_steps(subtask("x", T3[1:]), subtask("y", P1))
    assert [warning.suggestion for warning in told(plan, "dangling-id")] == [T3, None]


def test_row_written_twice_is_dropped() -> None:
    plan = with_steps(subtask("hammer", T3))
    assert len(plan.tasks[2].written_subtasks) == 1
    assert told(plan, "repeated-row")[0].where == "wbs_level3.json[4]"


def test_one_id_for_two_different_steps_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="duplicate id") as caught:
        with_steps(subtask("hammer", T2))
    assert caught.value.faults[0].where == "wbs_level3.json[3].id"


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_missing_id_is_made_from_the_position(missing: object) -> None:
    plan = with_steps(subtask("x", T3, id=missing))
    assert plan.tasks[2].written_subtasks[1].subtask_id == "task_2_1_s2"
    assert told(plan, "missing-id")[0].suggestion == "task_2_1_s2"


def test_id_made_from_the_position_keeps_clear_of_brought_ones() -> None:
    plan = with_steps(subtask("x", T3, id=None), subtask("y", T3, id="TASK_2_1_s2"))
    ids = [item.subtask_id for item in plan.tasks[2].written_subtasks]
    assert ids == ["s-hammer", "task_2_1_s2_2", "TASK_2_1_s2"]


def test_id_that_cannot_stand_in_a_path_is_replaced_and_still_joins() -> None:
    level2 = run()["wbs_level2.json"]
    level2[1]["subtasks"][0]["id"] = "a/b c"
    plan = read_run(
        wbs_level2=level2,
        wbs_level3=[subtask("x", "A/B c ")],
        task_dependencies_raw=edges(needs("a/b C", T1)),
    )
    assert plan.tasks[2].task_id == "task_2_1"
    assert len(plan.tasks[2].written_subtasks) == 1
    assert prerequisites(plan) == {"task_2_1": [T1]}
    assert told(plan, "unusable-id")[0].value == "a/b c"


def test_numbers_serve_as_ids() -> None:
    level2 = [{"id": 1, "major_phase_title": "A", "subtasks": [{"id": 2, "description": "B"}]}]
    plan = read_run(wbs_level2=level2, wbs_level3=[subtask("x", "2", parent_id=2)])
    assert (plan.phases[0].phase_id, plan.tasks[0].task_id) == ("1", "2")
    assert len(plan.tasks[0].written_subtasks) == 1


def test_missing_titles_are_told() -> None:
    level2 = run()["wbs_level2.json"]
    level2[0]["subtasks"][0]["description"] = None
    plan = read_run(wbs_level2=level2)
    assert plan.tasks[0].title == "(untitled)"
    assert told(plan, "missing-title")[0].where == "wbs_level2.json[0].subtasks[0]"


def test_phase_without_tasks_is_told() -> None:
    level2 = [*run()["wbs_level2.json"], {"id": "p3", "major_phase_title": "X", "subtasks": []}]
    plan = read_run(wbs_level2=level2, task_dependencies_raw=edges(needs(T3, "p3", T2)))
    assert told(plan, "empty-phase")[0].value == "X"
    assert prerequisites(plan) == {T3: [T2]}


@pytest.mark.parametrize(
    ("resources", "read"),
    [("Desk", ["Desk"]), (None, []), ([None, "", 3, "Desk"], ["3", "Desk"]), ([], [])],
)
def test_resources_are_read_however_they_are_written(resources: Any, read: list[str]) -> None:
    plan = with_steps(subtask("x", T3, resources_needed=resources))
    assert plan.tasks[2].written_subtasks[1].resources == read


@pytest.mark.parametrize("stem", ["wbs_level3", "task_dependencies_raw", "task_durations"])
def test_missing_file_is_told(stem: str) -> None:
    plan = read_run(**{stem: None})
    assert [warning.where for warning in told(plan, "missing-file")] == [f"{stem}.json"]


def test_title_comes_from_its_own_file_where_level_one_is_missing() -> None:
    files = run(wbs_level1=None) | {"wbs_level1_project_title.json": b"Kiosk by the lake\n"}
    plan = read_bytes(packed(files))
    assert plan.title == "Kiosk by the lake"
    assert "missing-title" in codes(plan)


def test_plan_without_any_title_is_called_untitled() -> None:
    assert read_run(wbs_level1=None).title == "Untitled plan"


def tree(**extra: Any) -> dict[str, Any]:
    task = {"id": T1, "description": "Find a place", "extra_fields": extra}
    phase = {"id": P1, "description": "Plan", "task_children": [task]}
    return {"wbs_project": {"id": ROOT, "description": "Kiosk", "task_children": [phase]}}


def test_levels_below_the_third_become_subtasks_of_the_task() -> None:
    document = tree()
    document["wbs_project"]["task_children"][0]["task_children"][0]["task_children"] = [
        {"id": "a", "description": "A", "task_children": [{"id": "b", "description": "B"}]},
        {"id": "c", "description": "C"},
    ]
    plan = read_bytes(json.dumps(document).encode(), "tree.json")
    assert [item.title for item in plan.tasks[0].written_subtasks] == ["A", "B", "C"]
    assert told(plan, "deeper-level")[0].value == "A"


def test_tree_serves_where_the_third_level_is_missing() -> None:
    files = run(wbs_level3=None) | {"wbs_project_level1_and_level2_and_level3.json": tree()}
    assert len(read_bytes(packed(files)).tasks) == 1


def test_tree_of_two_levels_serves_where_there_is_nothing_else() -> None:
    files = {"018-wbs_project_level1_and_level2.json": tree(days_realistic=3)}
    plan = read_bytes(packed(files))
    assert plan.tasks[0].estimate.realistic_hours == 24
    assert [warning.where for warning in told(plan, "missing-file")] == [
        "task_dependencies_raw.json"
    ]


PAGE = b"""<html><h2>Redline Gate</h2><p><strong>Verdict:</strong> REFUSE</p>
GANTT_DATA_DHTMLX = {"tasks": [{"id": "r", "text": "Kiosk"}, {"id": "p", "text": "P",
"parent": "r"}, {"id": "t", "text": "From the report", "parent": "p"}], "links": []};</html>"""
TABLE = b"Level 1;Level 2;Level 3;Level 4;Task ID\nKiosk;;;;r\n;P;;;p\n;;From the table;;t\n"
TABLE_NAME = "026-wbs_project_level1_and_level2_and_level3.csv"


def test_report_serves_in_a_run_where_there_is_nothing_better() -> None:
    plan = read_bytes(packed({"029-1-report.html": PAGE, TABLE_NAME: TABLE}))
    assert [task.title for task in plan.tasks] == ["From the report"]
    assert plan.gates.refusals == ["redline"]


def test_table_serves_in_a_run_where_there_is_nothing_else() -> None:
    plan = read_bytes(packed({TABLE_NAME: TABLE}))
    assert [(plan.title, task.title) for task in plan.tasks] == [("Kiosk", "From the table")]


def test_table_serves_where_the_report_cannot_be_read_and_that_is_told() -> None:
    plan = read_bytes(packed({"report.html": b"<html>", TABLE_NAME: TABLE}))
    assert plan.tasks[0].title == "From the table"
    assert told(plan, "unreadable-file")[0].where == "report.html"


def test_report_beside_the_levels_is_not_read() -> None:
    assert read_bytes(packed(run() | {"report.html": PAGE})) == read_run()


def test_tree_serves_where_a_level_cannot_be_read_and_that_is_told() -> None:
    files = run(wbs_level3=b"[{]") | {"wbs_project_level1_and_level2_and_level3.json": tree()}
    plan = read_bytes(packed(files))
    assert len(plan.tasks) == 1
    assert told(plan, "unreadable-file")[0].where == "wbs_level3.json"
