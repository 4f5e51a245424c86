"""Plans: in, out, in lists; what has them broken down."""

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from app.api.schemas.agents import CapabilityField
from app.api.schemas.common import SHORT, Lenient, PageQuery, Strict
from app.domain.plan import PlanSort, PlanStatus


class PlanQuery(PageQuery):
    """Which plans."""

    status = fields.String(
        load_default=None, validate=validate.OneOf([one.value for one in PlanStatus])
    )
    assigned_to = fields.String(load_default=None)
    q = fields.String(load_default="", validate=validate.Length(max=200))
    sort = fields.String(
        load_default=PlanSort.NEWEST.value,
        validate=validate.OneOf([one.value for one in PlanSort]),
    )


class PlanWish(Strict):
    """A plan that a PlanExe server is to write, or has written."""

    prompt = fields.String(validate=validate.Length(min=1, max=100_000))
    planexe_id = fields.String(validate=SHORT)
    title = fields.String(validate=SHORT)

    @validates_schema
    def one_is_asked_for(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse both and neither."""
        if ("prompt" in data) == ("planexe_id" in data):
            raise ValidationError("Send either a prompt or a planexe_id.", "prompt")


class PlanUpload(Schema):
    """A plan as a file: zip, HTML report, JSON, CSV or Markdown."""

    file = fields.Raw(required=True, metadata={"type": "string", "format": "binary"})


class Plan(Schema):
    """A plan whole; see ``docs/api.md`` for its phases and tasks."""

    plan_id = fields.String(required=True)
    title = fields.String(required=True)
    goal = fields.String(required=True)
    final_deliverable = fields.String(required=True)
    status = fields.String(required=True)
    status_message = fields.String(required=True)
    decomposition_version = fields.Integer(required=True)
    source_format = fields.String(required=True)
    decomposition = fields.Dict(required=True)
    phases = fields.List(fields.Dict(), required=True)
    warnings = fields.List(fields.Dict(), required=True)
    gates = fields.Dict(required=True)
    risks = fields.List(fields.Dict(), required=True)
    roles_required = fields.List(fields.String(), required=True)
    targets = fields.List(fields.Dict(), required=True)
    context = fields.Dict(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class PlanSummary(Schema):
    """A plan in a list."""

    plan_id = fields.String(required=True)
    title = fields.String(required=True)
    goal = fields.String(required=True)
    status = fields.String(required=True)
    status_message = fields.String(required=True)
    decomposition_version = fields.Integer(required=True)
    source_format = fields.String(required=True)
    tasks_total = fields.Integer(required=True)
    subtasks_total = fields.Integer(required=True)
    mean_confidence = fields.Float(required=True, allow_none=True)
    lowest_confidence = fields.Float(required=True, allow_none=True)
    reviews_waiting = fields.Integer(required=True)
    created_by = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class Plans(Schema):
    """A page of plans."""

    items = fields.List(fields.Nested(PlanSummary), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class PlanTree(Schema):
    """Phases → tasks with their breakdowns."""

    phases = fields.List(fields.Dict(), required=True)


class DecomposeIn(Strict):
    """What to break down anew; without ``task_ids`` all of the plan."""

    strategy = fields.String(load_default="auto", validate=validate.OneOf(["auto", "rules", "llm"]))
    agent_id = fields.String(load_default=None, allow_none=True, validate=SHORT)
    task_ids = fields.List(
        fields.String(validate=SHORT), load_default=list, validate=validate.Length(max=10_000)
    )


class InquiryQuery(Lenient):
    """How long the answer may take."""

    wait = fields.Float(load_default=30, validate=validate.Range(0, 60))


class InquiryIn(Lenient):
    """A task to break down. ``task`` is as in a plan; ``plan_context`` says what it is for."""

    task = fields.Dict(required=True)
    plan_context = fields.Dict(load_default=dict)
    agent_capabilities = fields.List(CapabilityField(), validate=validate.Length(max=500))


class Pending(Schema):
    """Not answered yet: ask again at the ``Location``."""

    status = fields.String(required=True)
    decomposition_id = fields.String(required=True)
