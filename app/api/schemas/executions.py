"""Executions, their events, proof and report."""

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from app.api.schemas.common import SHORT, PageQuery, Strict
from app.domain.blockers import BlockerKind
from app.domain.plan import Ordering
from app.domain.proof import Where
from app.domain.states import ExecutionStatus
from app.services.execution_list import Sort


class ExecutionQuery(PageQuery):
    """Which executions."""

    plan_id = fields.String(load_default=None)
    agent_id = fields.String(load_default=None)
    status = fields.String(
        load_default=None, validate=validate.OneOf([one.value for one in ExecutionStatus])
    )
    q = fields.String(load_default="", validate=validate.Length(max=200))
    needs_me = fields.Boolean(load_default=False)
    sort = fields.String(
        load_default=Sort.NEWEST.value, validate=validate.OneOf([one.value for one in Sort])
    )
    forecast = fields.Boolean(load_default=False)


class EventQuery(PageQuery):
    """Which events."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))
    after = fields.Integer(load_default=0, validate=validate.Range(0))
    before = fields.Integer(load_default=None, validate=validate.Range(1))
    errors = fields.Boolean(load_default=False)
    type = fields.String(load_default=None)
    task_id = fields.String(load_default=None)
    agent_id = fields.String(load_default=None)
    order = fields.String(load_default="asc", validate=validate.OneOf(["asc", "desc"]))


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
    forecast_end_at = fields.AwareDateTime(allow_none=True, required=True)
    updated_at = fields.AwareDateTime(required=True)
    seq = fields.Integer(required=True)


class Waiting(Schema):
    """What an execution waits for first: what a person can do comes before what time does."""

    blocker_id = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf([one.value for one in BlockerKind]))
    task_id = fields.String(allow_none=True, required=True)
    task_title = fields.String(allow_none=True, required=True)
    message = fields.String(required=True)
    opened_at = fields.AwareDateTime(required=True)
    next_check_at = fields.AwareDateTime(allow_none=True, required=True)


class ListedExecution(Execution):
    """An execution in a list, with how much waits for people and what it waits for."""

    waits_for_people = fields.Integer(required=True)
    waits_for = fields.Nested(Waiting, allow_none=True, required=True)


class ListedExecutions(Schema):
    """A page of executions."""

    items = fields.List(fields.Nested(ListedExecution), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class Tree(Schema):
    """Phases → tasks → subtasks; see ``docs/api.md``."""

    phases = fields.List(fields.Dict(), required=True)
    planned_from = fields.AwareDateTime(required=True)
    planned_end_at = fields.AwareDateTime(required=True)
    forecast_end_at = fields.AwareDateTime(required=True, allow_none=True)


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
    outcomes = fields.List(fields.Dict(), required=True)
    answers = fields.Integer(required=True)
    human_minutes = fields.Float(required=True)
    usage = fields.Dict(required=True)
    events = fields.Integer(required=True)
    head_hash = fields.String(required=True)
