"""Follows the log of an execution and looks at each step of it."""

from collections import Counter
from typing import Any, Final

from app.domain.events import Event, EventType, parse_event, seal
from app.domain.evolve import evolve
from app.domain.execution import Execution
from app.domain.execution_graph import ExecutionGraph
from app.domain.plan import Assignee
from app.domain.states import EXECUTION_MOVES, SUBTASK_MOVES, ExecutionStatus

from .executions import EXECUTION, WORKSPACE, open_prerequisites

E = ExecutionStatus

SAYS_ITS_STATUS: Final = {
    EventType.TASK_COMPLETE,
    EventType.TASK_ERROR,
    EventType.TASK_BLOCKED,
    EventType.TASK_PROGRESS,
    EventType.TASK_DISPATCHED,
    EventType.TASK_READY,
    EventType.TASK_RELEASED,
    EventType.TASK_SKIPPED,
    EventType.LEASE_EXPIRED,
    EventType.RETRY_SCHEDULED,
}


class Witness:
    """Folds the stored log of an execution and looks at each step of it."""

    def __init__(self, graph: ExecutionGraph) -> None:
        self.folded = Execution.unborn(graph, EXECUTION, WORKSPACE)
        self.completions: Counter[str] = Counter()
        self.approved: dict[str, Any] = {}
        self.moves: set[tuple[str, str]] = set()
        self.execution_moves: set[tuple[str, str]] = set()

    def follow(self, event: Event) -> None:
        """Apply the stored form of an event, and look at each move it makes."""
        folded = self.folded
        status, before = folded.header.status, dict(folded.subtasks)
        assert event.seq == folded.header.seq + 1
        self._look_at(event)
        (sealed,) = seal([event], "")
        evolve(folded, parse_event(sealed.body))
        if folded.header.status is not status:
            assert folded.header.status in EXECUTION_MOVES[status]
            self.execution_moves.add((status, folded.header.status))
        for subtask_id, was in before.items():
            now = folded.subtasks[subtask_id].status
            if now is not was.status:
                assert now in SUBTASK_MOVES[was.status], (event.event_type, was.status, now)
                self.moves.add((was.status, now))
        if event.event_type in SAYS_ITS_STATUS:
            assert event.status == folded.subtasks[event.task_id or ""].status

    def _look_at(self, event: Event) -> None:
        subtask_id = event.task_id or ""
        if event.event_type is EventType.TASK_DISPATCHED:
            self._look_at_dispatch(event, subtask_id)
        if event.event_type is EventType.TASK_COMPLETE:
            assert not open_prerequisites(self.folded, subtask_id)
            self.completions[subtask_id] += 1
            assert self.completions[subtask_id] == 1
        if event.data.get("resolution") == "approve":
            self.approved[subtask_id] = self._params(subtask_id)

    def _look_at_dispatch(self, event: Event, subtask_id: str) -> None:
        folded, node = self.folded, self.folded.graph.subtasks[subtask_id]
        assert folded.header.status in (E.QUEUED, E.RUNNING, E.BLOCKED)
        assert folded.subtasks[subtask_id].status == "READY"
        assert not open_prerequisites(folded, subtask_id)
        assert event.agent_id == folded.agent_of(subtask_id)
        assert node.assignee is Assignee.AGENT
        if node.requires_approval and node.action not in folded.header.relaxed_actions:
            assert self.approved[subtask_id] == self._params(subtask_id)

    def _params(self, subtask_id: str) -> dict[str, Any]:
        chosen = (self.folded.subtasks[subtask_id].resolution or {}).get("params") or {}
        return {**self.folded.graph.subtasks[subtask_id].params, **chosen}
