"""The page of one execution, and its controls."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for

from app.dashboard.bulk import SHOWN
from app.dashboard.item import ItemPages
from app.dashboard.ports import Agents, Blockers, Executions, History, Plans, Verification, Wire
from app.dashboard.presentation import (
    NOTHING,
    WORDS,
    Rows,
    find_item,
    rows,
    wire,
    without_results,
)
from app.dashboard.refusals import Answer, back_with, done
from app.dashboard.sentences import sentences
from app.dashboard.session import visitor
from app.dashboard.waiting import MOST_AGENTS, open_blockers
from app.domain.errors import Archived, DomainError, Invalid, NotFound

_EVENTS_PER_PAGE: Final = 50
_MOVES: Final = {
    "start": ("RUNNING", "Started."),
    "pause": ("PAUSED", "Paused. No new work is handed out."),
    "resume": ("RUNNING", "Resumed."),
    "reassign": ("", "Reassigned. The other agent gets what is not done."),
    "cancel": ("CANCELLED", "Cancelled."),
}
_FEED_FILTERS: Final = ("task", "agent", "type", "errors", "cursor")
_KEPT: Final = (*_FEED_FILTERS, "show", "item")


class ExecutionPages:
    """Shows executions and passes on what their owner decides."""

    def __init__(
        self,
        executions: Executions,
        history: History,
        blockers: Blockers,
        agents: Agents,
        verification: Verification,
        plans: Plans,
        items: ItemPages,
    ) -> None:
        self._executions = executions
        self._history = history
        self._blockers = blockers
        self._agents = agents
        self._verification = verification
        self._plans = plans
        self._items = items

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/executions/<execution_id>", "execution", self.one)
        blueprint.add_url_rule(
            "/executions/<execution_id>/<any(cancel,reassign):move>", "confirm", self.confirm
        )
        blueprint.add_url_rule(
            f"/executions/<execution_id>/<any({','.join(_MOVES)}):move>",
            "control",
            self.control,
            methods=["POST"],
        )

    def one(self, execution_id: str) -> str:
        """Show one execution; the query filters its events and steps, and opens an item."""
        workspace_id = visitor().workspace_id
        # Before its parts: a script that follows from this seq then misses nothing.
        execution = wire(self._executions.get(workspace_id, execution_id))
        tree = wire(self._executions.tree(workspace_id, execution_id))
        events, waiting, archived = self._happened(workspace_id, execution_id)
        agents = self._agents.page(workspace_id, limit=MOST_AGENTS).items
        names = {one["agent_id"]: one["name"] for one in agents}
        live: Wire = {
            "execution": execution,
            "tree": without_results(tree),
            "events": events.items,
            "next_cursor": events.next_cursor,
            "words": WORDS,
            "agents": names,
        }
        item_id, show = request.args.get("item", ""), request.args.get("show", "")
        found = find_item(tree, item_id)
        return render_template(
            "dashboard/execution.html",
            execution=execution,
            tree=tree,
            events=events,
            live=live,
            waiting=waiting,
            archived=archived,
            told=sentences(execution, tree),
            risks=self._risks(workspace_id, execution["plan_id"]),
            item=self._items.describe(workspace_id, execution_id, item_id, tree) if found else None,
            show=show if show in SHOWN else "",
            here=_here(),
            filtered=any(request.args.get(one) for one in _FEED_FILTERS),
            shown=SHOWN,
            agents=agents,
            names=names,
            unproven=self._verification.trouble(workspace_id, execution_id),
        )

    def _happened(self, workspace_id: str, execution_id: str) -> tuple[Rows, Rows, str]:
        """Give a page of events and what it waits for; or a sentence on where the events are."""
        asked = request.args
        try:
            page = self._history.page(
                workspace_id,
                execution_id,
                event_type=asked.get("type") or None,
                task_id=asked.get("task") or None,
                agent_id=asked.get("agent") or None,
                errors="errors" in asked,
                order="desc",
                limit=_EVENTS_PER_PAGE,
                cursor=asked.get("cursor"),
            )
            return rows(page), open_blockers(self._blockers, workspace_id, execution_id), ""
        except Archived as error:
            return NOTHING, NOTHING, str(error)

    def _risks(self, workspace_id: str, plan_id: str) -> list[Wire]:
        try:
            return wire(self._plans.get(workspace_id, plan_id)).get("risks") or []
        except NotFound:
            return []

    def confirm(self, execution_id: str, move: str) -> str:
        """Ask before cancelling, or for the agent to reassign to, where there is no script."""
        workspace_id = visitor().workspace_id
        execution = wire(self._executions.get(workspace_id, execution_id))
        agents = self._agents.page(workspace_id, limit=MOST_AGENTS).items
        return render_template(
            "dashboard/confirm.html", execution=execution, move=move, agents=agents
        )

    def control(self, execution_id: str, move: str) -> Answer:
        """Start, pause, resume, reassign or cancel."""
        status, message = _MOVES[move]
        asked = {
            "status": status,
            "agent_id": request.form.get("agent_id", "") if move == "reassign" else "",
            "reason": request.form.get("reason", "").strip(),
        }
        address = url_for("dashboard.execution", execution_id=execution_id)
        try:
            if move == "reassign" and not asked["agent_id"]:
                raise Invalid("Choose an agent.")
            wanted = {key: value for key, value in asked.items() if value}
            self._executions.control(visitor(), execution_id, wanted)
        except DomainError as error:
            return back_with(error, address)
        return done(address, message)


def _here() -> Callable[..., str]:
    """Give the address of this very page, but for what is named; None takes a part away."""

    def address(**changes: str | None) -> str:
        kept = {one: request.args.get(one) for one in _KEPT} | changes
        query = urlencode({name: value for name, value in kept.items() if value})
        return f"{request.path}?{query}" if query else request.path

    return address
