"""The order of things: cycles, topological order, and edges implied by the written order.

Edges are given as ``{node: its prerequisites}``; a prerequisite that is no key counts as a node
without prerequisites. Nothing here recurses: a chain of 10,000 tasks is an ordinary input.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping

from app.domain.errors import InvalidPlan
from app.domain.plan import Ordering, Plan

Edges = Mapping[str, Collection[str]]


def find_cycle(edges: Edges) -> list[str] | None:
    """Find one cycle: each node of the answer waits for the next, the last for the first."""
    done: dict[str, None] = {}
    for start in edges:
        if start not in done and (cycle := _walk(start, edges, done)):
            return cycle
    return None


def topological_order(edges: Edges) -> list[str]:
    """Sort so that each node, in the order of the keys, stands right behind what it needs.

    Raises:
        InvalidPlan: There is a cycle; the message names its nodes.
    """
    position = {node: index for index, node in enumerate(edges)}
    # In written order, so that what is needed together stays in its own order too.
    tidy = {
        node: sorted(found, key=lambda item: position.get(item, -1))
        for node, found in edges.items()
    }
    done: dict[str, None] = {}
    for start in tidy:
        if start not in done and (cycle := _walk(start, tidy, done)):
            raise InvalidPlan(f"Cycle: {' waits for '.join([*cycle, cycle[0]])}.")
    return list(done)


def _walk(start: str, edges: Edges, done: dict[str, None]) -> list[str] | None:
    """Visit in depth what a node needs, noting each as done behind its prerequisites."""
    path: dict[str, Iterator[str]] = {start: iter(edges[start])}
    while path:
        node = next(reversed(path))
        following = next((item for item in path[node] if item not in done), None)
        if following is None:
            done[node] = None
            path.popitem()
        elif following in path:
            nodes = list(path)
            return nodes[nodes.index(following) :]
        else:
            path[following] = iter(edges.get(following, ()))
    return None


def invert(edges: Edges) -> dict[str, list[str]]:
    """Turn prerequisites into dependents: who waits for a node."""
    dependents: dict[str, list[str]] = {}
    for node, prerequisites in edges.items():
        for prerequisite in dict.fromkeys(prerequisites):
            dependents.setdefault(prerequisite, []).append(node)
    return dependents


def implied_edges(plan: Plan, ordering: Ordering) -> dict[str, list[str]]:
    """Derive the edges an ordering adds to what the plan states, in the form of ``Edges``.

    ``sequential`` asks every task to wait for the one written before it. Edges are added in
    written order, each one only where it closes no cycle with the stated edges and those added
    already; an edge the plan states itself is not repeated.

    Raises:
        InvalidPlan: The stated edges alone close a cycle.
    """
    if ordering is Ordering.DEPENDENCIES:
        return {}
    tasks = plan.tasks
    order = _LiveOrder({task.task_id: task.prerequisites for task in tasks})
    implied: dict[str, list[str]] = {}
    for before, task in itertools.pairwise(tasks):
        if before.task_id not in task.prerequisites and order.add(task.task_id, before.task_id):
            implied[task.task_id] = [before.task_id]
    return implied


class _LiveOrder:
    """A topological order kept valid while edges are added (Pearce and Kelly, 2006).

    An edge that agrees with the order costs nothing; another one is looked at only within the
    stretch between its ends. That stays near linear where a search per edge would be quadratic.
    """

    def __init__(self, edges: Edges) -> None:
        order = topological_order(edges)
        self._rank = {node: index for index, node in enumerate(order)}
        self._before = {node: list(edges.get(node, ())) for node in order}
        self._after = invert(edges)

    def add(self, node: str, prerequisite: str) -> bool:
        """Add an edge; answers False, and changes nothing, where it would close a cycle."""
        low, high = self._rank[node], self._rank[prerequisite]
        if low < high:
            later = self._reach(node, self._after, low, high)
            if prerequisite in later:
                return False
            self._move(self._reach(prerequisite, self._before, low, high), later)
        self._before[node].append(prerequisite)
        self._after.setdefault(prerequisite, []).append(node)
        return True

    def _reach(self, start: str, edges: Edges, low: int, high: int) -> set[str]:
        found, stack = {start}, [start]
        while stack:
            for item in edges.get(stack.pop(), ()):
                if item not in found and low <= self._rank[item] <= high:
                    found.add(item)
                    stack.append(item)
        return found

    def _move(self, earlier: set[str], later: set[str]) -> None:
        nodes = sorted(earlier, key=self._rank.__getitem__)
        nodes += sorted(later, key=self._rank.__getitem__)
        self._rank.update(zip(nodes, sorted(map(self._rank.__getitem__, nodes)), strict=True))
