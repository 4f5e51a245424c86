"""Plans: import, look up, delete."""

import logging
from collections import Counter
from collections.abc import Mapping

import msgspec

from app.domain.errors import Conflict, NotFound
from app.domain.ids import new_id
from app.domain.plan import Breakdown, Phase, Plan, PlanSort, PlanStatus, Task
from app.record.breakdowns import Breakdowns, BreakdownSummary
from app.record.decompositions import Decompositions
from app.record.errors import AlreadyExists, StillReferenced
from app.record.pages import Page
from app.record.plans import Plans, PlanSummary, StoredPlan
from app.services.errors import LiveUnavailable
from app.services.identity import Principal
from app.services.jobs import Jobs
from app.services.views import View, breakdown_view
from decomposer.readers import PlanSource, ReadLimits, read_plan

logger = logging.getLogger(__name__)


class PlanService:
    """Takes plans in and gives them out."""

    def __init__(
        self,
        plans: Plans,
        breakdowns: Breakdowns,
        decompositions: Decompositions,
        jobs: Jobs,
        limits: ReadLimits,
    ) -> None:
        self._plans = plans
        self._breakdowns = breakdowns
        self._decompositions = decompositions
        self._jobs = jobs
        self._limits = limits

    def import_upload(
        self, principal: Principal, filename: str, data: bytes, plan_id: str = ""
    ) -> View:
        """Store an uploaded plan and have it broken down.

        Doing so again with the same ``plan_id`` gives the first.

        Raises:
            InvalidPlan: It cannot be read; nothing was stored.
        """
        return self._import(principal, PlanSource.from_upload(filename, data), plan_id)

    def import_json(self, principal: Principal, document: object, plan_id: str = "") -> View:
        """Store a plan given as JSON and have it broken down.

        Doing so again with the same ``plan_id`` gives the first.

        Raises:
            InvalidPlan: It has faults; nothing was stored.
            Conflict: A plan of this id exists.
        """
        return self._import(principal, PlanSource.from_json(document), plan_id)

    def _import(self, principal: Principal, source: PlanSource, given_id: str) -> View:
        plan = read_plan(source, self._limits, given_id or new_id("plan"))
        workspace_id, plan_id = principal.workspace_id, plan.plan_id
        try:
            self._plans.add(workspace_id, plan, PlanStatus.DECOMPOSING, principal.actor)
        except AlreadyExists as error:
            if plan_id == given_id:  # By an earlier try; maintenance sees to its breakdown.
                return self.get(workspace_id, plan_id)
            raise Conflict(f"A plan {plan_id!r} exists.") from error
        version = self._plans.next_version(workspace_id, plan_id)
        try:
            self._jobs.decompose(workspace_id, plan_id, version)
        except LiveUnavailable:
            # The plan is kept, so it is accepted; maintenance asks for its breakdown again.
            logger.warning("breakdown is asked for later", extra={"plan_id": plan_id})
        return self.get(workspace_id, plan_id)

    def get(self, workspace_id: str, plan_id: str, *, whole: bool = False) -> View:
        """Give a plan; ``whole`` with the breakdowns that ``tasks`` gives, read at one moment.

        Raises:
            NotFound: This workspace has no such plan.
        """
        stored = self._stored(workspace_id, plan_id)
        found = self._breakdowns.of_plan(workspace_id, plan_id, stored.decomposition_version)
        phases = [_phase_view(phase, found, whole=whole) for phase in stored.plan.phases]
        told = self._decomposition(workspace_id, stored)
        return {**_plan_view(stored), "decomposition": told, "phases": phases}

    def _decomposition(self, workspace_id: str, stored: StoredPlan) -> View:
        """Tell how far the newest version is, who did it, and what models have used in all."""
        plan_id, version = stored.plan.plan_id, stored.decomposition_version
        wanted = self._decompositions.wanted(workspace_id, plan_id, version)
        made = self._decompositions.made(workspace_id, plan_id, version)
        if wanted.task_ids:  # Others may have been mended with them.
            made = {name: made[name] for name in wanted.task_ids if name in made}
        return {
            "strategy": wanted.strategy,
            "agent_id": wanted.agent_id,
            "tasks_total": len(wanted.task_ids or stored.plan.tasks),
            "tasks_done": len(made),
            "strategies": Counter(made.values()),
            "usage": msgspec.to_builtins(self._decompositions.spent(workspace_id, plan_id)),
        }

    def tasks(self, workspace_id: str, plan_id: str) -> View:
        """Give the task tree of a plan with its breakdowns.

        Raises:
            NotFound: This workspace has no such plan.
        """
        stored = self._stored(workspace_id, plan_id)
        found = self._breakdowns.of_plan(workspace_id, plan_id, stored.decomposition_version)
        return {"phases": [_phase_view(phase, found, whole=True) for phase in stored.plan.phases]}

    def page(
        self,
        workspace_id: str,
        status: str | None = None,
        assigned_to: str | None = None,
        q: str = "",
        sort: str = PlanSort.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[View]:
        """List plans with what their breakdowns come to, newest first or last changed first."""
        page = self._plans.page(
            workspace_id,
            status=PlanStatus(status) if status else None,
            assigned_to=assigned_to,
            search=q,
            sort=PlanSort(sort),
            limit=limit,
            cursor=cursor,
        )
        made = self._breakdowns.summaries(workspace_id, [one.plan_id for one in page.items])
        views = [_summary_view(one, made.get(one.plan_id)) for one in page.items]
        return Page(views, page.next_cursor)

    def delete(self, principal: Principal, plan_id: str) -> None:
        """Delete a plan.

        Raises:
            NotFound: This workspace has no such plan.
            Conflict: An execution of it is live.
        """
        try:
            found = self._plans.delete(principal.workspace_id, plan_id)
        except StillReferenced as error:
            raise Conflict("An execution of this plan has not ended; cancel it first.") from error
        if not found:
            raise NotFound(f"There is no plan {plan_id!r}.")

    def _stored(self, workspace_id: str, plan_id: str) -> StoredPlan:
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None:
            raise NotFound(f"There is no plan {plan_id!r}.")
        return stored


def waiting_for_review(breakdowns: Mapping[str, Breakdown]) -> list[str]:
    """Name the tasks whose breakdown nobody has accepted yet."""
    return [task_id for task_id, one in breakdowns.items() if one.needs_review]


def _plan_view(stored: StoredPlan) -> View:
    plan: Plan = stored.plan
    return {
        "plan_id": plan.plan_id,
        "title": plan.title,
        "goal": plan.goal,
        "final_deliverable": plan.final_deliverable,
        "status": stored.status,
        "status_message": stored.status_message,
        "decomposition_version": stored.decomposition_version,
        "source_format": plan.source_format,
        "warnings": [msgspec.to_builtins(one) for one in plan.warnings],
        "gates": {**msgspec.to_builtins(plan.gates), "refusals": plan.gates.refusals},
        "risks": [msgspec.to_builtins(one) for one in plan.risks],
        "roles_required": plan.roles_required,
        "targets": [msgspec.to_builtins(one) for one in plan.targets],
        "context": plan.context,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }


def _summary_view(summary: PlanSummary, made: BreakdownSummary | None) -> View:
    return {
        **{name: getattr(summary, name) for name in PlanSummary.__struct_fields__},
        "subtasks_total": made.subtasks_total if made else 0,
        "mean_confidence": made.mean_confidence if made else None,
        "lowest_confidence": made.lowest_confidence if made else None,
        "reviews_waiting": made.reviews_waiting if made else 0,
    }


def _phase_view(phase: Phase, found: Mapping[str, Breakdown], *, whole: bool) -> View:
    return {
        "phase_id": phase.phase_id,
        "name": phase.name,
        "tasks": [_task_view(task, found.get(task.task_id), whole=whole) for task in phase.tasks],
    }


def _task_view(task: Task, breakdown: Breakdown | None, *, whole: bool) -> View:
    view: View = {
        "task_id": task.task_id,
        "title": task.title,
        "description": task.description,
        "assignee_role": task.assignee_role,
        "agent_id": task.agent_id,
        "priority": task.priority,
        "estimated_hours": task.estimate.realistic_hours,
        "estimate": msgspec.to_builtins(task.estimate),
        "prerequisites": task.prerequisites,
        "context": task.context,
        "subtasks": [msgspec.to_builtins(one) for one in task.written_subtasks],
        "version": None,
        "decomposition_confidence": None,
        "confidence_reasons": [],
        "confidence_parts": [],
        "needs_review": False,
        "strategy": None,
    }
    if breakdown is not None:
        shown = breakdown_view(breakdown)
        names = (
            "version",
            "decomposition_confidence",
            "confidence_reasons",
            "confidence_parts",
            "needs_review",
            "strategy",
        )
        view.update(shown if whole else {name: shown[name] for name in names})
    return view
