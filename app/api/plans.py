"""``/api/plans``: import, list, look up, delete."""

from typing import Any

from flask import Response, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import no_content, reply
from app.api.guard import caller, users_only
from app.api.idempotency import made_id
from app.api.limits import Limits
from app.services import Services


def create_blueprint(services: Services, _limits: Limits) -> Blueprint:
    """Build the routes."""
    blueprint = Blueprint("plans", __name__, url_prefix="/api/plans", description="Plans")
    plans = services.plans

    @blueprint.post("")
    @blueprint.doc(
        requestBody={
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "multipart/form-data": {"schema": schemas.PlanUpload},
            },
            "required": True,
        }
    )
    @blueprint.response(202, schemas.Plan)
    @users_only
    def import_plan() -> Response:
        """Import a plan: JSON of its phases and tasks, or a file (multipart field ``file``)."""
        plan_id = made_id(services.answers, "plan")
        if request.mimetype == "multipart/form-data":
            upload = request.files.get("file")
            if upload is None:
                raise BadRequest("Send the plan as the multipart field 'file'.")
            view = plans.import_upload(caller(), upload.filename or "", upload.read(), plan_id)
        elif request.is_json:
            view = plans.import_json(caller(), request.get_json(), plan_id)
        else:
            raise UnsupportedMediaType("Send application/json or multipart/form-data.")
        return reply(view, 202, Location=f"/api/plans/{view['plan_id']}")

    @blueprint.post("/generate")
    @blueprint.arguments(schemas.PlanWish)
    @blueprint.response(202, schemas.Plan)
    @users_only
    def generate(body: dict[str, Any]) -> Response:
        """Have the configured PlanExe server write a plan, or fetch one that it has written."""
        view = services.imports.begin(caller(), body, made_id(services.answers, "plan"))
        return reply(view, 202, Location=f"/api/plans/{view['plan_id']}")

    @blueprint.get("")
    @blueprint.arguments(schemas.PlanQuery, location="query")
    @blueprint.response(200, schemas.Plans)
    def list_plans(query: dict[str, Any]) -> Response:
        """List plans, newest first; an agent sees those assigned to it."""
        principal = caller()
        if principal.agent_id:
            query["assigned_to"] = principal.agent_id
        return reply(plans.page(principal.workspace_id, **query))

    @blueprint.get("/<plan_id>")
    @blueprint.response(200, schemas.Plan)
    @users_only
    def get_plan(plan_id: str) -> Response:
        """Give a plan whole."""
        return reply(plans.get(caller().workspace_id, plan_id))

    @blueprint.get("/<plan_id>/tasks")
    @blueprint.response(200, schemas.PlanTree)
    @users_only
    def get_tasks(plan_id: str) -> Response:
        """Give a plan's task tree with the breakdown of each task."""
        return reply(plans.tasks(caller().workspace_id, plan_id))

    @blueprint.post("/<plan_id>/decompose")
    @blueprint.arguments(schemas.DecomposeIn)
    @blueprint.response(202, schemas.Plan)
    @users_only
    def decompose(body: dict[str, Any], plan_id: str) -> Response:
        """Break a plan, or some of its tasks, down anew, as another version."""
        services.decomposition.request(caller(), plan_id, body)
        view = plans.get(caller().workspace_id, plan_id)
        return reply(view, 202, Location=f"/api/plans/{plan_id}")

    @blueprint.delete("/<plan_id>")
    @blueprint.response(204)
    @users_only
    def delete_plan(plan_id: str) -> Response:
        """Delete a plan; refused while an execution of it is live."""
        plans.delete(caller(), plan_id)
        return no_content()

    return blueprint
