"""The page of settings: who is signed in, and with which keys."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, render_template, request, url_for

from app.dashboard.ports import Keys
from app.dashboard.presentation import wire
from app.dashboard.refusals import Answer, back_with, done
from app.dashboard.session import visitor
from app.domain.errors import DomainError, Invalid

_LONGEST_NAME: Final = 200


class SettingsPages:
    """Shows what a user has set up, and changes it."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        add = blueprint.add_url_rule
        add("/settings", "settings", self.show)
        add("/settings/keys", "new_key", self.new_key, methods=["POST"])
        add("/settings/keys/<key_id>/revoke", "revoke_key", self.revoke, methods=["POST"])

    def show(self) -> str:
        """Show the profile and the keys."""
        return self._page()

    def new_key(self) -> Answer:
        """Make one more key, shown this once."""
        name = request.form.get("name", "").strip()
        try:
            if len(name) > _LONGEST_NAME:
                raise Invalid(f"A name has at most {_LONGEST_NAME} characters.")
            made = self._keys.new_of_user(visitor(), name)
        except DomainError as error:
            return back_with(error, url_for("dashboard.settings"))
        return self._page(made["api_key"]), HTTPStatus.CREATED

    def revoke(self, key_id: str) -> Answer:
        """Revoke one of the user's keys."""
        address = url_for("dashboard.settings")
        try:
            self._keys.revoke_of_user(visitor(), key_id)
        except DomainError as error:
            return back_with(error, address)
        return done(address, "Revoked. It is refused everywhere within 15 seconds.")

    def _page(self, new_key: str = "") -> str:
        user = visitor()
        keys = [wire(key) for key in self._keys.of_user(user)]
        return render_template("dashboard/settings.html", user=user, keys=keys, new_key=new_key)
