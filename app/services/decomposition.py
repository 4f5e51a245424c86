"""Breaking plans down, as workers do it."""

from collections.abc import Mapping

from app.domain.errors import DomainError
from app.domain.execution_graph import compile_graph
from app.domain.plan import Breakdown, Ordering, Plan, PlanStatus
from app.record.breakdowns import Breakdowns
from app.record.plans import Plans
from app.services.plans import waiting_for_review
from decomposer.rules import Defaults, decompose_plan


class DecompositionService:
    """Turns every task of a plan into executable subtasks."""

    def __init__(
        self, plans: Plans, breakdowns: Breakdowns, threshold: float, defaults: Defaults
    ) -> None:
        self._plans = plans
        self._breakdowns = breakdowns
        self._threshold = threshold
        self._defaults = defaults

    def decompose(self, workspace_id: str, plan_id: str, version: int) -> None:
        """Break a plan down as this version; doing it again changes nothing.

        A plan that cannot be broken down becomes FAILED and says why.
        """
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None or version < stored.decomposition_version:
            return
        try:
            made = decompose_plan(stored.plan, self._threshold, self._defaults)
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
        self._plans.set_status(workspace_id, plan_id, *_verdict(stored.plan, found))


def _verdict(plan: Plan, found: Mapping[str, Breakdown]) -> tuple[PlanStatus, str]:
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
