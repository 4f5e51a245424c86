"""What waits for people: why, blockers, the inbox, their answers and evidence."""

from typing import Any, Final

import msgspec
from marshmallow import Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from app.api.schemas.common import LONG, SHORT, PageQuery, Strict
from app.api.schemas.executions import Execution
from app.domain.blockers import BlockerKind, Resolution
from app.domain.why import Cause, ClearedBy
from app.services.inbox import GROUPS

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


class InboxQuery(PageQuery):
    """What of the inbox, and in which order."""

    group = fields.String(load_default=None, validate=validate.OneOf(list(GROUPS)))
    q = fields.String(load_default="", validate=validate.Length(max=200))
    plan_id = fields.String(load_default=None, validate=SHORT)
    execution_id = fields.String(load_default=None, validate=SHORT)
    by_group = fields.Boolean(load_default=False)


class InboxItem(Blocker):
    """Something that waits for a person.

    A plan that waits has neither ``blocker_id`` nor ``execution_id``. ``waits_for`` is the answer
    most likely meant, ``links`` the calls that concern it.
    """

    blocker_id = fields.String(allow_none=True, required=True)
    execution_id = fields.String(allow_none=True, required=True)
    plan_id = fields.String(required=True)
    plan_title = fields.String(required=True)
    group = fields.String(required=True, validate=validate.OneOf(list(GROUPS)))
    waits_for = fields.String(allow_none=True, required=True)
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class Inbox(Schema):
    """A page of what waits; ``total`` counts all that was asked for, ``groups`` all groups."""

    items = fields.List(fields.Nested(InboxItem), required=True)
    next_cursor = fields.String(allow_none=True, required=True)
    total = fields.Integer(required=True)
    groups = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


def _minutes() -> fields.Float:
    """Take the minutes it took a person: the report adds them up."""
    return fields.Float(allow_none=True, allow_nan=False, validate=validate.Range(0, 100_000))


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
    minutes = _minutes()


class RetryIn(Strict):
    """A wish to try again; the next attempt is told the message."""

    message = fields.String(load_default="", validate=LONG)


class SkipIn(Strict):
    """Why a subtask is passed over, and what stands for its result."""

    reason = fields.String(required=True, validate=validate.Length(min=1, max=20_000))
    output_data = fields.Raw(allow_none=True, validate=_result_size)
    minutes = _minutes()


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
    minutes = _minutes()


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
