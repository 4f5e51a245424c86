"""The pages of agents: who is on line, what each can do, and how to start one."""

from flask import Blueprint, render_template, request

from app.dashboard.ports import Agents
from app.dashboard.presentation import rows
from app.dashboard.session import visitor


class AgentPages:
    """Shows agents and changes them."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/agents", "agents", self.list)

    def list(self) -> str:
        """List agents, newest first."""
        page = self._agents.page(visitor().workspace_id, cursor=request.args.get("cursor"))
        return render_template("dashboard/agents.html", page=rows(page))
