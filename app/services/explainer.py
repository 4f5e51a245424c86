"""Why subtasks are not running: joins an execution with what is known of its agents."""

import collections
import contextlib
import datetime as dt
from collections.abc import Collection
from typing import Final

from app.domain.agents import Agent
from app.domain.behind import count_behind
from app.domain.errors import NotFound
from app.domain.execution import Execution
from app.domain.states import SubtaskStatus
from app.domain.why import AgentSituation, explain
from app.live.work import Work
from app.services.agents import AgentService
from app.services.clock import Clock
from app.services.views import View, why_view

COUNTS_KEPT: Final = 32


class Explainer:
    """Says why what is not done is not running.

    ``silent_after`` is how long an agent may go without a contact before that is told.
    """

    def __init__(
        self, work: Work, agents: AgentService, silent_after: dt.timedelta, clock: Clock
    ) -> None:
        self._work = work
        self._agents = agents
        self._silent_after = silent_after
        self._clock = clock
        self._counts: collections.OrderedDict[str, dict[str, int]] = collections.OrderedDict()

    def line(self, execution: Execution, subtask_id: str) -> View:
        """Explain one subtask; its prerequisites have to be loaded too."""
        agent_id = execution.agent_of(subtask_id)
        found = self._situations(execution.header.workspace_id, [agent_id])
        return why_view(explain(execution, subtask_id, found[agent_id], self._clock()))

    def lines(self, execution: Execution) -> dict[str, View]:
        """Explain, by id, every subtask and task that is not done; all have to be loaded.

        Costs the same per subtask in every plan.
        """
        now, behind = self._clock(), self._behind(execution)
        waiting = [one for one, state in execution.subtasks.items() if not state.status.done]
        agents = {one: execution.agent_of(one) for one in waiting}
        ready = {
            agents[one] for one in waiting if execution.subtasks[one].status is SubtaskStatus.READY
        }
        # Of the others, the cause is never their agent.
        known = dict.fromkeys(agents.values(), AgentSituation(""))
        known |= self._situations(execution.header.workspace_id, ready)
        found = {
            one: why_view(explain(execution, one, known[agents[one]], now, behind[one]))
            for one in waiting
        }
        subjects = {task_id: subject(execution, task_id) for task_id in execution.graph.tasks}
        return found | {task: found[one] for task, one in subjects.items() if one in found}

    def _behind(self, execution: Execution) -> dict[str, int]:
        graph_id = execution.header.graph_id
        found = self._counts.get(graph_id)
        if found is None:
            found = self._counts[graph_id] = count_behind(execution.graph)
            while len(self._counts) > COUNTS_KEPT:
                self._counts.popitem(last=False)
        return found

    def _situations(
        self, workspace_id: str, agent_ids: Collection[str]
    ) -> dict[str, AgentSituation]:
        """Gather what is known of agents; one that is gone performs nothing."""
        named = sorted(agent_ids)
        contacts = self._work.last_contacts(workspace_id, named)
        loads = self._work.loads(workspace_id, named)
        found: dict[str, AgentSituation] = {}
        for agent_id in named:
            agent = self._find(workspace_id, agent_id)
            found[agent_id] = AgentSituation(
                agent_id=agent_id,
                last_contact_at=contacts.get(agent_id),
                leases=loads[agent_id],
                capacity=agent.max_concurrent_tasks if agent else 1,
                paused_at=agent.paused_at if agent else None,
                actions=agent.actions if agent else frozenset(),
                silent_after=self._silent_after,
            )
        return found

    def _find(self, workspace_id: str, agent_id: str) -> Agent | None:
        with contextlib.suppress(NotFound):
            return self._agents.find(workspace_id, agent_id)
        return None


def subject(execution: Execution, task_id: str) -> str:
    """Choose the subtask that stands for a task.

    The first in written order that is not done and does not just wait for another of the same
    task; else the first that is not done; of a task that is done, the last.
    """
    own = execution.graph.tasks[task_id].subtasks
    waiting = [one for one in own if not execution.subtasks[one].status.done]
    free = (one for one in waiting if not _waits_for_sibling(execution, one))
    return next(free, waiting[0] if waiting else own[-1])


def _waits_for_sibling(execution: Execution, subtask_id: str) -> bool:
    if execution.subtasks[subtask_id].status is not SubtaskStatus.QUEUED:
        return False
    nodes = execution.graph.subtasks
    node = nodes[subtask_id]
    siblings = (one for one in node.dependencies if nodes[one].task_id == node.task_id)
    return any(not execution.subtasks[one].status.done for one in siblings)
