from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.behind import count_behind
from app.domain.execution_graph import ExecutionGraph, compile_graph
from app.domain.plan import Breakdown, Ordering, Phase, Plan, Subtask, Task


def graph_of(tasks: list[Task], subtasks: dict[str, list[Subtask]]) -> ExecutionGraph:
    plan = Plan("plan_1", "A plan", [Phase("p", "Phase", tasks)])
    found = {one: Breakdown(one, "given", 1.0, [], own) for one, own in subtasks.items()}
    return compile_graph(plan, found, Ordering.DEPENDENCIES)


@st.composite
def graphs(draw: Any) -> ExecutionGraph:
    """Plans in which tasks and subtasks wait for any that are written before them."""
    count = draw(st.integers(1, 6))
    tasks: list[Task] = []
    subtasks: dict[str, list[Subtask]] = {}
    before: list[str] = []
    for number in range(count):
        earlier = [f"t{one}" for one in range(number)]
        needed = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        tasks.append(Task(f"t{number}", "A task", prerequisites=needed))
        subtasks[f"t{number}"] = []
        for place in range(draw(st.integers(1, 4))):
            waits = (
                draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
            )
            subtask_id = f"t{number}s{place}"
            subtasks[f"t{number}"].append(Subtask(subtask_id, "A step", "noop", dependencies=waits))
            before.append(subtask_id)
    return graph_of(tasks, subtasks)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_counting_all_at_once_equals_one_search_per_subtask(graph: ExecutionGraph) -> None:
    assert count_behind(graph) == {one: graph.behind(one) for one in graph.subtasks}


def test_everything_behind_the_first_of_a_long_chain_is_counted() -> None:
    length = 10_000
    chain = [
        Subtask(f"s{one}", "A step", "noop", dependencies=[f"s{one - 1}"] if one else [])
        for one in range(length)
    ]
    found = count_behind(graph_of([Task("t", "A task")], {"t": chain}))
    assert found == {f"s{one}": length - 1 - one for one in range(length)}
