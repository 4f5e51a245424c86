"""Why a task is not running: exactly one cause, and who can clear it."""

from app.domain.errors import NotFound
from app.domain.execution import Execution
from app.domain.execution_graph import ExecutionGraph
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.services.executions import ExecutionService
from app.services.explainer import Explainer, subject
from app.services.views import View


class WhyService:
    """Answers for one task or subtask at a time, at a cost that does not grow with the plan."""

    def __init__(
        self, live: LiveExecutions, executions: ExecutionService, explainer: Explainer
    ) -> None:
        self._live = live
        self._executions = executions
        self._explainer = explainer

    def get(self, workspace_id: str, execution_id: str, task_id: str) -> View:
        """Explain a subtask, or of a task the subtask that it waits for.

        Raises:
            NotFound: This workspace has no such execution, or it has no such task.
        """
        try:
            execution = self._part(workspace_id, execution_id, task_id)
        except NotLive:
            execution = self._executions.execution(workspace_id, execution_id)
        own = subtasks_of(execution.graph, task_id)
        chosen = own[0] if task_id in execution.graph.subtasks else subject(execution, task_id)
        return self._explainer.line(execution, chosen)

    def _part(self, workspace_id: str, execution_id: str, task_id: str) -> Execution:
        """Load what is asked about with all that it may wait for."""
        graph = self._live.part(workspace_id, execution_id, ()).graph
        own = subtasks_of(graph, task_id)
        before = [one for subtask_id in own for one in graph.subtasks[subtask_id].dependencies]
        tasks = {graph.subtasks[one].task_id for one in own}
        needed = [one for task in tasks for one in (task, *graph.tasks[task].prerequisites)]
        wanted = list(dict.fromkeys([*own, *before]))
        return self._live.part(workspace_id, execution_id, wanted, needed)


def subtasks_of(graph: ExecutionGraph, task_id: str) -> list[str]:
    """Name the subtask of this id, or those of the task of this id.

    Raises:
        NotFound: There is neither.
    """
    if task_id in graph.subtasks:
        return [task_id]
    if task_id in graph.tasks:
        return graph.tasks[task_id].subtasks
    raise NotFound(f"This execution has no task {task_id!r}.")
