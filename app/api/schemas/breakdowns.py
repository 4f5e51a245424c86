"""Breakdowns of tasks: their review, versions and comparisons."""

from marshmallow import Schema, fields, validate

from app.api.schemas.common import Strict
from app.domain.operations import MOST_OPERATIONS, MOST_STEPS


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
    """Who breaks the task down anew, and a note to them."""

    strategy = fields.String(load_default="auto", validate=validate.OneOf(["auto", "rules"]))
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
