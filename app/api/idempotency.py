"""``Idempotency-Key``: the same POST sent twice is carried out once and answered twice."""

import contextlib
import hashlib
import logging

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import Conflict, UnprocessableEntity

from app.api.guard import caller
from app.domain.ids import new_id
from app.services.answers import AnswerService, StoredAnswer
from app.services.errors import LiveUnavailable

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
LONGEST = 200


def protect(blueprint: Blueprint, answers: AnswerService) -> None:
    """Make a blueprint's POSTs repeatable under a key."""

    def before() -> Response | None:
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None:
            return None
        if not 0 < len(key) <= LONGEST:
            raise UnprocessableEntity(f"{HEADER} must have 1 to {LONGEST} characters.")
        digest = hashlib.sha256(request.full_path.encode() + b"\n" + request.get_data())
        replay = _replay(answers.begin(caller(), key, digest.hexdigest()), digest.hexdigest())
        if replay is None:
            g.idempotency_hold = contextlib.ExitStack()
            g.idempotency_hold.enter_context(answers.held(caller(), key))
        return replay

    def after(response: Response) -> Response:
        digest = g.pop("idempotency_digest", None)
        if digest is not None:
            key = request.headers[HEADER]
            answer = StoredAnswer(
                digest,
                response.status_code,
                response.content_type or "",
                response.get_data(),
                response.headers.get("Location", ""),
            )
            try:
                answers.finish(caller(), key, answer)
            except LiveUnavailable:
                # It is done or refused all the same; a repeat finds its key held for seconds.
                logger.warning("the answer to a request with an %s cannot be kept", HEADER)
        return response

    def let_go(_error: BaseException | None) -> None:
        if hold := g.pop("idempotency_hold", None):
            hold.close()

    blueprint.before_request(before)
    blueprint.teardown_request(let_go)
    blueprint.after_request(after)


def made_id(answers: AnswerService, kind: str) -> str:
    """Give the id of what this request makes, the same when it is tried again under its key.

    So a try whose commit went through while its answer was lost makes nothing twice.
    """
    digest = g.get("idempotency_digest")
    if digest is None:
        return new_id(kind)
    return answers.made_id(caller(), f"{request.headers[HEADER]}:{digest}", new_id(kind))


def event_id(position: int) -> str:
    """Give the id of an event that brings none: the same when its request is tried again.

    So an event whose commit went through while its answer was lost is applied once. Empty where
    the request has no key.

    Args:
        position: Which of the request's events it is, from 0.
    """
    digest = g.get("idempotency_digest")
    if digest is None:
        return ""
    told = f"{request.headers[HEADER]}:{digest}:{position}"
    return f"evt_{hashlib.sha256(told.encode()).hexdigest()[:26]}"


def _replay(stored: StoredAnswer | None, digest: str) -> Response | None:
    if stored is None:
        g.idempotency_digest = digest
        return None
    if stored.body_hash != digest:
        raise UnprocessableEntity(f"This {HEADER} was used with another request.")
    if stored.status == 0:
        raise Conflict("The first request with this key is still being carried out.")
    headers = {"Location": stored.location} if stored.location else None
    return Response(stored.body, stored.status, headers, content_type=stored.content_type)
