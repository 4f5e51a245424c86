"""``/api/plans/{id}/tasks/{tid}``: accept and change breakdowns, and compare their versions."""

from typing import Any

from flask import Response

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.services import Services


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the routes."""
    blueprint = Blueprint("review", __name__, url_prefix="/api/plans", description="Review")
    review, versions = services.review, services.versions

    @blueprint.post("/<plan_id>/tasks/<task_id>/approve")
    @blueprint.arguments(schemas.ApprovalIn, required=False)
    @blueprint.response(200, schemas.Breakdown)
    @users_only
    def approve(body: dict[str, Any], plan_id: str, task_id: str) -> Response:
        """Accept a breakdown that needs review."""
        return reply(review.approve(caller(), plan_id, task_id, body["version"]))

    @blueprint.post("/<plan_id>/tasks/<task_id>/subtasks/operations")
    @blueprint.arguments(schemas.OperationsIn)
    @blueprint.response(200, schemas.RevisedBreakdown)
    @users_only
    def revise(body: dict[str, Any], plan_id: str, task_id: str) -> Response:
        """Edit, split, merge, move, drop and add steps: all that is asked, or nothing."""
        return reply(review.revise(caller(), plan_id, task_id, body))

    @blueprint.put("/<plan_id>/tasks/<task_id>/subtasks")
    @blueprint.arguments(schemas.ManualBreakdownIn)
    @blueprint.response(200, schemas.RevisedBreakdown)
    @users_only
    def write(body: dict[str, Any], plan_id: str, task_id: str) -> Response:
        """Put a manual breakdown in place of the generated one."""
        return reply(review.write(caller(), plan_id, task_id, body))

    @blueprint.post("/<plan_id>/tasks/<task_id>/regenerate")
    @blueprint.arguments(schemas.RegenerateIn, required=False)
    @blueprint.response(200, schemas.RevisedBreakdown)
    @blueprint.alt_response(202, schema=schemas.Plan)
    @users_only
    def regenerate(body: dict[str, Any], plan_id: str, task_id: str) -> Response:
        """Break one task down anew, with a note to the model; 202 with the plan meanwhile."""
        made = review.regenerate(caller(), plan_id, task_id, body)
        if made is not None:
            return reply(made)
        view = services.plans.get(caller().workspace_id, plan_id)
        return reply(view, 202, Location=f"/api/plans/{plan_id}")

    @blueprint.get("/<plan_id>/versions")
    @blueprint.arguments(schemas.PageQuery, location="query")
    @blueprint.response(200, schemas.PlanVersions)
    @users_only
    def list_plan_versions(query: dict[str, Any], plan_id: str) -> Response:
        """List the decomposition versions of a plan, newest first."""
        return reply(versions.of_plan(caller().workspace_id, plan_id, **query))

    @blueprint.get("/<plan_id>/compare")
    @blueprint.arguments(schemas.CompareQuery, location="query")
    @blueprint.response(200, schemas.PlanComparison)
    @users_only
    def compare_plan(query: dict[str, Any], plan_id: str) -> Response:
        """Say which tasks differ between two versions of a plan, and in what."""
        return reply(versions.compare_plan(caller().workspace_id, plan_id, **query))

    @blueprint.get("/<plan_id>/tasks/<task_id>/versions")
    @blueprint.arguments(schemas.PageQuery, location="query")
    @blueprint.response(200, schemas.Versions)
    @users_only
    def list_versions(query: dict[str, Any], plan_id: str, task_id: str) -> Response:
        """List the versions of a task's breakdown, newest first."""
        return reply(versions.of_task(caller().workspace_id, plan_id, task_id, **query))

    @blueprint.get("/<plan_id>/tasks/<task_id>/compare")
    @blueprint.arguments(schemas.CompareQuery, location="query")
    @blueprint.response(200, schemas.Comparison)
    @users_only
    def compare(query: dict[str, Any], plan_id: str, task_id: str) -> Response:
        """Say what differs between two versions of a task's breakdown."""
        return reply(versions.compare_task(caller().workspace_id, plan_id, task_id, **query))

    return blueprint
