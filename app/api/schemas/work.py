"""What agents poll for and get for their reports."""

from marshmallow import Schema, fields, validate

from app.api.schemas.common import Lenient


class WorkQuery(Lenient):
    """What an agent asks for."""

    supported_actions = fields.String(load_default=None)
    wait = fields.Float(load_default=0, validate=validate.Range(0, 60))
    max = fields.Integer(load_default=1, validate=validate.Range(1, 100))
    instance = fields.String(load_default="", validate=validate.Length(max=200))
    poll_id = fields.String(load_default="", validate=validate.Length(max=200))


class WorkItem(Schema):
    """One leased subtask."""

    execution_id = fields.String(required=True)
    plan_id = fields.String(required=True)
    task_id = fields.String(required=True)
    parent_task_id = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    action = fields.String(required=True)
    params = fields.Dict(required=True)
    attempt = fields.Integer(required=True)
    lease_token = fields.String(required=True)
    lease_expires_at = fields.AwareDateTime(required=True)
    timeout_hours = fields.Float(required=True)
    retry_policy = fields.Dict(required=True)
    redelivered = fields.Boolean(required=True)
    kind = fields.String(required=True)
    context = fields.Dict(required=True)


class Work(Schema):
    """Work for an agent; ``next_task`` is the first of ``tasks``."""

    work_available = fields.Boolean(required=True)
    execution_id = fields.String(required=True)
    plan_id = fields.String(required=True)
    next_task = fields.Nested(WorkItem, required=True)
    tasks = fields.List(fields.Nested(WorkItem), required=True)
    force_pause = fields.Boolean(required=True)
    force_cancel = fields.Boolean(required=True)


class ClaimQuery(Lenient):
    """Whether a report also asks for the next work."""

    claim = fields.Boolean(load_default=False)
    supported_actions = fields.String(load_default=None)
    instance = fields.String(load_default="", validate=validate.Length(max=200))
    poll_id = fields.String(load_default="", validate=validate.Length(max=200))


class EventAnswer(Schema):
    """What came of an event."""

    event_id = fields.String(required=True)
    execution_id = fields.String(required=True)
    plan_id = fields.String(required=True)
    seq = fields.Integer(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    status = fields.String(required=True)
    next_task_id = fields.String(allow_none=True, required=True)
    next_action = fields.String(required=True)
    status_message = fields.String(required=True)
    force_pause = fields.Boolean(required=True)
    force_cancel = fields.Boolean(required=True)
    lease_expires_at = fields.AwareDateTime(required=True)
    human_review_required = fields.Boolean()
    next_step_options = fields.List(fields.String())
    next_task = fields.Nested(WorkItem)


class BatchAnswer(Schema):
    """One answer or problem per event, in order; each with its ``status``."""

    results = fields.List(fields.Dict(), required=True)
