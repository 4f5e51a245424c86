"""What waits for a person: the inbox, the open blockers of an execution, and the answers."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, abort, current_app, render_template, request, url_for

from app.dashboard.choices import COMPLETE, chosen, completion, resolution
from app.dashboard.evidence import MOST_FILES, megabytes, uploaded
from app.dashboard.ports import Agents, Blockers, Files, Inbox, People
from app.dashboard.presentation import Rows, rows
from app.dashboard.refusals import Answer, back_with, done
from app.dashboard.session import current_principal, visitor
from app.domain.errors import DomainError

MOST_AGENTS: Final = 200
GROUPS: Final = {
    "approvals": "Approvals",
    "tasks": "For you to do",
    "escalations": "Stands still",
    "reviews": "Plans to look at",
}
_FILTERS: Final = ("group", "q", "plan_id", "execution_id")
_LONGEST: Final = 200


class WaitingPages:
    """Shows what waits and passes on what people answer."""

    def __init__(
        self,
        blockers: Blockers,
        people: People,
        inbox: Inbox,
        agents: Agents,
        files: Files,
    ) -> None:
        self._files = files
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
        """List all that waits for a person, group by group, what holds up most first."""
        workspace_id, asked = visitor().workspace_id, _asked_for()
        cursor = request.args.get("cursor") or None
        page = self._inbox.page(workspace_id, **asked, by_group=True, cursor=cursor)
        agents = self._agents.page(workspace_id, limit=MOST_AGENTS).items
        return render_template(
            "dashboard/inbox.html",
            page=rows(page),
            counts=page.groups,
            groups=GROUPS,
            asked=asked,
            here=_here,
            agents=agents,
        )

    def limits(self) -> str:
        """Say how much evidence a form takes."""
        each, together = self._files.most_bytes, current_app.config["MAX_CONTENT_LENGTH"]
        told = f"Up to {MOST_FILES} files of {megabytes(each)} each"
        if together and together < MOST_FILES * each:
            told += f", {megabytes(together)} together"
        return told

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
        back, _, query = request.form.get("back", "").partition("?")
        if back == "inbox":
            address = _filtered(dict(parse_qsl(query)))
        try:
            told = self._carry_out(execution_id, blocker_id, request.form)
        except DomainError as error:
            return back_with(error, address)
        return done(address, told)

    def _carry_out(self, execution_id: str, blocker_id: str, form: Mapping[str, str]) -> str:
        choice = chosen(form)
        if choice.name == COMPLETE:
            task_id = form.get("task_id", "")
            body = completion(form)
            body["evidence"] += uploaded(self._files, request.files.getlist("files"))
            self._people.complete(visitor(), execution_id, task_id, body)
        else:
            wanted = resolution(choice, form)
            self._blockers.resolve(visitor(), execution_id, blocker_id, wanted)
        return choice.told


def _asked_for() -> dict[str, Any]:
    given = {name: request.args.get(name, "").strip()[:_LONGEST] for name in _FILTERS}
    if given["group"] and given["group"] not in GROUPS:
        abort(404)
    return {name: value if name == "q" else value or None for name, value in given.items()}


def _here(**changes: str | None) -> str:
    """Give the address of this inbox, but for what is named; None takes a part away."""
    return _filtered(request.args.to_dict() | changes)


def _filtered(asked: Mapping[str, str | None]) -> str:
    query = urlencode({name: asked[name] for name in _FILTERS if asked.get(name)})
    address = url_for("dashboard.inbox")
    return f"{address}?{query}" if query else address


def open_blockers(blockers: Blockers, workspace_id: str, execution_id: str) -> Rows:
    """List what an execution waits for."""
    return rows(blockers.page(workspace_id, execution_id, status="OPEN"))
