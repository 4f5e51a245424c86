"""An agent's event on the wire: the present form and that of the first drafts.

The drafts' words are translated before validation, so that everything behind this module knows
one vocabulary only.
"""

import datetime as dt
from typing import Any, Final

import msgspec
from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate

from app.domain.commands import Report
from app.domain.events import AGENT_EVENT_TYPES, EventType

OUTPUT_BYTES: Final = 262_144
"""Ceiling of ``output_data`` as JSON; larger results belong into files."""

_KINDS: Final = {
    "subtask_started": "task_started",
    "subtask_in_progress": "task_progress",
    "subtask_complete": "task_complete",
}
_FIELDS: Final = {
    "timestamp": "agent_timestamp",
    "output": "output_data",
    "notes": "message",
    "subtask_id": "task_id",
    "current_task_id": "task_id",
    "current_task_progress": "progress_percent",
}
_INFORMATIVE: Final = frozenset(
    {"tasks_completed", "tasks_total", "next_task_id", "status_code", "blocking"}
)
_DAY_SECONDS: Final = 86_400


class UsageIn(Schema):
    """What a model call cost."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE

    model = fields.String(validate=validate.Length(max=200))
    input_tokens = fields.Integer(validate=validate.Range(0))
    output_tokens = fields.Integer(validate=validate.Range(0))
    cost_usd = fields.Float(validate=validate.Range(0))


class UtcTime(fields.AwareDateTime):
    """A time in any zone, taken as UTC where it names none, and kept in UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=dt.UTC, **options)

    def _deserialize(self, value: Any, *rest: Any, **options: Any) -> dt.datetime:
        found = super()._deserialize(value, *rest, **options)
        try:
            return found.astimezone(dt.UTC)
        except OverflowError as error:  # The first or last hours of the calendar.
            raise self.make_error("invalid", input=value, obj_type="datetime") from error


class EventIn(Schema):
    """One event of an agent."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE

    event_type = fields.String(
        required=True, validate=validate.OneOf([one.value for one in AGENT_EVENT_TYPES])
    )
    execution_id = fields.String()
    agent_id = fields.String()
    task_id = fields.String(allow_none=True, validate=validate.Length(1, 200))
    event_id = fields.String(validate=validate.Length(1, 200))
    agent_timestamp = UtcTime(allow_none=True)
    lease_token = fields.String(allow_none=True, validate=validate.Length(max=200))
    status = fields.String(allow_none=True, validate=validate.Length(max=200))
    message = fields.String(allow_none=True, validate=validate.Length(max=20_000))
    output_data = fields.Raw(allow_none=True)
    progress_percent = fields.Float(allow_none=True, validate=validate.Range(0, 100))
    error_type = fields.String(allow_none=True, validate=validate.Length(max=200))
    error_message = fields.String(allow_none=True, validate=validate.Length(max=20_000))
    suggestions = fields.List(
        fields.String(validate=validate.Length(max=2000)), validate=validate.Length(max=50)
    )
    human_review_required = fields.Boolean(load_default=False)
    retry_after_seconds = fields.Float(
        allow_none=True, validate=validate.Range(0, 30 * _DAY_SECONDS)
    )
    max_wait_seconds = fields.Float(allow_none=True, validate=validate.Range(0, 365 * _DAY_SECONDS))
    usage = fields.Nested(UsageIn, allow_none=True)

    @pre_load
    def translate(self, data: Any, **_: Any) -> Any:
        """Turn the first drafts' words into the present ones."""
        return modernise(data) if isinstance(data, dict) else data


def modernise(event: dict[str, Any]) -> dict[str, Any]:
    """Translate one event of the first drafts; a present one stays as it is."""
    new = {_FIELDS.get(k, k): v for k, v in event.items() if k not in _INFORMATIVE}
    if "suggestion" in new:
        new["suggestions"] = [*new.get("suggestions", []), new.pop("suggestion")]
    result = new.pop("result", None)
    kind = new.get("event_type")
    if isinstance(kind, str):
        new["event_type"] = _KINDS.get(kind, kind)
    elif result == "success" or new.get("status") == "success":
        new["event_type"] = EventType.TASK_COMPLETE.value
    if new.get("event_type") == EventType.TASK_ERROR and new.get("status") == "BLOCKED":
        new["event_type"] = EventType.TASK_BLOCKED.value
    return new


_EVENT: Final = EventIn()


def load_report(document: Any, execution_id: str, agent_id: str) -> Report:
    """Read one event.

    Raises:
        ValidationError: Names each bad field.
    """
    data: Any = _EVENT.load(document)
    for name, expected in (("execution_id", execution_id), ("agent_id", agent_id)):
        if data.pop(name, expected) != expected:
            raise ValidationError({name: ["Does not match the one this request is about."]})
    kind = EventType(data["event_type"])
    if kind not in (EventType.NOTE, EventType.HEARTBEAT) and not data.get("task_id"):
        raise ValidationError({"task_id": [f"A {kind} names the task it is about."]})
    if len(msgspec.json.encode(data.get("output_data"))) > OUTPUT_BYTES:
        raise ValidationError({"output_data": [f"Longer than {OUTPUT_BYTES} bytes as JSON."]})
    data.pop("status", None)
    found: dict[str, Any] = {name: value for name, value in data.items() if value is not None}
    found |= {"event_type": kind, "agent_id": agent_id}
    found.setdefault("event_id", "")
    return Report(**found)
