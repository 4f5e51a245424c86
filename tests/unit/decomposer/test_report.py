"""A report alone: the schedule it embeds, however that is spelled, and what it does not hold."""

import html
import json
from typing import Any

import pytest

from app.domain.errors import InvalidPlan
from app.domain.plan import Plan
from tests.unit.decomposer.samples import read_bytes, told


def bar(item_id: Any, parent: Any = None, /, **changes: Any) -> dict[str, Any]:
    tooltip = f"<b>{item_id}</b><br>Do {item_id}."
    row = {"id": item_id, "text": f"Title {item_id}", "custom_tooltip": tooltip, "progress": 0}
    return row | ({"parent": parent} if parent is not None else {}) | changes


def link(source: str, target: str, kind: str = "0") -> dict[str, Any]:
    return {"id": f"{source}-{target}", "source": source, "target": target, "type": kind}


BARS = [
    bar("plan", custom_tooltip="<b>Kiosk</b><br><b>Final deliverable:</b><br>Open &amp; busy"),
    bar("p1", "plan"),
    bar("a", "p1"),
    bar("a1", "a", duration=2.0),
    bar("a2", "a", duration=1.0),
    bar("b", "p1"),
    bar("b1", "b", duration=3),
    bar("p2", "plan"),
    bar("c", "p2"),
]


def page(schedule: object, name: str = "GANTT_DATA_DHTMLX", more: str = "") -> bytes:
    text = schedule if isinstance(schedule, str) else json.dumps(schedule, indent=1)
    return f"<!DOCTYPE html><html>{more}<script>\nconst {name} = {text};\n</script>".encode()


def read(*bars: dict[str, Any], links: Any = (), **options: Any) -> Plan:
    schedule = {"tasks": list(bars or BARS), "links": list(links)}
    return read_bytes(page(schedule, **options), "report.html")


def prerequisites(plan: Plan) -> dict[str, list[str]]:
    return {task.task_id: task.prerequisites for task in plan.tasks if task.prerequisites}


def test_levels_become_phases_tasks_and_subtasks() -> None:
    plan = read()
    assert (plan.title, plan.final_deliverable) == ("Title plan", "Open & busy")
    assert plan.source_format == "planexe-report"
    assert [(phase.phase_id, [task.task_id for task in phase.tasks]) for phase in plan.phases] == [
        ("p1", ["a", "b"]),
        ("p2", ["c"]),
    ]
    assert [item.subtask_id for item in plan.tasks[0].written_subtasks] == ["a1", "a2"]


def test_tooltip_is_read_and_unescaped_once() -> None:
    description = "Ask <Anna> &amp; it's\nnew"
    tooltip = (
        f"<b>T</b><br>{html.escape(description)}<br><b>Resources needed:</b><br>"
        "<ul><li>Desk &amp; chair</li><li>Jo</li></ul>"
    )
    plan = read(*BARS[:3], bar("a1", "a", custom_tooltip=tooltip))
    (step,) = plan.tasks[0].written_subtasks
    assert (step.description, step.resources) == (description, ["Desk & chair", "Jo"])


def test_markup_in_a_title_stays_text() -> None:
    plan = read(*BARS[:2], bar("a", "p1", text="<script>alert(1)</script>"))
    assert plan.tasks[0].title == "<script>alert(1)</script>"


def test_links_that_restate_the_written_order_are_counted_and_left_out() -> None:
    restating = [
        *(link("plan", "p1", "1"), link("p1", "a", "1"), link("a", "b"), link("a1", "a2")),
        *(link("p1", "b", "2"), link("p1", "p2")),
    ]
    plan = read(links=restating)
    assert prerequisites(plan) == {}
    (warning,) = told(plan, "schedule-links")
    assert (warning.value, warning.suggestion) == ("6 of 6", "ordering: sequential")


def test_links_that_say_more_become_edges() -> None:
    plan = read(links=[link("a", "c"), link("c", "b")])
    assert prerequisites(plan) == {"c": ["a"], "b": ["c"]}
    assert told(plan, "schedule-links") == []


def test_link_of_another_type_is_told_and_read_as_finish_to_start() -> None:
    plan = read(links=[link("a", "c", "3")])
    assert prerequisites(plan) == {"c": ["a"]}
    assert told(plan, "dependency-type")[0].where == "GANTT_DATA_DHTMLX.links[0].type"


def test_link_to_nothing_is_told() -> None:
    (warning,) = told(read(links=[link("nowhere", "c")]), "dangling-id")
    assert (warning.where, warning.value) == ("GANTT_DATA_DHTMLX.links[0]", "nowhere")


def test_estimates_are_counted_from_the_schedule_and_marked() -> None:
    plan = read()
    assert [task.estimate.realistic_hours for task in plan.tasks] == [24, 24, None]
    assert [task.estimate.derived for task in plan.tasks] == [True, True, False]
    assert told(plan, "scheduled-estimate")[0].value == "2 tasks"


@pytest.mark.parametrize("name", ["gantt_data", "GANTT_DATA_DHTMLX", "Gantt_Data"])
def test_schedule_is_found_by_either_name(name: str) -> None:
    assert len(read(name=name).tasks) == 3


def test_oldest_spelling_calls_its_bars_data() -> None:
    data = page({"data": BARS, "links": []}, "gantt_data")
    assert len(read_bytes(data, "report.html").tasks) == 3


def test_schedule_that_is_null_first_is_found_where_it_is_not() -> None:
    plan = read(more="<script>const GANTT_DATA_DHTMLX = null;</script>")
    assert len(plan.tasks) == 3


def test_object_text_is_read_as_javascript_spells_it() -> None:
    text = r"""{ // bars
      tasks: [ {id: 'plan', 'text': 'It\'s \x41\u{1F600}\
', open: true, meta: undefined,}, /* more */
      {id: `p1`, text: "P", parent: "plan"}, {id: 7, text: "T", parent: "p1", duration: 2.},],
      links: [], }"""
    plan = read_bytes(page(text), "report.html")
    assert plan.title == "It's A\U0001f600"
    assert (plan.tasks[0].task_id, plan.tasks[0].estimate.realistic_hours) == ("7", 16)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"tasks": [{"id": "a", "te', "line 2: the schedule is cut off"),
        ('{"tasks": [', "no data but|cut off"),
        ('{"tasks": [fetch("https://evil")]}', "line 2: no data but 'fetch"),
        ('{"tasks": [`${secret}`]}', "cut off"),
        ('{"tasks": [1 + 2]}', "no data but"),
        ('{"tasks": {}}', "GANTT_DATA_DHTMLX.tasks"),
        ('{"tasks": [}', "no data but"),
        ('{"tasks": [1, , 2]}', "not JSON"),
        ("[" * 100_000, "no data|cut off|nested deeper"),
        ('{"tasks": []}', "no tasks"),
        ('{"tasks": [{"id": "a"}, {"id": "b"}]}', "no item names its parent"),
        ('{"tasks": [{"id": "a"}, {"id": "A", "parent": "a"}]}', "duplicate id 'A'"),
    ],
)
def test_schedule_that_cannot_be_read_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidPlan, match=message) as caught:
        read_bytes(page(text), "report.html")
    assert caught.value.faults


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<!doctype html><p>Hello", "an HTML page without a work breakdown"),
        (b"<html><title>PlanExe Project Report</title>", "a PlanExe report without a work"),
    ],
)
def test_page_without_a_schedule_is_refused_with_a_way_out(data: bytes, what: str) -> None:
    with pytest.raises(InvalidPlan, match=what) as caught:
        read_bytes(data, "report.html")
    assert "Send the run as a folder or zip" in str(caught.value)


def test_page_that_ends_before_its_schedule_is_told_to_be_cut_short() -> None:
    with pytest.raises(InvalidPlan, match="as if cut short"):
        read_bytes(b"<html><p>PlanExe", "report.html")


def test_comment_before_the_page_does_no_harm() -> None:
    assert len(read_bytes(b"<!-- saved -->\n" + page({"tasks": BARS}), "r.html").tasks) == 3


def test_bar_whose_parent_leads_nowhere_is_dropped_and_told() -> None:
    plan = read(*BARS, bar("lost", "nobody"), bar("x", "y"), bar("y", "x"))
    assert [warning.value for warning in told(plan, "dangling-id")] == ["nobody", "y", "x"]
    assert len(plan.tasks) == 3


def test_chain_of_ten_thousand_levels_is_drawn_up() -> None:
    chain = [bar("s0", "a"), *(bar(f"s{n}", f"s{n - 1}") for n in range(1, 10_000))]
    plan = read(*BARS[:3], *chain)
    assert len(plan.tasks[0].written_subtasks) == 10_000


def verdict(text: str) -> str:
    return f"<h2>Redline Gate</h2>\n<p><strong>Verdict:</strong> {text}</p>"


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("🟢 ALLOW", "ALLOW"),
        ("🟡 ALLOW WITH SAFETY FRAMING", "ALLOW_WITH_SAFETY_FRAMING"),
        ("🔴 REFUSE", "REFUSE"),
    ],
)
def test_redline_verdict_is_read_from_the_page(text: str, read_as: str) -> None:
    gates = read(more=verdict(text)).gates
    assert gates.redline == read_as
    assert gates.refusals == (["redline"] if read_as == "REFUSE" else [])


@pytest.mark.parametrize("text", ["", "🤷 perhaps"])
def test_verdict_that_is_not_known_is_told(text: str) -> None:
    assert len(told(read(more=verdict(text)), "silent-gate")) == 1


def test_what_a_report_does_not_hold_is_told() -> None:
    assert told(read(), "missing-context")[0].suggestion == "import the whole run"
