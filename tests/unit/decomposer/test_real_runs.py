"""Every real run, against counts taken from its files without the readers."""

import json
import re
import time
from collections import Counter
from pathlib import Path
from statistics import pstdev
from typing import Any

import msgspec
import pytest

from app.domain.errors import InvalidPlan
from app.domain.execution_graph import compile_graph
from app.domain.graph import find_cycle, implied_edges
from app.domain.plan import Ordering, Plan
from decomposer.breakdown import decompose_plan
from decomposer.readers import PlanSource, ReadLimits, read_plan
from decomposer.rules import load_rulebook
from tests.unit.decomposer.samples import PLANS, needs_plans, packed, read_bytes, told

pytestmark = needs_plans

FOLDERS = sorted(path.name for path in PLANS.glob("20*"))
DATE = re.compile(r"\d{8}_")


def load(folder: Path, ending: str) -> Any:
    return json.loads(next(folder.glob(f"*{ending}")).read_text("utf-8"))


def read(path: Path) -> Plan:
    return read_plan(PlanSource.from_path(path), ReadLimits(), "plan_1")


def same(one: Plan, other: Plan) -> bool:
    return msgspec.structs.replace(one, source_format="", plan_id="") == msgspec.structs.replace(
        other, source_format="", plan_id=""
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_structure_is_that_of_the_three_levels(name: str) -> None:
    plan, folder = read(PLANS / name), PLANS / name
    level2, level3 = load(folder, "wbs_level2.json"), load(folder, "wbs_level3.json")
    assert plan.title == load(folder, "wbs_level1.json")["project_title"]
    assert [(phase.phase_id, phase.name) for phase in plan.phases] == [
        (phase["id"], phase["major_phase_title"]) for phase in level2
    ]
    assert [(task.task_id, task.title) for task in plan.tasks] == [
        (task["id"], task["description"]) for phase in level2 for task in phase["subtasks"]
    ]
    for task in plan.tasks:
        rows = [row for row in level3 if row["parent_id"] == task.task_id]
        assert [
            (item.subtask_id, item.title, item.description, item.resources)
            for item in task.written_subtasks
        ] == [(row["id"], row["name"], row["description"], row["resources_needed"]) for row in rows]


def expected_edges(folder: Path) -> tuple[set[tuple[str, str]], int]:
    """Task edges after the rules of the formats page, and the number of ids dropped."""
    level2 = load(folder, "wbs_level2.json")
    members = {phase["id"]: [task["id"] for task in phase["subtasks"]] for phase in level2}
    phase_of = {task: phase for phase, tasks in members.items() for task in tasks}
    members |= {task: [task] for task in phase_of}
    found: set[tuple[str, str]] = set()
    dropped = 0
    for row in load(folder, "task_dependencies_raw.json")["task_dependency_details"]:
        dependent = row["dependent_task_id"].strip().lower()
        for needed in (item.strip().lower() for item in row["depends_on_task_id_list"]):
            unknown = dependent not in members or needed not in members
            if unknown or dependent == needed or phase_of.get(dependent) == needed:
                dropped += 1
            else:
                found |= {(one, other) for one in members[dependent] for other in members[needed]}
    return found, dropped


@pytest.mark.parametrize("name", FOLDERS)
def test_edges_are_those_stated_with_phases_replaced_by_their_tasks(name: str) -> None:
    plan = read(PLANS / name)
    found, dropped = expected_edges(PLANS / name)
    assert {(task.task_id, item) for task in plan.tasks for item in task.prerequisites} == found
    assert sum(len(told(plan, code)) for code in ("dangling-id", "own-phase")) == dropped


@pytest.mark.parametrize("name", FOLDERS)
def test_estimates_are_eight_hours_for_each_realistic_day(name: str) -> None:
    plan = read(PLANS / name)
    rows = {row["task_id"]: row for row in reversed(load(PLANS / name, "task_durations.json"))}
    for task in plan.tasks:
        days = rows[task.task_id]["days_realistic"]
        assert task.estimate.realistic_hours == (days * 8 if days >= 0 else None)
        assert task.context["delay_risks"] == rows[task.task_id]["delay_risks"]


@pytest.mark.parametrize("name", FOLDERS)
def test_merged_tree_alone_gives_the_same_structure(name: str) -> None:
    plan, folder = read(PLANS / name), PLANS / name
    tree = read(next(folder.glob("*wbs_project_level1_and_level2_and_level3.json")))
    assert tree.source_format == "planexe-tree"
    bare = [
        msgspec.structs.replace(task, prerequisites=[], context={}, estimate=tree.tasks[0].estimate)
        for task in plan.tasks
    ]
    assert tree.tasks == bare
    assert (tree.title, tree.final_deliverable) == (plan.title, plan.final_deliverable)


def structure(plan: Plan) -> list[Any]:
    """Ids and titles on all levels: what every form of a run holds."""
    return [
        (phase.phase_id, phase.name, task.task_id, task.title, item.subtask_id, item.title)
        for phase in plan.phases
        for task in phase.tasks
        for item in task.written_subtasks
    ]


@pytest.mark.parametrize("name", FOLDERS)
def test_csv_alone_gives_the_same_structure(name: str) -> None:
    plan, folder = read(PLANS / name), PLANS / name
    table = read(next(folder.glob("*wbs_project_level1_and_level2_and_level3.csv")))
    assert structure(table) == structure(plan)
    assert (table.title, table.source_format) == (plan.title, "csv")
    assert told(table, "broken-row") == []


REPORTS = ["20251016_minecraft_escape", "20260215_nuuk_clay_workshop"]


@pytest.mark.parametrize("name", REPORTS)
def test_report_alone_gives_the_same_structure(name: str) -> None:
    plan, report = read(PLANS / name), read(PLANS / "reports" / f"{name}-report.html")
    assert structure(report) == structure(plan)
    for one, other in zip(report.tasks, plan.tasks, strict=True):
        assert one.written_subtasks == other.written_subtasks
    assert (report.title, report.final_deliverable) == (plan.title, plan.final_deliverable)
    assert report.gates.redline == plan.gates.redline


@pytest.mark.parametrize("name", REPORTS)
def test_links_of_a_report_say_nothing_but_the_written_order(name: str) -> None:
    report = read(PLANS / "reports" / f"{name}-report.html")
    assert all(not task.prerequisites for task in report.tasks)
    (warning,) = told(report, "schedule-links")
    counted, _, total = warning.value.partition(" of ")
    assert counted == total


def test_report_of_an_early_version_is_refused_with_a_way_out() -> None:
    with pytest.raises(InvalidPlan, match="a PlanExe report without a work breakdown"):
        read(PLANS / "reports" / "20250217_skeleton_display-report.html")


@pytest.mark.parametrize("name", FOLDERS)
def test_sequential_order_adds_edges_without_a_cycle(name: str) -> None:
    plan = read(PLANS / name)
    implied = implied_edges(plan, Ordering.SEQUENTIAL)
    together = {
        task.task_id: [*task.prerequisites, *implied.get(task.task_id, [])] for task in plan.tasks
    }
    assert implied
    assert find_cycle(together) is None


@pytest.mark.parametrize("name", FOLDERS)
def test_every_task_is_broken_down_into_known_actions_without_a_cycle(name: str) -> None:
    plan = read(PLANS / name)
    breakdowns = decompose_plan(plan, 0.8)
    known = set(load_rulebook().catalogue.names)
    assert [found.task_id for found in breakdowns] == [task.task_id for task in plan.tasks]
    assert all(found.subtasks for found in breakdowns)
    assert {step.action for found in breakdowns for step in found.subtasks} <= known
    compile_graph(plan, {found.task_id: found for found in breakdowns}, Ordering.SEQUENTIAL)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_written_subtask_becomes_steps_in_written_order(name: str) -> None:
    plan = read(PLANS / name)
    for task, found in zip(plan.tasks, decompose_plan(plan, 0.8), strict=True):
        sources = [step.source.subtask_id for step in found.subtasks if step.source]
        written = [row.subtask_id for row in task.written_subtasks]
        assert list(dict.fromkeys(sources)) == written
        made = [step.subtask_id for step in found.subtasks]
        assert [one for one in made if one in written] == written


def test_confidence_spreads_over_real_plans() -> None:
    """What a confidence is for: to tell the tasks a person should look at first from the others.

    So a tenth of the tasks has to stand well apart from another tenth, no value may hold more than
    a tenth of them, and the review threshold has to part them: some above, some below.
    """
    values = sorted(
        found.confidence for name in FOLDERS for found in decompose_plan(read(PLANS / name), 0.8)
    )
    tenth = len(values) // 10
    assert values[-tenth] - values[tenth] >= 0.2
    assert Counter(values).most_common(1)[0][1] <= tenth
    assert tenth / 2 < sum(value >= 0.8 for value in values) < len(values) / 2


def test_every_part_but_coverage_spreads_over_real_plans() -> None:
    """A part that says the same of every task says nothing.

    Coverage is left out: rules carry all that was written along, so it shows what other strategies
    drop. Structure is: the order is made by code.
    """
    shares: dict[str, list[float]] = {}
    for name in FOLDERS:
        for found in decompose_plan(read(PLANS / name), 0.8):
            for part in found.parts:
                shares.setdefault(part.name, []).append(part.share)
    for name in ("action", "params", "specificity"):
        assert pstdev(shares[name]) > 0.05, name


@pytest.mark.parametrize("archive", ["20250217_skeleton_display", "20250517_tea_eshop"])
def test_original_archive_reads_as_its_folder(archive: str) -> None:
    assert same(read(PLANS / "zips" / f"{archive}.zip"), read(PLANS / archive))


@pytest.mark.parametrize("name", FOLDERS)
def test_every_run_reads_the_same_however_it_is_packed(name: str) -> None:
    folder = PLANS / name
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    bare = {re.sub(r"^\d{3}-(?:\d+-)*(?=[a-z])", "", one): data for one, data in files.items()}
    plan = read(folder)
    for archive in (packed(files), packed(files, "run/"), packed(bare)):
        assert same(read_bytes(archive), plan)


def test_names_without_prefix_read_as_names_with_prefix() -> None:
    name = "20260311_parasomnia_research_unit"
    archive = PLANS / "zips" / f"unprefixed__{name}__run.zip"
    assert same(read(archive), read(PLANS / name))
    assert read(archive).gates.redline == "ALLOW"


def test_solarfarm_reads_behind_its_prefixed_names() -> None:
    plan = read(PLANS / "testdata" / "solarfarm")
    assert plan.title == "Denmark Solar Farm"
    assert (len(plan.phases), len(plan.tasks)) == (7, 14)
    assert [len(task.written_subtasks) for task in plan.tasks][:2] == [3, 3]
    assert len(told(plan, "repeated-row")) == 3
    assert plan.tasks[0].estimate.realistic_hours == 240
    assert plan.roles_required[0] == "Project Manager"


def test_lunar_base_reads_without_a_third_level() -> None:
    plan = read(PLANS / "testdata" / "lunar_base")
    assert (len(plan.phases), len(plan.tasks)) == (7, 35)
    assert plan.goal.startswith("Establish a permanent manned base")
    assert plan.risks
    assert "wbs_level3.json" in {warning.where for warning in told(plan, "missing-file")}
    assert all(found.needs_review for found in decompose_plan(plan, 0.8))


def test_tree_with_dependencies_inside_reads_them() -> None:
    plan = read(PLANS / "testdata" / "find_tv_remote" / "wbs_project.json")
    assert [len(task.prerequisites) for task in plan.tasks] == [0, 1, 1, 1, 1, 2]
    assert [task.estimate.realistic_hours for task in plan.tasks[:2]] == [1200, 16]
    assert plan.tasks[3].estimate.max_hours == 8
    assert same(plan, read(PLANS / "testdata" / "find_tv_remote"))


def test_dangling_id_is_told_with_the_id_it_is_close_to() -> None:
    plan = read(PLANS / "20260303_crate_recovery_campaign")
    (warning,) = told(plan, "dangling-id")
    assert warning.value not in {task.task_id for task in plan.tasks}
    assert warning.suggestion in {task.task_id for task in plan.tasks}


def test_refusal_of_the_plan_by_its_own_assessment_is_kept() -> None:
    gates = read(PLANS / "20251220_113753_global_relocation").gates
    assert gates.refusals == ["go_no_go"]


@pytest.mark.parametrize(
    "path", ["20250629_reverse_aging_lab", f"reports/{REPORTS[1]}-report.html"]
)
def test_largest_runs_are_read_in_a_moment(path: str) -> None:
    started = time.process_time()
    read(PLANS / path)
    assert time.process_time() - started < 0.3


def test_largest_run_is_read_and_broken_down_in_a_moment() -> None:
    started = time.process_time()
    decompose_plan(read(PLANS / "20250629_reverse_aging_lab"), 0.8)
    assert time.process_time() - started < 1
