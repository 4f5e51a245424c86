"""Breaking plans down, as workers do it."""

from collections.abc import Mapping

from app.domain.agents import Capability
from app.domain.errors import DomainError
from app.domain.execution_graph import compile_graph
from app.domain.plan import Breakdown, Ordering, Plan, PlanStatus
from app.record.agents import Agents
from app.record.breakdowns import Breakdowns
from app.record.plans import Plans
from app.services.plans import waiting_for_review
from decomposer.breakdown import Decomposer
from decomposer.strategy import Defaults, Frame

_AGENTS_READ = 500


class DecompositionService:
    """Turns every task of a plan into executable subtasks."""

    def __init__(
        self,
        plans: Plans,
        breakdowns: Breakdowns,
        agents: Agents,
        decomposer: Decomposer,
        defaults: Defaults,
    ) -> None:
        self._plans = plans
        self._breakdowns = breakdowns
        self._agents = agents
        self._decomposer = decomposer
        self._defaults = defaults

    def decompose(
        self, workspace_id: str, plan_id: str, version: int, agent_id: str | None = None
    ) -> None:
        """Break a plan down as this version; doing it again changes nothing.

        The steps are matched with what the agent named can do, else with what all agents of the
        workspace can. A plan that cannot be broken down becomes FAILED and says why.
        """
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None or version < stored.decomposition_version:
            return
        frame = Frame(stored.plan, self.capabilities(workspace_id, agent_id), self._defaults)
        try:
            made = self._decomposer.plan(frame)
            found = {one.task_id: one for one in made}
            compile_graph(stored.plan, found, Ordering.DEPENDENCIES)
        except DomainError as error:
            faults = "; ".join(f"{fault.where} {fault.message}" for fault in error.faults)
            message = f"{error} {faults}".strip()
            self._plans.set_status(workspace_id, plan_id, PlanStatus.FAILED, message)
            return
        self._breakdowns.add(workspace_id, plan_id, version, made)
        # Those stored: the first time they are the same, later some may have been approved.
        found = self._breakdowns.of_plan(workspace_id, plan_id, version)
        self._plans.set_status(workspace_id, plan_id, *verdict(stored.plan, found))

    def capabilities(self, workspace_id: str, agent_id: str | None = None) -> list[Capability]:
        """Give what one agent can do, or what all of a workspace can; empty where none is known."""
        if agent_id is not None:
            agent = self._agents.get(workspace_id, agent_id)
            return agent.capabilities if agent else []
        agents = self._agents.page(workspace_id, _AGENTS_READ).items
        return [capability for agent in agents for capability in agent.capabilities]


def verdict(plan: Plan, found: Mapping[str, Breakdown]) -> tuple[PlanStatus, str]:
    """Say where a plan stands whose tasks are broken down, and why."""
    refusals = plan.gates.refusals
    if refusals:
        said = {"redline": plan.gates.redline, "go_no_go": plan.gates.go_no_go}
        told = ", ".join(f"{name} says {said[name]!r}" for name in refusals)
        return PlanStatus.REFUSED, f"The plan's own gates refuse it: {told}."
    waiting = waiting_for_review(found)
    if waiting:
        count = len(waiting)
        return PlanStatus.NEEDS_REVIEW, f"{count} of {len(found)} breakdowns wait for review."
    return PlanStatus.READY, ""
