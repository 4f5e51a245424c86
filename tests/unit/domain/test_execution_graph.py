"""Compiling a plan into the graph that executions share."""

import pytest

from app.domain.errors import InvalidPlan
from app.domain.execution_graph import MOST_INPUTS, ExecutionGraph, compile_graph, graph_id
from app.domain.plan import Assignee, Breakdown, Ordering, Phase, Plan, RetryPolicy, Task
from tests.executions import chain, make_graph, make_plan, step


def test_nodes_know_who_waits_for_whom_on_both_levels() -> None:
    graph = make_graph(
        {"t": [step("a"), step("b", "a")], "u": [step("d", "a"), step("e")]}, {"u": ["t"]}
    )
    assert graph.tasks["t"].entries == ["a"]
    assert graph.tasks["u"].entries == ["d", "e"]
    assert (graph.tasks["t"].dependents, graph.tasks["u"].prerequisites) == (["u"], ["t"])
    assert graph.subtasks["a"].dependents == ["b", "d"]
    assert [node.position for node in graph.subtasks.values()] == [0, 1, 2, 3]


def test_what_a_subtask_says_is_kept() -> None:
    policy = RetryPolicy(max_attempts=9)
    written = step(
        "a",
        description="Dig",
        params={"depth": 3},
        retry_policy=policy,
        timeout_hours=2.0,
        success_criteria=["a hole"],
        requires_approval=True,
        assignee=Assignee.HUMAN,
    )
    node = make_graph({"t": [written]}).subtasks["a"]
    assert (node.description, node.params, node.retry_policy) == ("Dig", {"depth": 3}, policy)
    assert (node.timeout_hours, node.success_criteria) == (2.0, ["a hole"])
    assert (node.requires_approval, node.assignee) == (True, "human")


def test_the_written_order_adds_edges_between_tasks() -> None:
    plan, breakdowns = make_plan({"t": [step("a")], "u": [step("b")]})
    graph = compile_graph(plan, breakdowns, Ordering.SEQUENTIAL)
    assert (graph.tasks["u"].prerequisites, graph.tasks["u"].implied) == (["t"], ["t"])
    assert graph.tasks["t"].dependents == ["u"]


def test_the_goal_is_what_the_plan_wants_or_delivers() -> None:
    plan, breakdowns = make_plan({"t": [step("a")]})
    assert compile_graph(plan, breakdowns, Ordering.DEPENDENCIES).goal == ""
    phases = plan.phases
    for fields in ({"goal": "Light"}, {"final_deliverable": "Light"}):
        given = Plan("p", "P", phases, **fields)
        assert compile_graph(given, breakdowns, Ordering.DEPENDENCIES).goal == "Light"


def test_agents_of_single_tasks_are_known_once_each() -> None:
    tasks = {"t": [step("a")], "u": [step("b")], "v": [step("d")]}
    graph = make_graph(tasks, agents={"t": "zoe", "u": "ada", "v": "zoe"})
    assert graph.agents == ["ada", "zoe"]


def test_equal_graphs_have_one_name_and_different_ones_another() -> None:
    packed = chain(3).pack()
    assert ExecutionGraph.unpack(packed) == chain(3)
    assert graph_id(packed) == graph_id(chain(3).pack())
    assert graph_id(packed) != graph_id(chain(4).pack())


@pytest.mark.parametrize(
    ("tasks", "after", "where"),
    [
        ({"t": [step("a", "ghost")]}, {}, "a"),
        ({"t": [step("a")]}, {"t": ["ghost"]}, "t"),
        ({"t": [step("a", "b"), step("b", "a")]}, {}, "a"),
        ({"t": [step("a")], "u": [step("b")]}, {"t": ["u"], "u": ["t"]}, "start of t"),
        ({"t": [step("a", "b")], "u": [step("b")]}, {"u": ["t"]}, "a"),
    ],
    ids=["no such subtask", "no such task", "subtasks", "tasks", "across levels"],
)
def test_edges_that_would_wait_for_ever_are_refused_with_their_place(
    tasks: dict[str, list[object]], after: dict[str, list[str]], where: str
) -> None:
    with pytest.raises(InvalidPlan) as refusal:
        make_graph(tasks, after)  # pyright: ignore[reportArgumentType]
    assert where in [fault.where for fault in refusal.value.faults]


@pytest.mark.parametrize(
    "tasks",
    [{"t": [step("a")], "u": [step("a")]}, {"t": [step("t")]}],
    ids=["repeated", "id of a task"],
)
def test_ids_that_mean_two_things_are_refused(tasks: dict[str, list[object]]) -> None:
    with pytest.raises(InvalidPlan):
        make_graph(tasks)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("breakdowns", [{}, {"t": Breakdown("t", "rules", 1.0, [], [])}])
def test_a_task_without_subtasks_is_refused(breakdowns: dict[str, Breakdown]) -> None:
    plan = Plan("p", "P", [Phase("a", "A", [Task("t", "Tower")])])
    with pytest.raises(InvalidPlan, match="Tower"):
        compile_graph(plan, breakdowns, Ordering.DEPENDENCIES)


def test_a_neighbourhood_is_as_large_as_what_waits_and_no_larger() -> None:
    small, large = chain(10, width=3), chain(1000, width=3)
    for graph in (small, large):
        subtasks, tasks = graph.neighbourhood("s2")
        assert (subtasks, tasks) == ({"s2", "s3"}, {"t0", "t1"})


def test_a_subtask_builds_on_its_dependencies_or_on_the_ends_of_the_tasks_before() -> None:
    graph = make_graph(
        {"t": [step("a"), step("b", "a"), step("d")], "u": [step("e"), step("f", "e")]},
        {"u": ["t"]},
    )
    assert graph.inputs("a") == []
    assert graph.inputs("e") == ["b", "d"]
    assert graph.inputs("f") == ["e"]


def test_the_results_handed_to_one_subtask_are_limited() -> None:
    many = [step(f"s{number}") for number in range(MOST_INPUTS + 1)]
    graph = make_graph(
        {"t": many, "u": [step("last", *(one.subtask_id for one in many))], "v": [step("next")]},
        {"v": ["t"]},
    )
    assert len(graph.inputs("last")) == MOST_INPUTS
    assert len(graph.inputs("next")) <= MOST_INPUTS
