"""What the start of a plan would meet: what holds it back, who has to do what, who can."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from app.domain.agents import Agent
from app.domain.errors import DomainError, NotFound
from app.domain.execution_graph import ExecutionGraph, SubtaskNode, compile_graph
from app.domain.matching import mismatch
from app.domain.plan import Assignee, Breakdown, Ordering, PlanStatus
from app.live.work import Work
from app.record.agents import Agents
from app.record.breakdowns import Breakdowns
from app.record.plans import Plans, StoredPlan
from app.services.clock import Clock
from app.services.plans import waiting_for_review
from app.services.views import View

AGENTS_AT_MOST: Final = 200


class ReadinessService:
    """Tells before a start what a start would run into; nothing is begun."""

    def __init__(
        self,
        plans: Plans,
        breakdowns: Breakdowns,
        agents: Agents,
        work: Work,
        offline: dt.timedelta,
        clock: Clock,
        risky_words: Collection[str] = (),
    ) -> None:
        self._plans = plans
        self._breakdowns = breakdowns
        self._agents = agents
        self._work = work
        self._offline = offline
        self._clock = clock
        self._risky_words = risky_words

    def of_plan(self, workspace_id: str, plan_id: str) -> View:
        """Tell what is in the way, what needs people, and what each agent can do of it.

        Where the plan cannot be carried out as it stands, ``fault`` says why and the rest is empty.

        Raises:
            NotFound: This workspace has no such plan.
        """
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None:
            raise NotFound(f"There is no plan {plan_id!r}.")
        version = stored.decomposition_version
        found = self._breakdowns.of_plan(workspace_id, plan_id, version)
        graph, fault = self._graph(stored, found)
        agents = self._agents.page(workspace_id, AGENTS_AT_MOST).items
        return {
            "fault": fault,
            "refusals": stored.plan.gates.refusals,
            "reviews": _reviews(stored, found),
            **_people(graph),
            **_capable(graph, agents),
            "agents": self._told(workspace_id, agents, graph),
        }

    def _graph(
        self, stored: StoredPlan, found: Mapping[str, Breakdown]
    ) -> tuple[ExecutionGraph, str]:
        nothing = ExecutionGraph(stored.plan.title, "", [], {}, {})
        if stored.status in (PlanStatus.IMPORTING, PlanStatus.DECOMPOSING):
            return nothing, "The plan is still being broken down."
        try:
            plan, words = stored.plan, self._risky_words
            return compile_graph(plan, found, Ordering.DEPENDENCIES, words), ""
        except DomainError as error:
            return nothing, str(error)

    def _told(self, workspace_id: str, agents: list[Agent], graph: ExecutionGraph) -> list[View]:
        """Give the agents, those on line that can do most of it first."""
        names = [one.agent_id for one in agents]
        contacts = self._work.last_contacts(workspace_id, names)
        known = {one.agent_id: one.actions for one in agents}
        since = self._clock() - self._offline
        told = [
            _agent(one, contacts.get(one.agent_id), since, _missed(graph, one.agent_id, known))
            for one in agents
        ]
        return sorted(told, key=lambda one: (not one["online"], len(one["misses"]), one["name"]))


def _reviews(stored: StoredPlan, found: Mapping[str, Breakdown]) -> list[View]:
    waiting = frozenset(waiting_for_review(found))
    return [
        {"task_id": task.task_id, "title": task.title}
        for task in stored.plan.tasks
        if task.task_id in waiting
    ]


def _agent(
    agent: Agent, contact: dt.datetime | None, since: dt.datetime, misses: list[View]
) -> View:
    return {
        "agent_id": agent.agent_id,
        "name": agent.name or agent.agent_id,
        "role": agent.role,
        "status": "PAUSED" if agent.paused_at else "ACTIVE",
        "online": contact is not None and contact > since,
        "last_contact_at": contact,
        "misses": misses,
    }


def _by_agents(graph: ExecutionGraph) -> dict[str, SubtaskNode]:
    found = graph.subtasks.items()
    return {name: node for name, node in found if node.assignee is Assignee.AGENT}


def _missed(
    graph: ExecutionGraph, agent_id: str, known: Mapping[str, Collection[str]]
) -> list[View]:
    """Name what would find nobody if this agent were to carry the plan out."""
    return _counted(
        node.action
        for node in _by_agents(graph).values()
        if mismatch(node.action, graph.tasks[node.task_id].agent_id or agent_id, known)
    )


def _people(graph: ExecutionGraph) -> View:
    """Name what a person does, and what a person is asked before an agent does it."""
    nodes = graph.subtasks.items()
    return {
        "subtasks_total": len(graph.subtasks),
        "approvals": [_step(graph, *one) for one in nodes if one[1].requires_approval],
        "by_people": [_step(graph, *one) for one in nodes if one[1].assignee is Assignee.HUMAN],
    }


def _step(graph: ExecutionGraph, subtask_id: str, node: SubtaskNode) -> View:
    return {
        "subtask_id": subtask_id,
        "title": node.title,
        "action": node.action,
        "task_id": node.task_id,
        "task_title": graph.tasks[node.task_id].title,
    }


def _capable(graph: ExecutionGraph, agents: Iterable[Agent]) -> View:
    """Count the actions of the plan, and name those that no agent at all performs."""
    actions = [node.action for node in _by_agents(graph).values()]
    performed = {"": frozenset[str]().union(*(one.actions for one in agents))}
    nobody = (action for action in actions if mismatch(action, "", performed))
    return {"actions": _counted(actions), "nobody": _counted(nobody)}


def _counted(actions: Iterable[str]) -> list[View]:
    """Count subtasks by action, most first."""
    counts = Counter(actions).most_common()
    return [{"action": action, "subtasks": count} for action, count in counts]
