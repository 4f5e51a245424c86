"""How much waits behind each subtask, for a whole plan at once."""

import collections
from typing import Final

from app.domain.execution_graph import ExecutionGraph
from app.domain.graph import topological_order

_SUBTASK: Final = "s:"
_TASK: Final = "t:"
_AFTER: Final = "a:"


def count_behind(graph: ExecutionGraph) -> dict[str, int]:
    """Count, for every subtask, those that cannot be done before it: ``graph.behind`` for all.

    What is behind a place is a set of bits, one per subtask, and the union of what is behind its
    dependents: each place is visited once, and its set is dropped when nobody needs it any more.
    So a chain of 10,000 costs milliseconds, where one search per subtask would take minutes.
    """
    edges = _edges(graph)
    needed = collections.Counter(one for before in edges.values() for one in before)
    reached: dict[str, int] = {}
    counts: dict[str, int] = {}
    for place in topological_order(edges):
        behind = 0
        for one in edges[place]:
            behind |= reached[one]
            needed[one] -= 1
            if not needed[one]:
                del reached[one]
        if place.startswith(_SUBTASK):
            subtask_id = place.removeprefix(_SUBTASK)
            counts[subtask_id] = behind.bit_count()
            behind |= 1 << graph.subtasks[subtask_id].position
        if needed[place]:
            reached[place] = behind
    return counts


def _edges(graph: ExecutionGraph) -> dict[str, list[str]]:
    """Say what follows each place: subtasks, tasks as a whole, and all that is after a task."""
    edges: dict[str, list[str]] = {}
    for task_id, task in graph.tasks.items():
        edges[_TASK + task_id] = [_SUBTASK + one for one in task.subtasks]
        edges[_AFTER + task_id] = [_TASK + one for one in task.dependents]
    for subtask_id, node in graph.subtasks.items():
        after = [_SUBTASK + one for one in node.dependents]
        edges[_SUBTASK + subtask_id] = [*after, _AFTER + node.task_id]
    return edges
