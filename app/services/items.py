"""What a task or subtask asks for, as its execution's graph says."""

import msgspec

from app.domain.errors import NotFound
from app.domain.execution_graph import ExecutionGraph
from app.services.executions import ExecutionService
from app.services.views import View


class ItemService:
    """Tells of one task or subtask what the tree leaves out, since it never changes."""

    def __init__(self, executions: ExecutionService) -> None:
        self._executions = executions

    def get(self, workspace_id: str, execution_id: str, item_id: str) -> View:
        """Give what an item asks for, and what it waits for by title.

        Raises:
            NotFound: There is no such execution, or it has no such task or subtask.
        """
        graph = self._executions.execution(workspace_id, execution_id, whole=False).graph
        if item_id in graph.subtasks:
            return _subtask(graph, item_id)
        if item_id in graph.tasks:
            return _task(graph, item_id)
        raise NotFound(f"There is no task {item_id!r} in this execution.")


def _task(graph: ExecutionGraph, task_id: str) -> View:
    node = graph.tasks[task_id]
    phase = next(one.name for one in graph.phases if one.phase_id == node.phase_id)
    return {
        "item_id": task_id,
        "title": node.title,
        "within": phase,
        "after": [{"item_id": one, "title": graph.tasks[one].title} for one in node.prerequisites],
        "then": [{"item_id": one, "title": graph.tasks[one].title} for one in node.dependents],
    }


def _subtask(graph: ExecutionGraph, subtask_id: str) -> View:
    node, nodes = graph.subtasks[subtask_id], graph.subtasks
    return {
        "item_id": subtask_id,
        "task_id": node.task_id,
        "title": node.title,
        "within": graph.tasks[node.task_id].title,
        "description": node.description,
        "action": node.action,
        "params": node.params,
        "success_criteria": node.success_criteria,
        "requires_approval": node.requires_approval,
        "assignee": str(node.assignee),
        "timeout_hours": node.timeout_hours,
        "retry_policy": msgspec.to_builtins(node.retry_policy),
        "after": [{"item_id": one, "title": nodes[one].title} for one in node.dependencies],
        "then": [{"item_id": one, "title": nodes[one].title} for one in node.dependents],
    }
