"""What waits for a person: the inbox, the open blockers of an execution, and the answers."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, render_template, request, url_for

from app.dashboard.choices import COMPLETE, chosen, completion, resolution
from app.dashboard.ports import Agents, Blockers, Inbox, People
from app.dashboard.presentation import Rows, rows
from app.dashboard.refusals import Answer, back_with, done
from app.dashboard.session import current_principal, visitor
from app.domain.errors import DomainError

MOST_AGENTS: Final = 200


class WaitingPages:
    """Shows what waits and passes on what people answer."""

    def __init__(
        self,
        blockers: Blockers,
        people: People,
        inbox: Inbox,
        agents: Agents,
    ) -> None:
        self._blockers = blockers
        self._people = people
        self._inbox = inbox
        self._agents = agents

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/inbox", "inbox", self.inbox)
        blueprint.add_url_rule("/executions/<execution_id>/waiting", "waiting", self.part)
        blueprint.add_url_rule(
            "/executions/<execution_id>/blockers/<blocker_id>",
            "answer",
            self.answer,
            methods=["POST"],
        )

    def inbox(self) -> str:
        """List all that waits for a person, what holds up most first."""
        workspace_id = visitor().workspace_id
        page = self._inbox.page(workspace_id, cursor=request.args.get("cursor"))
        agents = self._agents.page(workspace_id, limit=MOST_AGENTS).items
        return render_template("dashboard/inbox.html", page=rows(page), agents=agents)

    def count(self) -> int:
        """Count all that waits for a person; nothing waits for somebody unknown."""
        principal = current_principal()
        return self._inbox.count(principal.workspace_id) if principal else 0

    def part(self, execution_id: str) -> str:
        """Give the panel of one execution alone, for the script that keeps it up to date."""
        workspace_id = visitor().workspace_id
        page = open_blockers(self._blockers, workspace_id, execution_id)
        agents = self._agents.page(workspace_id, limit=MOST_AGENTS).items
        return render_template("dashboard/waiting_part.html", page=page, agents=agents)

    def answer(self, execution_id: str, blocker_id: str) -> Answer:
        """Carry out an answer; ``back`` names the page that it was given on."""
        address = url_for("dashboard.execution", execution_id=execution_id)
        if request.form.get("back") == "inbox":
            address = url_for("dashboard.inbox")
        try:
            told = self._carry_out(execution_id, blocker_id, request.form)
        except DomainError as error:
            return back_with(error, address)
        return done(address, told)

    def _carry_out(self, execution_id: str, blocker_id: str, form: Mapping[str, str]) -> str:
        choice = chosen(form)
        if choice.name == COMPLETE:
            task_id = form.get("task_id", "")
            self._people.complete(visitor(), execution_id, task_id, completion(form))
        else:
            wanted = resolution(choice, form)
            self._blockers.resolve(visitor(), execution_id, blocker_id, wanted)
        return choice.told


def open_blockers(blockers: Blockers, workspace_id: str, execution_id: str) -> Rows:
    """List what an execution waits for."""
    return rows(blockers.page(workspace_id, execution_id, status="OPEN"))
