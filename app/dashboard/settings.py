"""The page of settings: who is signed in, and with which keys."""

from flask import Blueprint, render_template

from app.dashboard.session import visitor


class SettingsPages:
    """Shows what a user has set up."""

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/settings", "settings", self.show)

    def show(self) -> str:
        """Show the profile."""
        return render_template("dashboard/settings.html", user=visitor())
