"""Markdown and text with lists, as people and models write plans."""

from textwrap import dedent

import pytest

from app.domain.errors import InvalidPlan
from app.domain.plan import Plan
from tests.unit.decomposer.samples import codes, read_bytes, told

KIOSK = """\
    # Open a kiosk

    Ice cream for everybody.

    ## Goal
    Sell ice cream by the lake.

    ## Risks
    | Risk | Mitigation |
    |---|---|
    | Rain | A roof |

    ## Team
    - Carpenter

    ## Phase 1: Plan

    1. Task 1.1: Find a place (3 days)
       - Look at three places
       - Ask *Anna* at <anna@example.org>
    2. Task 1.2: Get a permit (4 hours, after 1.1)

    ## Phase 2: Build

    ### Put it up, after task 1.2
    The walls first.
    - [ ] Walls
    - [x] Roof

    ### Paint it
    - Depends on: Task 1.1 and Put it up
    - Owner: Jo
    - Estimated hours: 6-8
    - One coat
"""


def read(text: str, name: str = "kiosk.md", **limits: int) -> Plan:
    return read_bytes(dedent(text).encode(), name, **limits)


def titles(plan: Plan) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    return [
        (
            phase.name,
            [(task.title, [one.title for one in task.written_subtasks]) for task in phase.tasks],
        )
        for phase in plan.phases
    ]


def needed(plan: Plan) -> dict[str, list[str]]:
    names = {task.task_id: task.title for task in plan.tasks}
    return {t.title: [names[one] for one in t.prerequisites] for t in plan.tasks if t.prerequisites}


def test_headings_and_lists_become_phases_tasks_and_subtasks() -> None:
    plan = read(KIOSK)
    assert (plan.title, plan.source_format) == ("Open a kiosk", "markdown")
    assert titles(plan) == [
        (
            "Plan",
            [
                ("Find a place", ["Look at three places", "Ask Anna at anna@example.org"]),
                ("Get a permit", []),
            ],
        ),
        ("Build", [("Put it up", ["Walls", "Roof"]), ("Paint it", ["One coat"])]),
    ]


def test_what_is_said_beside_a_title_is_taken_from_it() -> None:
    plan = read(KIOSK)
    first, second, third, fourth = plan.tasks
    assert (first.estimate.realistic_hours, first.estimate.derived) == (24, True)
    assert (second.estimate.realistic_hours, second.estimate.derived) == (4, False)
    assert third.description == "The walls first."
    assert (fourth.assignee_role, fourth.estimate.min_hours, fourth.estimate.max_hours) == (
        "Jo",
        6,
        8,
    )
    assert needed(plan) == {
        "Get a permit": ["Find a place"],
        "Put it up": ["Get a permit"],
        "Paint it": ["Find a place", "Put it up"],
    }


def test_sections_that_are_no_phases_come_along() -> None:
    plan = read(KIOSK)
    assert plan.goal == "Sell ice cream by the lake."
    assert [(risk.description, risk.mitigation) for risk in plan.risks] == [("Rain", "A roof")]
    assert plan.roles_required == ["Carpenter"]
    assert plan.context["notes"]["overview"] == "Ice cream for everybody."


def test_ticked_boxes_are_told_and_stay_open() -> None:
    (warning,) = told(read(KIOSK), "marked-done")
    assert (warning.value, warning.where) == ("Roof", "line 28")


def test_list_without_headings_is_one_phase() -> None:
    plan = read(
        "1. Buy cake\n2. Invite friends (after 1)\n3. Clean up (after step 2; 2h)\n", "p.txt"
    )
    assert titles(plan) == [("p", [("Buy cake", []), ("Invite friends", []), ("Clean up", [])])]
    assert needed(plan) == {"Invite friends": ["Buy cake"], "Clean up": ["Invite friends"]}
    assert told(plan, "missing-title")[0].suggestion == "p"


def test_list_three_deep_is_phases_tasks_and_subtasks() -> None:
    plan = read("- A\n  - B\n    - C\n- D\n  - E\n")
    assert titles(plan) == [("A", [("B", ["C"])]), ("D", [("E", [])])]


def test_headings_that_are_all_phases_leave_the_title_to_the_file() -> None:
    plan = read("# Phase 1\n- a\n# Phase 2\n- b\n", "trip.md")
    assert (plan.title, [phase.name for phase in plan.phases]) == ("trip", ["Phase 1", "Phase 2"])


def test_heading_such_as_tasks_is_no_phase() -> None:
    assert titles(read("# Trip\n## Tasks\n- a\n- b\n")) == [("Trip", [("a", []), ("b", [])])]


def test_headings_with_text_alone_are_tasks() -> None:
    plan = read("# Party\n## Buy cake\nA large one.\n## Invite friends\n")
    assert titles(plan) == [("Party", [("Buy cake", []), ("Invite friends", [])])]
    assert plan.tasks[0].description == "A large one."


def test_titles_in_bold_are_parted_from_what_follows() -> None:
    plan = read("# T\n- **Find a place**: near the lake\n- **Task 2:** Build\n  - **Owner:** Jo\n")
    assert [(t.title, t.description, t.assignee_role) for t in plan.tasks] == [
        ("Find a place", "near the lake", None),
        ("Build", "", "Jo"),
    ]


def test_table_of_tasks_is_read_in_its_phase() -> None:
    plan = read(
        """\
        # T
        ## Phase 1
        | # | Task | Depends on | Hours |
        |---|------|------------|-------|
        | 1.1 | Find | - | 3 |
        | 1.2 | Ask | 1.1 | |
        """
    )
    assert titles(plan) == [("Phase 1", [("Find", []), ("Ask", [])])]
    assert needed(plan) == {"Ask": ["Find"]}


def test_section_of_dependencies_is_read_line_by_line() -> None:
    plan = read(
        """\
        # T
        ## Phase 1
        - Task 1.1: A
        ## Phase 2
        - Task 2.1: B
        - Task 2.2: C
        ## Dependencies
        - Phase 2 depends on Phase 1
        - 2.1 → 2.2
        - weather permitting
        """
    )
    assert needed(plan) == {"B": ["A"], "C": ["A", "B"]}
    assert told(plan, "unread-dependency")[0].value == "weather permitting"


def test_same_label_in_two_phases_means_the_one_beside_it() -> None:
    plan = read(
        "# T\n## Phase 1\n- Task 1: A\n- Task 2: B (after task 1)\n"
        "## Phase 2\n- Task 1: C\n- Task 2: D (after task 1)\n"
    )
    assert needed(plan) == {"B": ["A"], "D": ["C"]}


def test_reference_with_two_meanings_is_dropped_and_told() -> None:
    text = "# T\n## P\n- Task 1: A\n## Q\n- Task 1: B\n## R\n- C (after task 1)\n"
    assert "ambiguous-reference" in codes(read(text))
    assert needed(read(text)) == {}


def test_reference_to_nothing_is_told_with_its_line() -> None:
    (warning,) = told(read("# T\n- A (after 9.9)\n"), "dangling-id")
    assert (warning.where, warning.value) == ("line 2", "9.9")


def test_cycle_is_refused_and_names_the_tasks() -> None:
    with pytest.raises(InvalidPlan, match=r"'A'.*waits for.*'B'") as caught:
        read("# T\n- Task 1: A (after task 2)\n- Task 2: B (after task 1)\n")
    assert {fault.where for fault in caught.value.faults} == {"line 2", "line 3"}


@pytest.mark.parametrize(
    "title",
    [
        "Follow up after call",
        "Wait (see 3 days)",
        "Stage a protest",
        "Buy 3 cakes",
        "<b onclick=evil()>x</b>",
        "Interview (the CEO)",
        "Part of the deal",
    ],
)
def test_title_that_only_resembles_a_remark_is_kept(title: str) -> None:
    assert read(f"# T\n- {title}\n- z\n").tasks[0].title == title


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("30 min", 0.5),
        ("1.5 h", 1.5),
        ("2 days", 16),
        ("1 week", 40),
        ("~3 hrs", 3),
        ("1,5 days", 12),
    ],
)
def test_durations_are_hours_of_work(text: str, hours: float) -> None:
    assert read(f"# T\n- A ({text})\n").tasks[0].estimate.realistic_hours == hours


@pytest.mark.parametrize(
    "start", ["[![badge](x)](y)", "[Docs](x)", "[a]: x", "<p align=center>Hi</p>\n", "<!-- x -->\n"]
)
def test_text_that_begins_like_json_or_html_is_still_markdown(start: str) -> None:
    assert titles(read(f"{start}\n\n# T\n- A\n")) == [("T", [("A", [])])]


def test_front_matter_is_left_out_and_lines_keep_their_numbers() -> None:
    plan = read("---\ntitle: x\n---\n# T\n- [x] A\n")
    assert (plan.title, told(plan, "marked-done")[0].where) == ("T", "line 5")


def test_deeper_levels_are_drawn_up_and_told() -> None:
    plan = read("# T\n## P\n### A\n- b\n  - c\n    - d\n")
    assert titles(plan) == [("P", [("A", ["b", "c", "d"])])]
    assert [warning.value for warning in told(plan, "deeper-level")] == ["b", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hello world.\nThis is prose.\n", "no headings with lists, no list items"),
        ("# Title\n\nSome text.\n", "no headings with lists"),
        ("".join(f"{'  ' * level}- a\n" for level in range(500)), "nested deeper than 31 levels"),
        ("> " * 500 + "a", "nested deeper"),
        ("- a\n" * 150_000, "more than 110,000 list items"),
        ("- a\n" * 12_000, "12,000 tasks, allowed are 10,000"),
        ("- " + "x" * 9_000_000, "larger than 8,388,608 characters"),
    ],
)
def test_text_that_is_no_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidPlan, match=message) as caught:
        read(text)
    assert caught.value.faults[0].where
