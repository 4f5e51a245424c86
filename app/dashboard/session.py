"""Who is signed in to the pages: state in the signed session cookie.

Keys of the session: ``user_id``, ``workspace_id``, ``name``, ``csrf``.
"""

import hmac
import secrets

from flask import session

from app.services.identity import Principal


def current_principal() -> Principal | None:
    """Give the signed-in user, or None."""
    user_id, workspace_id = session.get("user_id"), session.get("workspace_id")
    if not user_id or not workspace_id:
        return None
    return Principal(str(workspace_id), str(session.get("name") or ""), str(user_id))


def visitor() -> Principal:
    """Give the signed-in user of a page that only signed-in users reach."""
    found = current_principal()
    if found is None:
        raise LookupError("nobody is signed in")
    return found


def sign_in(principal: Principal) -> None:
    """Begin a session; whatever the cookie held before is dropped."""
    session.clear()
    session["user_id"] = principal.user_id
    session["workspace_id"] = principal.workspace_id
    session["name"] = principal.name


def sign_out() -> None:
    """End the session."""
    session.clear()


def csrf_token() -> str:
    """Give the token that every form of this session carries; made at first use."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def csrf_matches(token: str) -> bool:
    """Tell whether a form was made for this session."""
    return "csrf" in session and hmac.compare_digest(csrf_token().encode(), token.encode())
