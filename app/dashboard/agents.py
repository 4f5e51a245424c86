"""The pages of agents: who is on line, what each can do, and how to start one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for

from app.dashboard.ports import Agents, Keys, Wire
from app.dashboard.presentation import rows, wire
from app.dashboard.refusals import Answer, back_with, done, told
from app.dashboard.session import visitor
from app.dashboard.snippets import curl_snippet, python_snippet
from app.domain.errors import DomainError, Fault, Invalid

_LONGEST_NAME: Final = 200
_MOST_ACTIONS: Final = 500
_MOST_AT_ONCE: Final = 1000
_MOVES: Final = {
    "pause": ("PAUSED", "Paused. It finishes what it has and gets nothing new."),
    "resume": ("ACTIVE", "Resumed."),
}


class AgentPages:
    """Shows agents and changes them."""

    def __init__(self, agents: Agents, keys: Keys) -> None:
        self._agents = agents
        self._keys = keys

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        add = blueprint.add_url_rule
        add("/agents", "agents", self.list)
        add("/agents", "add_agent", self.add, methods=["POST"])
        add("/agents/new", "new_agent", self.form)
        add("/agents/<agent_id>", "agent", self.show)
        add(
            "/agents/<agent_id>/<any(pause, resume):move>",
            "move_agent",
            self.move,
            methods=["POST"],
        )
        add("/agents/<agent_id>/keys", "new_agent_key", self.new_key, methods=["POST"])
        add(
            "/agents/<agent_id>/keys/<key_id>/revoke",
            "revoke_agent_key",
            self.revoke,
            methods=["POST"],
        )
        add("/agents/<agent_id>/delete", "confirm_agent", self.confirm)
        add("/agents/<agent_id>/delete", "delete_agent", self.delete, methods=["POST"])

    def list(self) -> str:
        """List agents, newest first."""
        page = self._agents.page(visitor().workspace_id, cursor=request.args.get("cursor"))
        return render_template("dashboard/agents.html", page=rows(page))

    def form(self) -> str:
        """Ask what the new agent is to be."""
        return render_template("dashboard/agent_new.html", form={}, faults=[])

    def add(self) -> tuple[str, int]:
        """Register an agent; its key is shown this once."""
        try:
            made = self._agents.register(visitor(), registration(request.form))
        except DomainError as error:
            page = render_template(
                "dashboard/agent_new.html", form=request.form, faults=told(error)
            )
            return page, HTTPStatus.UNPROCESSABLE_ENTITY
        return self._with_key(made), HTTPStatus.CREATED

    def show(self, agent_id: str) -> str:
        """Show one agent."""
        return self._page(agent_id)

    def move(self, agent_id: str, move: str) -> Answer:
        """Pause or resume one."""
        status, message = _MOVES[move]
        self._agents.change(visitor(), agent_id, {"status": status})
        return done(url_for("dashboard.agent", agent_id=agent_id), message)

    def new_key(self, agent_id: str) -> tuple[str, int]:
        """Give an agent another key, shown this once; those it has keep working."""
        return self._with_key(self._agents.new_key(visitor(), agent_id)), HTTPStatus.CREATED

    def revoke(self, agent_id: str, key_id: str) -> Answer:
        """Revoke one of its keys."""
        address = url_for("dashboard.agent", agent_id=agent_id)
        try:
            self._keys.revoke_of_agent(visitor(), agent_id, key_id)
        except DomainError as error:
            return back_with(error, address)
        return done(address, "Revoked. It is refused everywhere within 15 seconds.")

    def confirm(self, agent_id: str) -> str:
        """Ask before an agent is deleted."""
        agent = wire(self._agents.get(visitor().workspace_id, agent_id))
        return render_template("dashboard/agent_delete.html", agent=agent)

    def delete(self, agent_id: str) -> Answer:
        """Delete one that has nothing more to do."""
        try:
            self._agents.delete(visitor(), agent_id)
        except DomainError as error:
            return back_with(error, url_for("dashboard.agent", agent_id=agent_id))
        return redirect(url_for("dashboard.agents"), HTTPStatus.SEE_OTHER)

    def _with_key(self, made: Wire) -> str:
        return self._page(made["agent_id"], made["api_key"])

    def _page(self, agent_id: str, new_key: str = "") -> str:
        workspace_id = visitor().workspace_id
        agent = wire(self._agents.get(workspace_id, agent_id))
        url = request.host_url.rstrip("/")
        return render_template(
            "dashboard/agent.html",
            agent=agent,
            keys=[wire(key) for key in self._keys.of_agent(workspace_id, agent_id)],
            new_key=new_key,
            python=python_snippet(url, agent),
            curl=curl_snippet(url, agent),
        )


def registration(form: Mapping[str, str]) -> Wire:
    """Read a form into the body of ``POST /api/agents``.

    Raises:
        Invalid: A field cannot be accepted; the faults name each.
    """
    name = form.get("name", "").strip()
    actions = list(dict.fromkeys(form.get("actions", "").replace(",", "\n").split()))
    slots = form.get("max_concurrent_tasks", "1").strip()
    faults: list[Fault] = []
    if not 0 < len(name) <= _LONGEST_NAME:
        faults.append(Fault("Name", f"1 to {_LONGEST_NAME} characters."))
    if not 0 < len(actions) <= _MOST_ACTIONS or max(map(len, actions)) > _LONGEST_NAME:
        faults.append(Fault("Actions", f"1 to {_MOST_ACTIONS}, at most 200 characters each."))
    if not (slots.isdecimal() and slots.isascii() and 0 < int(slots[:5]) <= _MOST_AT_ONCE):
        faults.append(Fault("Subtasks at once", f"A number from 1 to {_MOST_AT_ONCE}."))
    if faults:
        raise Invalid("The agent was not added.", faults)
    wanted = form.get("agent_id", "").strip()
    return {
        "name": name,
        "role": form.get("role", "").strip()[:_LONGEST_NAME],
        "capabilities": [{"action": action} for action in actions],
        "max_concurrent_tasks": int(slots),
        **({"agent_id": wanted} if wanted else {}),
    }
