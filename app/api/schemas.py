"""What requests may hold and what answers look like: the source of the OpenAPI document.

Requests are validated by these schemas, unknown fields included. Answers are made by
``app.services.views`` and only described here; a test holds the two against each other.
"""

from typing import Any

from marshmallow import RAISE, Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from app.domain.ids import is_own_id
from app.domain.plan import Ordering, PlanStatus
from app.domain.states import ExecutionStatus

SHORT = validate.Length(min=1, max=200)
LONG = validate.Length(max=20_000)


def _own_id(value: str) -> None:
    if not is_own_id(value):
        raise ValidationError("May hold letters, digits and . _ : - only, up to 100.")


class Strict(Schema):
    """Refuses fields it does not know."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE


class ProblemError(Schema):
    """One bad field."""

    field = fields.String(required=True)
    message = fields.String(required=True)


class Problem(Schema):
    """RFC 9457: what was refused, and why."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    request_id = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(ProblemError), required=True)
    legal = fields.List(
        fields.String(), metadata={"description": "Of an illegal move: what may be asked instead"}
    )


class PageQuery(Strict):
    """How lists are paged."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    cursor = fields.String(load_default=None, validate=validate.Length(max=500))


class PlanQuery(PageQuery):
    """Which plans."""

    status = fields.String(
        load_default=None, validate=validate.OneOf([one.value for one in PlanStatus])
    )
    assigned_to = fields.String(load_default=None)


class ExecutionQuery(PageQuery):
    """Which executions."""

    plan_id = fields.String(load_default=None)
    agent_id = fields.String(load_default=None)
    status = fields.String(
        load_default=None, validate=validate.OneOf([one.value for one in ExecutionStatus])
    )


class EventQuery(PageQuery):
    """Which events."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))
    after = fields.Integer(load_default=0, validate=validate.Range(0))
    type = fields.String(load_default=None)
    task_id = fields.String(load_default=None)
    agent_id = fields.String(load_default=None)
    order = fields.String(load_default="asc", validate=validate.OneOf(["asc", "desc"]))


class CapabilityField(fields.Field[Any]):
    """An action's name, or ``{action, params, description}``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        if isinstance(value, str):
            value = {"action": value}
        loaded: Any = _CAPABILITY.load(value)
        return loaded


class Capability(Strict):
    """One action an agent performs. ``params``: names, or a JSON Schema."""

    action = fields.String(required=True, validate=SHORT)
    params = fields.Raw(load_default=list)
    description = fields.String(load_default="", validate=LONG)

    @validates_schema
    def params_are_names_or_schema(self, data: dict[str, Any], **_: Any) -> None:
        """Accept a list of names or a JSON Schema object."""
        params = data["params"]
        names = isinstance(params, list) and all(isinstance(one, str) for one in params)
        if not names and not isinstance(params, dict):
            raise ValidationError("Must be a list of names or a JSON Schema.", "params")


_CAPABILITY = Capability()


class AgentIn(Strict):
    """A registration."""

    agent_id = fields.String(validate=_own_id)
    name = fields.String(required=True, validate=SHORT)
    role = fields.String(load_default="", validate=validate.Length(max=200))
    capabilities = fields.List(
        CapabilityField(), required=True, validate=validate.Length(min=1, max=500)
    )
    max_concurrent_tasks = fields.Integer(load_default=1, validate=validate.Range(1, 1000))
    webhook_url = fields.Url(load_default=None, allow_none=True, schemes={"http", "https"})


class AgentKey(Schema):
    """What an agent is told once."""

    agent_id = fields.String(required=True)
    api_key = fields.String(required=True)
    poll_interval_seconds = fields.Integer(required=True)
    long_poll_max_seconds = fields.Integer(required=True)
    heartbeat_interval_seconds = fields.Integer(required=True)
    lease_seconds = fields.Integer(required=True)


class Agent(Schema):
    """An agent."""

    agent_id = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)
    capabilities = fields.List(fields.Nested(Capability), required=True)
    max_concurrent_tasks = fields.Integer(required=True)
    webhook_url = fields.String(allow_none=True, required=True)
    created_at = fields.AwareDateTime(required=True)
    last_contact_at = fields.AwareDateTime(allow_none=True, required=True)


class Agents(Schema):
    """A page of agents."""

    items = fields.List(fields.Nested(Agent), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class PlanUpload(Schema):
    """A plan as a file: a zip of a PlanExe run, or JSON."""

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
    phases = fields.List(fields.Dict(), required=True)
    warnings = fields.List(fields.Dict(), required=True)
    gates = fields.Dict(required=True)
    risks = fields.List(fields.Dict(), required=True)
    roles_required = fields.List(fields.String(), required=True)
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


class Breakdown(Schema):
    """One task's decomposition."""

    task_id = fields.String(required=True)
    decomposition_confidence = fields.Float(required=True)
    confidence_reasons = fields.List(fields.String(), required=True)
    needs_review = fields.Boolean(required=True)
    strategy = fields.String(required=True)
    executable_subtasks = fields.List(fields.Dict(), required=True)
    execution_sequence = fields.List(fields.String(), required=True)
    notes = fields.String(required=True)
    warnings = fields.List(fields.Dict(), required=True)
    usage = fields.Dict(required=True)


class Override(Strict):
    """Why a gate's refusal is overridden; kept in the log."""

    reason = fields.String(required=True, validate=validate.Length(min=1, max=2000))


class Approvals(Strict):
    """Gates that are overridden."""

    redline = fields.Nested(Override)
    go_no_go = fields.Nested(Override)


class ExecutionIn(Strict):
    """What to execute, and by whom."""

    plan_id = fields.String(required=True, validate=SHORT)
    agent_id = fields.String(required=True, validate=SHORT)
    start = fields.Boolean(load_default=True)
    ordering = fields.String(
        load_default=Ordering.DEPENDENCIES.value,
        validate=validate.OneOf([one.value for one in Ordering]),
    )
    approvals = fields.Nested(Approvals, load_default=dict)


class ExecutionPatch(Strict):
    """A wish for another status."""

    status = fields.String(
        required=True, validate=validate.OneOf(["PAUSED", "RUNNING", "CANCELLED"])
    )
    reason = fields.String(load_default="", validate=validate.Length(max=2000))


class Progress(Schema):
    """The numbers of a progress bar."""

    tasks_completed = fields.Integer(required=True)
    tasks_total = fields.Integer(required=True)
    percent = fields.Integer(required=True)
    subtasks_completed = fields.Integer(required=True)
    subtasks_total = fields.Integer(required=True)
    current_task_id = fields.String(allow_none=True, required=True)
    current_task_title = fields.String(allow_none=True, required=True)


class Execution(Schema):
    """An execution with its progress."""

    execution_id = fields.String(required=True)
    plan_id = fields.String(required=True)
    plan_title = fields.String(required=True)
    agent_id = fields.String(required=True)
    ordering = fields.String(required=True)
    status = fields.String(required=True)
    status_message = fields.String(required=True)
    progress = fields.Nested(Progress, required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    open_blockers = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    started_at = fields.AwareDateTime(allow_none=True, required=True)
    completed_at = fields.AwareDateTime(allow_none=True, required=True)
    updated_at = fields.AwareDateTime(required=True)
    seq = fields.Integer(required=True)


class Executions(Schema):
    """A page of executions."""

    items = fields.List(fields.Nested(Execution), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class Tree(Schema):
    """Phases → tasks → subtasks; see ``docs/api.md``."""

    phases = fields.List(fields.Dict(), required=True)


class Control(Schema):
    """Whether to go on."""

    status = fields.String(required=True)
    force_pause = fields.Boolean(required=True)
    force_cancel = fields.Boolean(required=True)
    reason = fields.String(required=True)


class Event(Schema):
    """One entry of the log."""

    seq = fields.Integer(required=True)
    event_id = fields.String(required=True)
    event_type = fields.String(required=True)
    execution_id = fields.String(required=True)
    task_id = fields.String(allow_none=True, required=True)
    agent_id = fields.String(allow_none=True, required=True)
    actor = fields.String(required=True)
    status = fields.String(required=True)
    message = fields.String(allow_none=True, required=True)
    output_data = fields.Raw(allow_none=True, required=True)
    error_type = fields.String(allow_none=True, required=True)
    error_message = fields.String(allow_none=True, required=True)
    progress_percent = fields.Float(allow_none=True, required=True)
    attempt = fields.Integer(allow_none=True, required=True)
    suggestions = fields.List(fields.String(), required=True)
    usage = fields.Dict(allow_none=True, required=True)
    due_at = fields.AwareDateTime(allow_none=True, required=True)
    recorded_at = fields.AwareDateTime(required=True)
    agent_timestamp = fields.AwareDateTime(allow_none=True, required=True)
    hash = fields.String(required=True)


class Events(Schema):
    """A page of the log."""

    items = fields.List(fields.Nested(Event), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class WorkQuery(Strict):
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


class ClaimQuery(Strict):
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
    next_task = fields.Nested(WorkItem)


class BatchAnswer(Schema):
    """One answer or problem per event, in order; each with its ``status``."""

    results = fields.List(fields.Dict(), required=True)


class Ticket(Schema):
    """A one-time ticket."""

    ticket = fields.String(required=True)
    expires_in_seconds = fields.Integer(required=True)
