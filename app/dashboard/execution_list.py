"""The list of executions: searched, filtered and sorted by its address."""

from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.dashboard.ports import Agents, ExecutionList, Plans, Wire
from app.dashboard.presentation import WORDS, kind, rows
from app.dashboard.session import visitor
from app.dashboard.waiting import MOST_AGENTS

STATUSES: Final = ("RUNNING", "BLOCKED", "QUEUED", "PAUSED", "COMPLETED", "FAILED", "CANCELLED")
SORTS: Final = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "updated": "Latest event first",
    "quiet": "Longest quiet first",
}
PER_PAGE: Final = 25
_LIST: Final = "/api/executions"
_FILTERS: Final = ("q", "status", "plan_id", "agent_id", "needs_me", "sort")
_MOST_PLANS: Final = 100
_LONGEST: Final = 200
_ENDED: Final = ("COMPLETED", "FAILED", "CANCELLED")


class ExecutionListPages:
    """Shows all executions and what each waits for."""

    def __init__(self, listed: ExecutionList, plans: Plans, agents: Agents) -> None:
        self._listed = listed
        self._plans = plans
        self._agents = agents

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/", "home", self.home)
        blueprint.add_url_rule("/executions", "executions", self.all)

    def home(self) -> Response:
        """Lead to the list of executions."""
        return redirect(url_for("dashboard.executions"))

    def all(self) -> str:
        """List executions; the query says which, and in which order."""
        workspace_id, asked = visitor().workspace_id, asked_for()
        cursor = request.args.get("cursor")
        page = rows(
            self._listed.page(
                workspace_id, **asked, forecast=True, limit=PER_PAGE, cursor=cursor or None
            )
        )
        agents = self._agents.page(workspace_id, limit=MOST_AGENTS).items
        names = {one["agent_id"]: one["name"] for one in agents}
        live: Wire = {
            "executions": page.items,
            "words": WORDS,
            "agents": names,
            "address": filtered(_LIST, cursor=cursor, limit=str(PER_PAGE), forecast="true"),
        }
        return render_template(
            "dashboard/executions.html",
            page=page,
            asked=asked,
            here=_here,
            filtered=filtered,
            live=live,
            statuses=STATUSES,
            sorts=SORTS,
            agents=agents,
            names=names,
            plans=self._plans.page(workspace_id, limit=_MOST_PLANS).items,
            standings=standings,
        )


def asked_for() -> dict[str, Any]:
    """Read from the address which executions are meant; what makes no sense is not found."""
    given = _given()
    status, sort, needs_me = given["status"] or None, given["sort"] or "newest", given["needs_me"]
    if sort not in SORTS or (status and status not in STATUSES) or needs_me not in ("", "1"):
        abort(404)
    return {
        "q": given["q"],
        "status": status,
        "plan_id": given["plan_id"] or None,
        "agent_id": given["agent_id"] or None,
        "needs_me": bool(needs_me),
        "sort": sort,
    }


def _given() -> dict[str, str]:
    return {name: request.args.get(name, "").strip()[:_LONGEST] for name in _FILTERS}


def filtered(address: str, **changes: str | None) -> str:
    """Give an address with the filter of this one, but for what is named; None takes it away."""
    found = _given() | changes
    query = urlencode({name: value for name, value in found.items() if value})
    return f"{address}?{query}" if query else address


def _here(**changes: str | None) -> str:
    return filtered(url_for("dashboard.executions"), **changes)


def standings(execution: Wire) -> list[Wire]:
    """Say in sentences how an execution stands; ``js/standing.js`` says the same, live.

    Each: ``text``, ``tone``; ``since`` and ``until`` where they are known.
    """
    status, told = execution["status"], execution["status_message"] or ""
    current, waiting = execution["progress"]["current_task_title"], execution.get("waits_for")
    if status in _ENDED:
        return [_told(told, WORDS["statuses"][status]["tone"])] if told else []
    if status == "PAUSED":
        return [_told(told or "No new work is handed out.", "idle")]
    found = [_told(f"Current: {current}", "run")] if current else []
    if waiting:
        found.append(_waits(waiting, execution["waits_for_people"]))
    if not found and status == "QUEUED":
        found = [_told("Waits for its agent to ask for work", "idle")]
    return found or ([_told(told, "idle")] if told else [])


def _waits(waiting: Wire, people: int) -> Wire:
    title, since = waiting["task_title"] or "the whole execution", waiting["opened_at"]
    if waiting["kind"] == "external_wait":
        message = waiting["message"].rstrip(".") or title
        begins = message.casefold().startswith("wait")
        text = message if begins else f"Waiting: {message}"
        return _told(text, "wait") | {"since": since, "until": waiting["next_check_at"]}
    more = f" and {people - 1} more" if people > 1 else ""
    text = f"{kind(waiting['kind'])['label']}: {title}{more}"
    return _told(text, kind(waiting["kind"])["tone"]) | {"since": since}


def _told(text: str, tone: str) -> Wire:
    return {"text": text, "tone": tone}
