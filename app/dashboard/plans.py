"""The pages of plans: all of them, one with its breakdown, and where new ones come from."""

from typing import Final

from flask import Blueprint, flash, render_template, request, url_for

from app.dashboard.plan_facts import (
    REVIEW,
    gate_tone,
    hours,
    mending,
    phases_of,
    plan_facts,
    shown,
)
from app.dashboard.ports import (
    Decomposition,
    Executions,
    Imports,
    Plans,
    Review,
    Versions,
    Wire,
)
from app.dashboard.presentation import rows, wire
from app.dashboard.refusals import Answer, back_with, done, status_of
from app.dashboard.revisions import version_in
from app.dashboard.session import visitor
from app.dashboard.sources import source_of
from app.domain.errors import DomainError
from app.domain.ids import new_id
from app.domain.plan import PlanSort, PlanStatus

_STRATEGIES: Final = ("rules", "llm")
_MOST_SHOWN: Final = 5


class PlanPages:
    """Shows plans, and takes new ones."""

    def __init__(
        self,
        plans: Plans,
        imports: Imports,
        review: Review,
        decomposition: Decomposition,
        versions: Versions,
        executions: Executions,
    ) -> None:
        self._plans = plans
        self._imports = imports
        self._review = review
        self._decomposition = decomposition
        self._versions = versions
        self._executions = executions

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/plans", "plans", self.all)
        blueprint.add_url_rule("/plans/<plan_id>", "plan", self.one)
        for address, name, view in (
            ("/plans", "upload", self.upload),
            ("/plans/generate", "generate", self.generate),
            ("/plans/<plan_id>/approve", "approve", self.approve),
            ("/plans/<plan_id>/decompose", "decompose", self.decompose),
        ):
            blueprint.add_url_rule(address, name, view, methods=["POST"])

    def all(self, refusal: DomainError | None = None, problem: str = "") -> str:
        """List plans; ``refusal`` or ``problem`` says what was wrong with one that was sent."""
        workspace_id, asked = visitor().workspace_id, _asked()
        page = rows(self._plans.page(workspace_id, **asked, cursor=request.args.get("cursor")))
        latest = self._executions.latest(workspace_id, [one["plan_id"] for one in page.items])
        return render_template(
            "dashboard/plans.html",
            page=page,
            latest=wire(latest),
            asked=asked,
            statuses=[status.value for status in PlanStatus],
            busy=any(is_busy(plan) for plan in page.items),
            problem=str(refusal) if refusal else problem,
            faults=refusal.faults if refusal else [],
            mending=mending,
            can_generate=self._imports.is_configured,
            entered=request.form,
        )

    def upload(self) -> Answer:
        """Import an uploaded plan."""
        file = request.files.get("file")
        if file is None or not file.filename:
            return self.all(problem="Choose a file first."), 422
        try:
            plan = self._plans.import_upload(visitor(), file.filename, file.read())
        except DomainError as error:
            return self.all(error), status_of(error)
        return done(url_for("dashboard.plan", plan_id=plan["plan_id"]))

    def generate(self) -> Answer:
        """Have the PlanExe server write a plan."""
        prompt = request.form.get("prompt", "").strip()
        if not prompt:
            return self.all(problem="Say what the plan is for."), 422
        try:
            plan = self._imports.begin(visitor(), {"prompt": prompt}, new_id("plan"))
        except DomainError as error:
            return self.all(error), status_of(error)
        return done(url_for("dashboard.plan", plan_id=plan["plan_id"]))

    def one(self, plan_id: str) -> str:
        """Show one plan with its breakdown, or of that only what waits for review."""
        workspace_id = visitor().workspace_id
        plan = wire(self._plans.get(workspace_id, plan_id, whole=True))
        show = request.args.get("show", "")
        return render_template(
            "dashboard/plan.html",
            plan=plan,
            show=show if show == REVIEW else "",
            phases=phases_of(shown(plan, show)),
            **plan_facts(plan),
            executions=rows(
                self._executions.page(workspace_id, plan_id=plan_id, limit=_MOST_SHOWN)
            ).items,
            versions=rows(self._versions.of_plan(workspace_id, plan_id, _MOST_SHOWN)).items,
            has_model=self._decomposition.has_model,
            busy=is_busy(plan),
            source_of=source_of,
            hours=hours,
            gate_tone=gate_tone,
        )

    def approve(self, plan_id: str) -> Answer:
        """Accept the breakdowns named by ``task_id``, each as of its ``version:`` field."""
        address = url_for("dashboard.plan", plan_id=plan_id)
        chosen = request.form.getlist("task_id")
        approved = 0
        try:
            for task_id in chosen:
                version = version_in(request.form.get(f"version:{task_id}", ""))
                self._review.approve(visitor(), plan_id, task_id, version)
                approved += 1
        except DomainError as error:
            if approved:
                flash(f"{_breakdowns(approved)} approved, then one was refused.", "success")
            return back_with(error, url_for("dashboard.plan", plan_id=plan_id, show=REVIEW))
        return done(address, f"Approved {_breakdowns(approved)}.")

    def decompose(self, plan_id: str) -> Answer:
        """Have all tasks broken down again."""
        address = url_for("dashboard.plan", plan_id=plan_id)
        wanted = request.form.get("strategy")
        strategy = wanted if wanted in _STRATEGIES else "auto"
        try:
            self._decomposition.request(visitor(), plan_id, {"strategy": strategy})
        except DomainError as error:
            return back_with(error, address)
        return done(address, "The plan is being broken down again.")


def is_busy(plan: Wire) -> bool:
    """Tell whether a plan is still being read or broken down."""
    return plan["status"] in (PlanStatus.IMPORTING, PlanStatus.DECOMPOSING)


def _asked() -> Wire:
    """Read search, status and order out of the address; what is none of them is passed over."""
    status, sort = request.args.get("status"), request.args.get("sort")
    return {
        "q": request.args.get("q", "").strip()[:200],
        "status": status if status in [one.value for one in PlanStatus] else None,
        "sort": sort if sort in [one.value for one in PlanSort] else PlanSort.NEWEST.value,
    }


def _breakdowns(count: int) -> str:
    return "1 breakdown" if count == 1 else f"{count} breakdowns"
