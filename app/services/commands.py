"""What people ask of a running execution, carried out at once or refused."""

from collections.abc import Sequence

from app.domain import commands as c
from app.domain.execution import Execution
from app.domain.matching import mismatch
from app.domain.plan import Assignee
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.record.executions import Executions
from app.services.agents import AgentService
from app.services.clock import Clock
from app.services.errors import gone


class Commands:
    """Carries out commands on live executions, and tells of those that are not live any more."""

    def __init__(
        self, live: LiveExecutions, record: Executions, agents: AgentService, clock: Clock
    ) -> None:
        self._live = live
        self._record = record
        self._agents = agents
        self._clock = clock

    def part(self, workspace_id: str, execution_id: str, subtask_ids: Sequence[str]) -> Execution:
        """Give a live execution with some of its subtasks.

        Raises:
            NotFound: This workspace has no such execution.
            Terminal: It has ended.
            BeingRecovered: Redis has lost it.
        """
        try:
            execution = self._live.part(workspace_id, execution_id, subtask_ids)
        except NotLive as error:
            raise self._gone(workspace_id, execution_id) from error
        if execution.header.status.ended:
            raise gone(execution.header, execution_id)
        return execution

    def carry_out(
        self, workspace_id: str, execution_id: str, commands: Sequence[c.Command]
    ) -> Execution:
        """Carry commands out in one commit and give what was loaded for it, as it is afterwards.

        Raises:
            NotFound: This workspace has no such execution.
            DomainError: The first refusal; then none of them was carried out.
        """
        try:
            result = self._live.execute(
                workspace_id, execution_id, commands, self._clock(), atomic=True
            )
        except NotLive as error:
            raise self._gone(workspace_id, execution_id) from error
        for outcome in result.outcomes:
            if outcome.refusal:
                raise outcome.refusal
        return result.after

    def misfit(self, execution: Execution, subtask_id: str, agent_id: str = "") -> str:
        """Say why the agent a subtask would go to cannot perform it; empty where it can."""
        node = execution.graph.subtasks[subtask_id]
        if node.assignee is Assignee.HUMAN:
            return ""
        taker = agent_id or execution.agent_of(subtask_id)
        actions = self._agents.actions(execution.header.workspace_id, [taker])
        return mismatch(node.action, taker, actions)

    def _gone(self, workspace_id: str, execution_id: str) -> Exception:
        return gone(self._record.get(workspace_id, execution_id), execution_id)
