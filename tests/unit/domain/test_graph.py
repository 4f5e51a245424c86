"""Order, cycles and implied edges, checked against brute force."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidPlan
from app.domain.graph import find_cycle, implied_edges, invert, topological_order
from app.domain.plan import Ordering, Phase, Plan, Task
from tests.computing import computes_within

Graph = dict[str, list[str]]


@st.composite
def graphs(draw: st.DrawFn, acyclic: bool = False) -> Graph:
    """Draw up to eight nodes with any edges, or only such as agree with a hidden order."""
    size = draw(st.integers(1, 8))
    nodes = [f"n{index}" for index in range(size)]
    hidden = draw(st.permutations(nodes))
    allowed = [
        (node, other)
        for rank, node in enumerate(hidden)
        for other in (hidden[:rank] if acyclic else nodes)
    ]
    chosen = draw(st.lists(st.sampled_from(allowed))) if allowed else []
    edges: Graph = {node: [] for node in nodes}
    for node, other in chosen:
        edges[node].append(other)
    return edges


def reaches(edges: Graph, start: str, goal: str) -> bool:
    seen: set[str] = set()
    stack = list(edges[start])
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        if node not in seen:
            seen.add(node)
            stack += edges[node]
    return False


def plan_of(edges: Graph) -> Plan:
    tasks = [Task(node, node, prerequisites=found) for node, found in edges.items()]
    return Plan("p", "p", [Phase("a", "a", tasks[:3]), Phase("b", "b", tasks[3:])])


@given(graphs())
def test_cycle_is_found_exactly_where_a_node_reaches_itself(edges: Graph) -> None:
    cycle = find_cycle(edges)
    assert (cycle is not None) == any(reaches(edges, node, node) for node in edges)
    for node, following in zip(cycle or [], (cycle or [])[1:] + (cycle or [])[:1], strict=True):
        assert following in edges[node]


def test_cycle_ignores_prerequisites_that_are_no_nodes() -> None:
    assert find_cycle({"a": ["outside"]}) is None


@given(graphs(acyclic=True))
def test_order_puts_prerequisites_first(edges: Graph) -> None:
    order = topological_order(edges)
    assert sorted(order) == sorted(edges)
    for node, found in edges.items():
        assert all(order.index(item) < order.index(node) for item in found)


def test_order_keeps_the_written_order_but_for_what_is_needed_earlier() -> None:
    edges = {"c": [], "a": ["z", "y"], "b": [], "y": [], "z": []}
    assert topological_order(edges) == ["c", "y", "z", "a", "b"]


def test_order_counts_a_repeated_prerequisite_once() -> None:
    assert topological_order({"a": ["b", "b"], "b": []}) == ["b", "a"]


def test_order_of_a_cycle_is_refused_and_named() -> None:
    with pytest.raises(InvalidPlan, match="a waits for b"):
        topological_order({"a": ["b"], "b": ["a"]})


def test_dependents_are_the_reverse_of_prerequisites() -> None:
    assert invert({"a": ["b", "b"], "c": ["b"], "b": []}) == {"b": ["a", "c"]}


@given(graphs(acyclic=True))
def test_implied_edges_are_the_greedy_ones_and_close_no_cycle(edges: Graph) -> None:
    nodes = list(edges)
    expected: Graph = {}
    grown = {node: list(found) for node, found in edges.items()}
    for before, node in itertools.pairwise(nodes):
        if before not in edges[node] and not reaches(grown, before, node):
            expected[node] = [before]
            grown[node].append(before)
    assert implied_edges(plan_of(edges), Ordering.SEQUENTIAL) == expected
    assert find_cycle(grown) is None


def test_ordering_by_dependencies_implies_nothing() -> None:
    assert implied_edges(plan_of({"a": [], "b": []}), Ordering.DEPENDENCIES) == {}


def test_implied_edges_of_a_cyclic_plan_are_refused() -> None:
    with pytest.raises(InvalidPlan):
        implied_edges(plan_of({"a": ["b"], "b": ["a"]}), Ordering.SEQUENTIAL)


SIZE = 10_000
LARGE: dict[str, Graph] = {
    "no edges": {f"n{i}": [] for i in range(SIZE)},
    "reversed chain": {f"n{i}": [f"n{i + 1}"] if i < SIZE - 1 else [] for i in range(SIZE)},
    "first waits for all": {"n0": [f"n{i}" for i in range(SIZE - 1, 0, -1)]}
    | {f"n{i}": [] for i in range(1, SIZE)},
    "lower half waits for upper": {
        f"n{i}": [f"n{i + SIZE // 2}"] if i < SIZE // 2 else [] for i in range(SIZE)
    },
    "half wait for the last": {
        f"n{i}": [f"n{SIZE - 1}"] if i % 2 and i < SIZE - 1 else [] for i in range(SIZE)
    },
}


@pytest.mark.parametrize("shape", LARGE)
def test_ten_thousand_tasks_are_ordered_in_a_moment(shape: str) -> None:
    plan = plan_of(LARGE[shape])
    with computes_within(2):
        implied_edges(plan, Ordering.SEQUENTIAL)
