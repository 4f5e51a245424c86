"""The pages of plans: all of them, one with its breakdown, upload, review and start."""

from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.dashboard.ports import Agents, Decomposition, Executions, Plans, Review, Wire
from app.dashboard.presentation import rows, wire
from app.dashboard.refusals import Answer, back_with, done, status_of, told
from app.dashboard.revisions import version_in
from app.dashboard.session import visitor
from app.domain.errors import DomainError

_GATES: Final = ("redline", "go_no_go")
_STRATEGIES: Final = ("rules", "llm")


class PlanPages:
    """Shows plans, takes new ones, and starts them."""

    def __init__(
        self,
        plans: Plans,
        review: Review,
        decomposition: Decomposition,
        executions: Executions,
        agents: Agents,
    ) -> None:
        self._plans = plans
        self._review = review
        self._decomposition = decomposition
        self._executions = executions
        self._agents = agents

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/plans", "plans", self.all)
        blueprint.add_url_rule("/plans", "upload", self.upload, methods=["POST"])
        blueprint.add_url_rule("/plans/<plan_id>", "plan", self.one)
        blueprint.add_url_rule(
            "/plans/<plan_id>/approve", "approve", self.approve, methods=["POST"]
        )
        blueprint.add_url_rule(
            "/plans/<plan_id>/decompose", "decompose", self.decompose, methods=["POST"]
        )
        blueprint.add_url_rule("/plans/<plan_id>/start", "start", self.start, methods=["POST"])

    def all(self, faults: list[str] | None = None) -> str:
        """List plans, newest first."""
        page = self._plans.page(visitor().workspace_id, cursor=request.args.get("cursor"))
        return render_template("dashboard/plans.html", page=rows(page), faults=faults or [])

    def upload(self) -> Answer:
        """Import an uploaded plan."""
        file = request.files.get("file")
        if file is None or not file.filename:
            return self.all(["Choose a file first."]), 422
        try:
            plan = self._plans.import_upload(visitor(), file.filename, file.read())
        except DomainError as error:
            return self.all(told(error)), status_of(error)
        return done(url_for("dashboard.plan", plan_id=plan["plan_id"]))

    def one(self, plan_id: str, faults: list[str] | None = None, held: bool = False) -> str:
        """Show one plan with its breakdown; ``held`` asks for reasons to override its gates."""
        workspace_id = visitor().workspace_id
        plan = wire(self._plans.get(workspace_id, plan_id))
        tree = wire(self._plans.tasks(workspace_id, plan_id))
        return render_template(
            "dashboard/plan.html",
            plan=plan,
            tree=tree,
            agents=self._agents.page(workspace_id, limit=200).items,
            faults=faults or [],
            held=held,
            has_model=self._decomposition.has_model,
            entered=request.form,
        )

    def approve(self, plan_id: str) -> Answer:
        """Accept the breakdowns named by ``task_id``, each as of the ``version`` beside it."""
        address = url_for("dashboard.plan", plan_id=plan_id)
        chosen, versions = request.form.getlist("task_id"), request.form.getlist("version")
        try:
            for task_id, version in zip(chosen, versions, strict=False):
                self._review.approve(visitor(), plan_id, task_id, version_in(version))
        except DomainError as error:
            return back_with(error, address)
        many = "1 breakdown" if len(chosen) == 1 else f"{len(chosen)} breakdowns"
        return done(address, f"Approved {many}.")

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

    def start(self, plan_id: str) -> Answer:
        """Start an execution; a gate that refuses asks for a reason first."""
        try:
            execution = self._executions.create(visitor(), start_request(plan_id))
        except DomainError as error:
            held = any(fault.where.startswith("approvals.") for fault in error.faults)
            return self.one(plan_id, told(error), held), status_of(error)
        flash("Execution started.", "success")
        address = url_for("dashboard.execution", execution_id=execution["execution_id"])
        return redirect(address, 303)


def start_request(plan_id: str) -> Wire:
    """Read the start form into the body of ``POST /api/executions``."""
    form = request.form
    reasons = {gate: form.get(f"override_{gate}", "").strip() for gate in _GATES}
    approvals = {gate: {"reason": reason} for gate, reason in reasons.items() if reason}
    return {
        "plan_id": plan_id,
        "agent_id": form.get("agent_id", ""),
        "ordering": "sequential" if form.get("ordering") == "sequential" else "dependencies",
        "approvals": approvals,
    }
