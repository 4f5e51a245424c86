"""The pages of one task's breakdown: its source beside its steps, changes, and versions."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from flask import Blueprint, render_template, request, url_for

from app.dashboard.plans import is_busy
from app.dashboard.ports import Decomposition, Plans, Review, Versions, Wire
from app.dashboard.presentation import rows, tasks_of, wire
from app.dashboard.refusals import Answer, back_with, done
from app.dashboard.revisions import operation_of, version_of
from app.dashboard.session import visitor
from app.dashboard.sides import aligned, sides_of
from app.dashboard.sources import pieces, source_of
from app.domain.errors import DomainError, Invalid, NotFound

_MOST_VERSIONS: Final = 20
_PATH: Final = "/plans/<plan_id>/tasks/<task_id>"


class ReviewPages:
    """Shows a breakdown, carries out what a person wants of it, and compares versions."""

    def __init__(
        self, plans: Plans, review: Review, decomposition: Decomposition, versions: Versions
    ) -> None:
        self._plans = plans
        self._review = review
        self._decomposition = decomposition
        self._versions = versions

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule(_PATH, "task", self.one)
        blueprint.add_url_rule(f"{_PATH}/compare", "compare", self.compare)
        for name, view in (
            ("accept", self.accept),
            ("revise", self.revise),
            ("regenerate", self.regenerate),
        ):
            blueprint.add_url_rule(f"{_PATH}/{name}", name, view, methods=["POST"])

    def one(self, plan_id: str, task_id: str) -> str:
        """Show a task's text beside its steps."""
        workspace_id = visitor().workspace_id
        plan = wire(self._plans.get(workspace_id, plan_id, whole=True))
        page = self._versions.of_task(workspace_id, plan_id, task_id, limit=_MOST_VERSIONS)
        return render_template(
            "dashboard/task.html",
            plan=plan,
            task=_task(plan, task_id),
            following=_following(plan, task_id),
            titles=_step_titles(plan),
            versions=rows(page).items,
            has_model=self._decomposition.has_model,
            busy=is_busy(plan),
            source_of=source_of,
            pieces=pieces,
            waits_for=_waits_for,
        )

    def accept(self, plan_id: str, task_id: str) -> Answer:
        """Accept the version that was looked at."""
        address = url_for("dashboard.task", plan_id=plan_id, task_id=task_id)
        try:
            self._review.approve(visitor(), plan_id, task_id, version_of(request.form))
        except DomainError as error:
            return back_with(error, address)
        following = request.form.get("then")
        if following:
            address = url_for("dashboard.task", plan_id=plan_id, task_id=following)
        return done(address, "Approved. This is the next." if following else "Approved.")

    def revise(self, plan_id: str, task_id: str) -> Answer:
        """Carry out one operation on the version that was looked at."""
        address = url_for("dashboard.task", plan_id=plan_id, task_id=task_id)
        try:
            wanted = {
                "version": version_of(request.form),
                "operations": [operation_of(request.form)],
            }
            made = self._review.revise(visitor(), plan_id, task_id, wanted)
        except DomainError as error:
            return back_with(error, address)
        return done(f"{address}{_place(request.form)}", _told(made))

    def regenerate(self, plan_id: str, task_id: str) -> Answer:
        """Have the task broken down anew."""
        address = url_for("dashboard.task", plan_id=plan_id, task_id=task_id)
        note = request.form.get("message", "").strip()[:2000]
        try:
            wanted = {"message": note, "version": version_of(request.form)}
            if request.form.get("strategy") == "rules":
                wanted["strategy"] = "rules"
            made = self._review.regenerate(visitor(), plan_id, task_id, wanted)
        except DomainError as error:
            return back_with(error, address)
        return done(address, _told(made) if made else "A model breaks this task down anew.")

    def compare(self, plan_id: str, task_id: str) -> str:
        """Show two versions side by side."""
        workspace_id = visitor().workspace_id
        before, after = (_number(request.args.get(name, "")) for name in ("from", "to"))
        found = wire(self._versions.compare_task(workspace_id, plan_id, task_id, before, after))
        sides = sides_of(found)
        return render_template(
            "dashboard/compare.html",
            plan=wire(self._plans.get(workspace_id, plan_id)),
            found=found,
            sides=sides,
            aligned=aligned(sides),
        )


def _told(made: Wire) -> str:
    return f"{' '.join(made['changes'])} This is version {made['version']}."


def _place(form: Mapping[str, str]) -> str:
    """Give the anchor of the step that was changed, if it is still there."""
    step_id = form.get("subtask_id", "")
    return f"#step-{quote(step_id)}" if step_id and form.get("op") != "drop" else ""


def _waits_for(steps: list[Wire], subtask_id: str) -> list[Wire]:
    """Find the steps that wait for one."""
    return [step for step in steps if subtask_id in (step.get("dependencies") or [])]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Invalid("Name two versions to compare.")
    return int(text[:9])


def _task(tree: Wire, task_id: str) -> Wire:
    found = [task for task in tasks_of(tree) if task["task_id"] == task_id]
    if not found:
        raise NotFound("This plan has no such task.")
    return found[0]


def _following(tree: Wire, task_id: str) -> Wire | None:
    """Find the next task that waits for review, after this one or from the start."""
    tasks = tasks_of(tree)
    place = [task["task_id"] for task in tasks].index(task_id)
    others = [*tasks[place + 1 :], *tasks[:place]]
    return next((task for task in others if task["needs_review"]), None)


def _step_titles(tree: Wire) -> dict[str, str]:
    """Give the titles of all steps of the plan by id."""
    return {
        step["subtask_id"]: step["title"]
        for task in tasks_of(tree)
        for step in task.get("executable_subtasks", [])
    }
