"""The page before a start: who carries the plan out, what that takes, and what is in the way."""

from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.dashboard.plan_facts import gate_tone
from app.dashboard.ports import Executions, Plans, Readiness, Wire
from app.dashboard.presentation import wire
from app.dashboard.refusals import Answer, status_of, told
from app.dashboard.session import visitor
from app.domain.errors import DomainError

_GATES: Final = ("redline", "go_no_go")


class StartPages:
    """Shows what a start would meet, and starts plans."""

    def __init__(self, plans: Plans, readiness: Readiness, executions: Executions) -> None:
        self._plans = plans
        self._readiness = readiness
        self._executions = executions

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        address = "/plans/<plan_id>/start"
        blueprint.add_url_rule(address, "starting", self.form)
        blueprint.add_url_rule(address, "start", self.start, methods=["POST"])

    def form(self, plan_id: str, faults: list[str] | None = None) -> str:
        """Show the choices, and what each of them means."""
        workspace_id = visitor().workspace_id
        return render_template(
            "dashboard/start.html",
            plan=wire(self._plans.get(workspace_id, plan_id)),
            ready=wire(self._readiness.of_plan(workspace_id, plan_id)),
            faults=faults or [],
            entered=request.form,
            gate_tone=gate_tone,
        )

    def start(self, plan_id: str) -> Answer:
        """Start an execution; what refuses is told beside the choices that were made."""
        try:
            execution = self._executions.create(visitor(), start_request(plan_id))
        except DomainError as error:
            return self.form(plan_id, told(error)), status_of(error)
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
