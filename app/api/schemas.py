"""What requests may hold and what answers look like: the source of the OpenAPI document.

Requests are validated by these schemas, unknown fields included. Answers are made by
``app.services.views`` and only described here; a test holds the two against each other.
"""

from typing import Any, Final

import msgspec
from marshmallow import EXCLUDE, RAISE, Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from app.domain.blockers import BlockerKind, Resolution
from app.domain.ids import is_own_id
from app.domain.operations import MOST_OPERATIONS, MOST_STEPS
from app.domain.plan import Ordering, PlanStatus
from app.domain.proof import Where
from app.domain.states import ExecutionStatus
from app.domain.why import Cause, ClearedBy

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


class Lenient(Schema):
    """Passes over what it does not know: agents of the first drafts send more."""

    class Meta:
        """marshmallow's options."""

        unknown = EXCLUDE


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


class AgentPatch(Strict):
    """What may be changed of an agent; ``status`` PAUSED gives it no work."""

    name = fields.String(validate=SHORT)
    role = fields.String(validate=validate.Length(max=200))
    capabilities = fields.List(CapabilityField(), validate=validate.Length(min=1, max=500))
    max_concurrent_tasks = fields.Integer(validate=validate.Range(1, 1000))
    webhook_url = fields.Url(allow_none=True, schemes={"http", "https"})
    status = fields.String(validate=validate.OneOf(["ACTIVE", "PAUSED"]))


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
    status = fields.String(required=True)
    paused_at = fields.AwareDateTime(allow_none=True, required=True)
    paused_by = fields.String(allow_none=True, required=True)
    created_at = fields.AwareDateTime(required=True)
    last_contact_at = fields.AwareDateTime(allow_none=True, required=True)


class Agents(Schema):
    """A page of agents."""

    items = fields.List(fields.Nested(Agent), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


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
    version = fields.Integer(required=True)
    decomposition_confidence = fields.Float(required=True)
    confidence_reasons = fields.List(fields.String(), required=True)
    confidence_parts = fields.List(fields.Dict(), required=True)
    uncovered = fields.List(fields.String(), required=True)
    needs_review = fields.Boolean(required=True)
    strategy = fields.String(required=True)
    executable_subtasks = fields.List(fields.Dict(), required=True)
    execution_sequence = fields.List(fields.String(), required=True)
    notes = fields.String(required=True)
    warnings = fields.List(fields.Dict(), required=True)
    usage = fields.Dict(required=True)
    approved_by = fields.String(allow_none=True, required=True)
    approved_at = fields.AwareDateTime(allow_none=True, required=True)
    edited_by = fields.String(allow_none=True, required=True)
    edited_at = fields.AwareDateTime(allow_none=True, required=True)
    note = fields.String(required=True)
    changes = fields.List(fields.String(), required=True)


class RevisedBreakdown(Breakdown):
    """A breakdown after a change; other tasks' steps may have been mended with it."""

    also_changed = fields.List(fields.String(), required=True)


VERSION = validate.Range(0, 2**31 - 1)


class ApprovalIn(Strict):
    """What is accepted; without a version whatever is the newest."""

    version = fields.Integer(load_default=None, allow_none=True, validate=VERSION)


class _ChangeIn(Strict):
    """A change of a breakdown: why, and whether it needs no review afterwards."""

    note = fields.String(load_default="", validate=validate.Length(max=2000))
    approve = fields.Boolean(load_default=False)


class OperationsIn(_ChangeIn):
    """Operations on the version named; see ``docs/api.md`` for each."""

    version = fields.Integer(required=True, validate=VERSION)
    operations = fields.List(
        fields.Dict(), required=True, validate=validate.Length(1, MOST_OPERATIONS)
    )


class ManualBreakdownIn(_ChangeIn):
    """The steps of a task, written by a person."""

    version = fields.Integer(load_default=None, allow_none=True, validate=VERSION)
    subtasks = fields.List(fields.Dict(), required=True, validate=validate.Length(1, MOST_STEPS))


class RegenerateIn(Strict):
    """A note to whoever breaks the task down anew."""

    message = fields.String(load_default="", allow_none=True, validate=validate.Length(max=2000))
    version = fields.Integer(load_default=None, allow_none=True, validate=VERSION)


class CompareQuery(Strict):
    """Which two versions."""

    before = fields.Integer(required=True, data_key="from", validate=VERSION)
    after = fields.Integer(required=True, data_key="to", validate=VERSION)


class PlanVersion(Schema):
    """A decomposition version of a plan, with the tasks that got a breakdown in it."""

    version = fields.Integer(required=True)
    tasks_total = fields.Integer(required=True)
    task_ids = fields.List(fields.String(), required=True)
    strategies = fields.List(fields.String(), required=True)
    edited_by = fields.String(allow_none=True, required=True)
    created_at = fields.AwareDateTime(required=True)


class PlanVersions(Schema):
    """A page of them."""

    items = fields.List(fields.Nested(PlanVersion), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class Version(Schema):
    """One version of a task's breakdown."""

    task_id = fields.String(required=True)
    version = fields.Integer(required=True)
    strategy = fields.String(required=True)
    decomposition_confidence = fields.Float(required=True)
    needs_review = fields.Boolean(required=True)
    approved_by = fields.String(allow_none=True, required=True)
    approved_at = fields.AwareDateTime(allow_none=True, required=True)
    edited_by = fields.String(allow_none=True, required=True)
    edited_at = fields.AwareDateTime(allow_none=True, required=True)
    note = fields.String(required=True)
    changes = fields.List(fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    subtasks_total = fields.Integer(required=True)


class Versions(Schema):
    """A page of them."""

    items = fields.List(fields.Nested(Version), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class TaskComparison(Schema):
    """What differs between two versions of a task's breakdown."""

    task_id = fields.String(required=True)
    title = fields.String(required=True)
    different = fields.Boolean(required=True)
    from_version = fields.Integer(required=True)
    to_version = fields.Integer(required=True)
    from_confidence = fields.Float(allow_none=True, required=True)
    to_confidence = fields.Float(allow_none=True, required=True)
    from_subtasks = fields.List(fields.Dict(), required=True)
    to_subtasks = fields.List(fields.Dict(), required=True)
    added = fields.List(fields.Dict(), required=True)
    removed = fields.List(fields.Dict(), required=True)
    changed = fields.List(fields.Dict(), required=True)
    moved = fields.List(fields.String(), required=True)


class Comparison(TaskComparison):
    """The same, with the versions that were asked for."""

    before = fields.Integer(required=True, data_key="from")
    after = fields.Integer(required=True, data_key="to")


class PlanComparison(Schema):
    """The tasks that differ between two versions of a plan."""

    before = fields.Integer(required=True, data_key="from")
    after = fields.Integer(required=True, data_key="to")
    tasks = fields.List(fields.Nested(TaskComparison), required=True)


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


class Override(Strict):
    """Why a gate's refusal is overridden; kept in the log."""

    reason = fields.String(required=True, validate=validate.Length(min=1, max=2000))


class Approvals(Strict):
    """Gates that are overridden."""

    redline = fields.Nested(Override)
    go_no_go = fields.Nested(Override)
    relaxed_actions = fields.List(fields.String(validate=SHORT), validate=validate.Length(max=500))


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

    status = fields.String(validate=validate.OneOf(["PAUSED", "RUNNING", "CANCELLED"]))
    agent_id = fields.String(validate=SHORT)
    reason = fields.String(load_default="", validate=validate.Length(max=2000))

    @validates_schema
    def something_is_asked(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a wish for nothing."""
        if "status" not in data and "agent_id" not in data:
            raise ValidationError("Name a status, another agent, or both.", "status")


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
    plan_version = fields.Integer(required=True)
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
    evidence = fields.List(fields.Dict(), required=True)
    due_at = fields.AwareDateTime(allow_none=True, required=True)
    recorded_at = fields.AwareDateTime(required=True)
    agent_timestamp = fields.AwareDateTime(allow_none=True, required=True)
    hash = fields.String(required=True)


class Events(Schema):
    """A page of the log."""

    items = fields.List(fields.Nested(Event), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


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


class Ticket(Schema):
    """A one-time ticket."""

    ticket = fields.String(required=True)
    expires_in_seconds = fields.Integer(required=True)


RESULT_BYTES: Final = 262_144
"""Ceiling of a result as JSON; larger ones belong into files."""


def _result_size(value: Any) -> None:
    if len(msgspec.json.encode(value)) > RESULT_BYTES:
        raise ValidationError(f"Longer than {RESULT_BYTES} bytes as JSON.")


class WhyAction(Schema):
    """A call that would clear a cause."""

    method = fields.String(required=True)
    path = fields.String(required=True)
    description = fields.String(required=True)


class Why(Schema):
    """Why something is not running: one cause, since when, and who can clear it."""

    task_id = fields.String(required=True)
    status = fields.String(required=True)
    cause = fields.String(required=True, validate=validate.OneOf([one.value for one in Cause]))
    detail = fields.String(required=True)
    since = fields.AwareDateTime(allow_none=True, required=True)
    until = fields.AwareDateTime(allow_none=True, required=True)
    cleared_by = fields.String(
        required=True, validate=validate.OneOf([one.value for one in ClearedBy])
    )
    actions = fields.List(fields.Nested(WhyAction), required=True)
    holds_up = fields.Integer(required=True)


class Blocker(Schema):
    """What holds something up, and how that ended. ``task_id`` null: the whole execution."""

    blocker_id = fields.String(required=True)
    execution_id = fields.String(required=True)
    task_id = fields.String(allow_none=True, required=True)
    task_title = fields.String(allow_none=True, required=True)
    action = fields.String(allow_none=True, required=True)
    params = fields.Dict(allow_none=True, required=True)
    kind = fields.String(required=True, validate=validate.OneOf([one.value for one in BlockerKind]))
    message = fields.String(required=True)
    suggestions = fields.List(fields.String(), required=True)
    next_step_options = fields.List(fields.String(), required=True)
    owner = fields.String(required=True)
    opened_at = fields.AwareDateTime(required=True)
    next_check_at = fields.AwareDateTime(allow_none=True, required=True)
    expires_at = fields.AwareDateTime(allow_none=True, required=True)
    holds_up = fields.Integer(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["OPEN", "RESOLVED"]))
    resolution = fields.String(allow_none=True, required=True)
    resolved_by = fields.String(allow_none=True, required=True)
    resolved_at = fields.AwareDateTime(allow_none=True, required=True)


class BlockerQuery(PageQuery):
    """Which blockers."""

    status = fields.String(load_default=None, validate=validate.OneOf(["OPEN", "RESOLVED"]))


class Blockers(Schema):
    """A page of blockers."""

    items = fields.List(fields.Nested(Blocker), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class InboxItem(Blocker):
    """Something that waits for a person.

    A plan that waits has neither ``blocker_id`` nor ``execution_id``. ``waits_for`` is the answer
    most likely meant, ``links`` the calls that concern it.
    """

    blocker_id = fields.String(allow_none=True, required=True)
    execution_id = fields.String(allow_none=True, required=True)
    plan_id = fields.String(required=True)
    plan_title = fields.String(required=True)
    waits_for = fields.String(allow_none=True, required=True)
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class Inbox(Schema):
    """A page of what waits; ``total`` counts all of it."""

    items = fields.List(fields.Nested(InboxItem), required=True)
    next_cursor = fields.String(allow_none=True, required=True)
    total = fields.Integer(required=True)


class ResolveIn(Strict):
    """A person's answer to a blocker."""

    resolution = fields.String(
        required=True, validate=validate.OneOf([one.value for one in Resolution])
    )
    message = fields.String(load_default="", validate=LONG)
    output_data = fields.Raw(allow_none=True, validate=_result_size)
    option = fields.String(allow_none=True, validate=validate.Length(max=2000))
    agent_id = fields.String(allow_none=True, validate=SHORT)
    params = fields.Dict(allow_none=True, validate=_result_size)


class RetryIn(Strict):
    """A wish to try again; the next attempt is told the message."""

    message = fields.String(load_default="", validate=LONG)


class SkipIn(Strict):
    """Why a subtask is passed over, and what stands for its result."""

    reason = fields.String(required=True, validate=validate.Length(min=1, max=20_000))
    output_data = fields.Raw(allow_none=True, validate=_result_size)


class Evidence(Strict):
    """What shows that it was done: a link with a name, or an uploaded file."""

    name = fields.String(validate=SHORT)
    url = fields.Url(
        schemes={"http", "https"}, require_tld=False, validate=validate.Length(max=2000)
    )
    file_id = fields.String(validate=SHORT)

    @validates_schema
    def one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        """Accept either a link, which needs a name, or a file."""
        if ("url" in data) == ("file_id" in data):
            raise ValidationError("Give either url or file_id.", "url")
        if "url" in data and "name" not in data:
            raise ValidationError("A link needs a name.", "name")


_EVIDENCE = Evidence()


class EvidenceField(fields.Field[Any]):
    """``{name, url}``, ``{name?, file_id}``, or an uploaded file's id alone."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        loaded: Any = _EVIDENCE.load({"file_id": value} if isinstance(value, str) else value)
        return loaded


class CompleteIn(Strict):
    """A person's word that a subtask is done."""

    notes = fields.String(load_default="", validate=LONG)
    output_data = fields.Raw(allow_none=True, validate=_result_size)
    evidence = fields.List(EvidenceField(), load_default=list, validate=validate.Length(max=50))


class Decided(Schema):
    """The execution and the subtasks that a person decided about, as they are now."""

    execution = fields.Nested(Execution, required=True)
    subtasks = fields.List(fields.Dict(), required=True)


class FileUpload(Schema):
    """A file as evidence."""

    file = fields.Raw(required=True, metadata={"type": "string", "format": "binary"})


class File(Schema):
    """An uploaded file; ``url`` gives it back."""

    file_id = fields.String(required=True)
    name = fields.String(required=True)
    content_type = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    url = fields.String(required=True)
    created_by = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)


class Difference(Schema):
    """One thing that is not as the log says; ``seq`` is the last event that changed it."""

    seq = fields.Integer(required=True)
    where = fields.String(required=True, validate=validate.OneOf([one.value for one in Where]))
    what = fields.String(required=True)
    expected = fields.Raw(required=True, allow_none=True)
    found = fields.Raw(required=True, allow_none=True)


class Proof(Schema):
    """Whether the log proves what is stored; ``differences`` holds the first of each kind."""

    execution_id = fields.String(required=True)
    ok = fields.Boolean(required=True)
    events = fields.Integer(required=True)
    head_hash = fields.String(required=True)
    differences = fields.List(fields.Nested(Difference), required=True)
    differences_total = fields.Integer(required=True)


class ExecutionReport(Schema):
    """What a log tells; ``docs/proof.md`` says what its parts hold."""

    execution_id = fields.String(required=True)
    plan_id = fields.String(required=True)
    plan_version = fields.Integer(required=True)
    title = fields.String(required=True)
    goal = fields.String(required=True)
    status = fields.String(required=True)
    status_message = fields.String(required=True)
    owner = fields.String(required=True)
    agents = fields.List(fields.Dict(), required=True)
    created_at = fields.AwareDateTime(required=True, allow_none=True)
    started_at = fields.AwareDateTime(required=True, allow_none=True)
    completed_at = fields.AwareDateTime(required=True, allow_none=True)
    as_of = fields.AwareDateTime(required=True, allow_none=True)
    duration_seconds = fields.Float(required=True)
    counts = fields.Dict(required=True)
    tasks_total = fields.Integer(required=True)
    tasks_done = fields.Integer(required=True)
    subtasks_total = fields.Integer(required=True)
    subtasks_done = fields.Integer(required=True)
    attempts = fields.Integer(required=True)
    spent = fields.Dict(required=True)
    tasks = fields.List(fields.Dict(), required=True)
    deviations = fields.List(fields.Dict(), required=True)
    interventions = fields.List(fields.Dict(), required=True)
    blockers = fields.List(fields.Dict(), required=True)
    usage = fields.Dict(required=True)
    events = fields.Integer(required=True)
    head_hash = fields.String(required=True)
