"""Who may call: keys, sessions, and the limits every request is held to."""

import functools
import hmac
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import Blueprint, Request, g, request, session
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, Unauthorized

from app.api.limits import Limits
from app.services.identity import Identity, Principal

P = ParamSpec("P")
R = TypeVar("R")

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def protect(blueprint: Blueprint, identity: Identity, limits: Limits) -> None:
    """Let only known callers reach a blueprint's routes, with bodies of a sane size."""

    def check() -> None:
        g.principal = authenticate(identity)
        if request.mimetype != "multipart/form-data":
            _hold_to(limits.json_bytes)

    blueprint.before_request(check)


def _hold_to(most_bytes: int) -> None:
    """Refuse a longer body, also one that comes in chunks and does not name its length."""
    request.max_content_length = most_bytes
    if request.content_length is None:
        # Werkzeug cuts such a body off at the limit without a word: one byte more tells.
        request.max_content_length = most_bytes + 1
        too_long = len(request.get_data()) > most_bytes
        request.max_content_length = most_bytes
        if too_long:
            raise RequestEntityTooLarge


def authenticate(identity: Identity) -> Principal:
    """Give the caller of this request.

    Raises:
        Unauthorized: No key, a wrong one, or a session whose form token is missing.
    """
    if request.authorization is None:
        return _from_session(request)
    if request.authorization.type == "bearer" and request.authorization.token:
        principal = identity.authenticate(request.authorization.token)
        if principal:
            return principal
    raise _unauthorized("This key is not known, or was revoked.")


def _from_session(incoming: Request) -> Principal:
    user_id, workspace_id = session.get("user_id"), session.get("workspace_id")
    if not user_id or not workspace_id:
        raise _unauthorized("Send a key as 'Authorization: Bearer KEY'.")
    if incoming.method not in _SAFE_METHODS:
        sent = incoming.headers.get("X-CSRF-Token", "")
        made = str(session.get("csrf") or "")
        if not made or not hmac.compare_digest(sent.encode(), made.encode()):
            raise _unauthorized("A browser session must send its X-CSRF-Token.")
    return Principal(workspace_id, session.get("name") or "", user_id=user_id)


def _unauthorized(told: str) -> Unauthorized:
    return Unauthorized(told, www_authenticate=WWWAuthenticate("bearer"))


def caller() -> Principal:
    """Give the authenticated caller of this request."""
    return g.principal


def users_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse agents' keys with 403."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if caller().user_id is None:
            raise Forbidden("This call needs the key of a user; an agent's key acts only as it.")
        return view(*args, **kwargs)

    return guarded


def agents_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse users' keys with 403."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if caller().agent_id is None:
            raise Forbidden("This call needs the key of an agent: the one shown at registration.")
        return view(*args, **kwargs)

    return guarded
