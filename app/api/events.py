"""``POST /api/executions/{id}/events``: an agent reports, one event or many."""

from typing import Any

from flask import Response, request
from marshmallow import ValidationError
from msgspec.structs import replace
from werkzeug.exceptions import RequestEntityTooLarge

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.event_schema import EventIn, load_report
from app.api.guard import agents_only, caller
from app.api.idempotency import event_id
from app.api.limits import Limits
from app.api.problems import describe
from app.api.work import actions_of
from app.domain.commands import Report
from app.domain.errors import DomainError, Fault, Invalid
from app.services import Services
from app.services.reports import Answer, Claim


def create_blueprint(services: Services, limits: Limits) -> Blueprint:
    """Build the route."""
    blueprint = Blueprint("events", __name__, url_prefix="/api/executions", description="Reports")

    @blueprint.post("/<execution_id>/events")
    @blueprint.arguments(schemas.ClaimQuery, location="query")
    @blueprint.doc(
        requestBody={"content": {"application/json": {"schema": EventIn}}, "required": True}
    )
    @blueprint.response(201, schemas.EventAnswer)
    @blueprint.alt_response(207, schema=schemas.BatchAnswer)
    @agents_only
    def report(query: dict[str, Any], execution_id: str) -> Response:
        """Report one event, or up to 1,000 as ``{"events": […]}``."""
        claim = _claim(query)
        document = request.get_json()
        if isinstance(document, dict) and "events" in document:
            return _batch(services, limits, execution_id, document, claim)
        loaded = _load(document, execution_id, 0)
        if isinstance(loaded, DomainError):
            raise loaded
        (answer,) = services.reports.report(caller(), execution_id, [loaded], claim=claim)
        if answer.refusal:
            raise answer.refusal
        return reply(answer.view, 201)

    return blueprint


def _claim(query: dict[str, Any]) -> Claim | None:
    if not query["claim"]:
        return None
    actions = actions_of(query["supported_actions"])
    return Claim(actions=actions, instance=query["instance"], poll_id=query["poll_id"])


def _batch(
    services: Services,
    limits: Limits,
    execution_id: str,
    document: dict[str, Any],
    claim: Claim | None,
) -> Response:
    """Apply a batch: what is wrong with one event does not hold up the others."""
    documents = document["events"]
    unknown = [Fault(name, "Unknown field.") for name in document if name != "events"]
    if unknown or not isinstance(documents, list) or not documents:
        raise Invalid("A batch is {'events': [one event or more]}.", unknown)
    if len(documents) > limits.events_per_batch:
        raise RequestEntityTooLarge(f"A batch holds at most {limits.events_per_batch} events.")
    loaded = [_load(one, execution_id, position) for position, one in enumerate(documents)]
    reports = [one for one in loaded if isinstance(one, Report)]
    answers = iter(
        services.reports.report(caller(), execution_id, reports, claim=claim) if reports else ()
    )
    results = [
        _result(next(answers) if isinstance(one, Report) else Answer(refusal=one)) for one in loaded
    ]
    return reply({"results": results}, 207)


def _load(document: Any, execution_id: str, position: int) -> Report | DomainError:
    try:
        report = load_report(document, execution_id, caller().agent_id or "")
        return report if report.event_id else replace(report, event_id=event_id(position))
    except ValidationError as error:
        messages: dict[str, Any] = error.normalized_messages()
        faults = [Fault(name, _first(told)) for name, told in messages.items()]
        named = ", ".join(sorted(messages))
        return Invalid(f"These fields cannot be accepted: {named}.", faults)


def _first(told: Any) -> str:
    while not isinstance(told, str):
        told = next(iter(told.values() if isinstance(told, dict) else told), "Invalid.")
    return told


def _result(answer: Answer) -> dict[str, Any]:
    if answer.refusal:
        return describe(answer.refusal)
    view = answer.view or {}
    return {**view, "execution_status": view.get("status"), "status": 201}
