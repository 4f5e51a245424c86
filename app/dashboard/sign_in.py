"""The pages to sign in and out."""

from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.dashboard import session
from app.dashboard.ports import Identity
from app.services.identity import Principal

_WRONG_KEY = "This key is not known here. Check that you copied all of it."
_AGENT_KEY = "This key belongs to an agent. Sign in with the key of a user."
_USED_TICKET = "This link has been used or has expired. Sign in with your key."


class SignInPages:
    """Signs users in by key or one-time ticket."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/sign-in", "sign_in", self.form)
        blueprint.add_url_rule("/sign-in", "submit_key", self.submit, methods=["POST"])
        blueprint.add_url_rule("/sign-out", "sign_out", self.leave, methods=["POST"])

    def form(self) -> str | Response:
        """Show the form; a ticket in the address signs in at once."""
        ticket = request.args.get("ticket")
        # HEAD comes from link previews, which must not use the ticket up.
        if not ticket or request.method == "HEAD":
            return self._page()
        principal = self._identity.redeem_ticket(ticket)
        if principal is None:
            flash(_USED_TICKET, "refusal")
            return redirect(url_for("dashboard.sign_in"), HTTPStatus.SEE_OTHER)
        return self._enter(principal)

    def submit(self) -> Response | tuple[str, int]:
        """Sign in with the pasted key."""
        principal = self._identity.authenticate(request.form.get("key", "").strip())
        if principal is None or principal.user_id is None:
            fault = _WRONG_KEY if principal is None else _AGENT_KEY
            return self._page(fault), HTTPStatus.UNAUTHORIZED
        return self._enter(principal)

    def leave(self) -> Response:
        """Sign out."""
        session.sign_out()
        return redirect(url_for("dashboard.sign_in"), HTTPStatus.SEE_OTHER)

    def _enter(self, principal: Principal) -> Response:
        wanted = request.values.get("next", "")
        session.sign_in(principal)
        address = wanted if is_local(wanted) else url_for("dashboard.executions")
        return redirect(address, HTTPStatus.SEE_OTHER)

    def _page(self, fault: str = "") -> str:
        wanted = request.values.get("next", "")
        return render_template("dashboard/sign_in.html", fault=fault, wanted=wanted)


def is_local(address: str) -> bool:
    r"""Tell whether an address leads to a page of this site (browsers read ``\`` as ``/``)."""
    parts = urlsplit(address)
    return (
        address.startswith("/")
        and not address.startswith(("//", "/\\"))
        and address.isprintable()
        and not parts.scheme
        and not parts.netloc
    )
