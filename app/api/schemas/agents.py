"""Agents, their keys and capabilities; tickets for streams."""

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from app.api.schemas.common import LONG, SHORT, Strict, own_id


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

    agent_id = fields.String(validate=own_id)
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


class ApiKeyIn(Strict):
    """A key to be made."""

    name = fields.String(load_default="", validate=validate.Length(max=200))


class UserKey(Schema):
    """A user's new key, shown once."""

    user_id = fields.String(required=True)
    name = fields.String(required=True)
    api_key = fields.String(required=True)


class ApiKey(Schema):
    """A key, without the key."""

    key_id = fields.String(required=True)
    name = fields.String(required=True)
    ending = fields.String(
        required=True, metadata={"description": "Its last characters; empty for old keys"}
    )
    created_at = fields.AwareDateTime(required=True)
    last_used_at = fields.AwareDateTime(
        allow_none=True, required=True, metadata={"description": "Within five minutes"}
    )


class ApiKeys(Schema):
    """All keys of a user or an agent, newest first."""

    items = fields.List(fields.Nested(ApiKey), required=True)


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
    online = fields.Boolean(
        required=True, metadata={"description": "Heard of as recently as its polls should come"}
    )
    running = fields.Integer(required=True, metadata={"description": "Subtasks it works on"})
    queued = fields.Integer(
        required=True, metadata={"description": "Subtasks that are ready for it"}
    )
    subtasks_completed = fields.Integer(
        required=True, metadata={"description": "In its 20 newest executions, as the next two"}
    )
    attempts = fields.Integer(
        required=True, metadata={"description": "Attempts at subtasks that are completed or failed"}
    )
    success_rate = fields.Float(
        allow_none=True, required=True, metadata={"description": "Share of attempts, 0 to 1"}
    )


class Agents(Schema):
    """A page of agents."""

    items = fields.List(fields.Nested(Agent), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class Ticket(Schema):
    """A one-time ticket."""

    ticket = fields.String(required=True)
    expires_in_seconds = fields.Integer(required=True)
