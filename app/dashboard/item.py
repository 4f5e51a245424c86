"""One task or subtask of an execution in full: what it asks for, what came of it, what can be done.

It is drawn once, here: as part of the page, and alone for the script that opens it beside the page.
"""

from collections.abc import Iterable
from typing import Final

from flask import Blueprint, render_template, request, url_for

from app.dashboard.before import came_before, evidence_of, output_of
from app.dashboard.ports import Agents, Blockers, Executions, History, Items, People, Wire
from app.dashboard.presentation import find_item, rows, wire
from app.dashboard.refusals import Answer, back_with, done
from app.dashboard.session import visitor
from app.dashboard.waiting import MOST_AGENTS, open_blockers
from app.domain.errors import Archived, DomainError, Invalid, NotFound

MOST_EVENTS: Final = 200
_ENDS: Final = {
    "task_complete": "completed",
    "task_error": "failed",
    "lease_expired": "went silent",
    "task_blocked": "waits for somebody outside",
    "task_skipped": "skipped",
}
_DEEDS: Final = {"retry": "It is tried again.", "skip": "Skipped."}


class ItemPages:
    """Shows an item and passes on what is to become of it."""

    def __init__(
        self,
        executions: Executions,
        items: Items,
        history: History,
        blockers: Blockers,
        agents: Agents,
        people: People,
    ) -> None:
        self._executions = executions
        self._items = items
        self._history = history
        self._blockers = blockers
        self._agents = agents
        self._people = people

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        base = "/executions/<execution_id>/items/<item_id>"
        blueprint.add_url_rule(base, "item", self.part)
        blueprint.add_url_rule(
            f"{base}/<any({','.join(_DEEDS)}):deed>", "item_deed", self.carry_out, methods=["POST"]
        )

    def part(self, execution_id: str, item_id: str) -> str:
        """Give the item alone, for the script that shows it beside the page."""
        workspace_id = visitor().workspace_id
        tree = wire(self._executions.tree(workspace_id, execution_id))
        item = self.describe(workspace_id, execution_id, item_id, tree)
        agents = self._agents.page(workspace_id, limit=MOST_AGENTS).items
        names = {one["agent_id"]: one["name"] for one in agents}
        return render_template(
            "dashboard/item_part.html",
            item=item,
            execution_id=execution_id,
            agents=agents,
            names=names,
        )

    def describe(self, workspace_id: str, execution_id: str, item_id: str, tree: Wire) -> Wire:
        """Join what an item asks for with where it stands and what happened to it.

        Raises:
            NotFound: The execution has no such item.
        """
        row = find_item(tree, item_id)
        if row is None:
            raise NotFound(f"There is no task {item_id!r} in this execution.")
        events = self._events(workspace_id, execution_id, item_id)
        waiting = open_blockers(self._blockers, workspace_id, execution_id).items
        item = {**wire(self._items.get(workspace_id, execution_id, item_id)), **row}
        return {
            **item,
            "output": output_of(row.get("result")),
            "before": came_before(item, tree),
            "events": events,
            "attempts": attempts(reversed(events)),
            "evidence": [one for event in events for one in _evidence(event)],
            "blocker": next((one for one in waiting if one["task_id"] == item_id), None),
        }

    def carry_out(self, execution_id: str, item_id: str, deed: str) -> Answer:
        """Try an item again, or skip it."""
        address = url_for("dashboard.execution", execution_id=execution_id, item=item_id)
        try:
            do_deed(self._people, execution_id, item_id, deed, request.form.get("reason", ""))
        except DomainError as error:
            return back_with(error, address)
        return done(address, _DEEDS[deed])

    def _events(self, workspace_id: str, execution_id: str, item_id: str) -> list[Wire]:
        try:
            page = self._history.page(
                workspace_id, execution_id, task_id=item_id, order="desc", limit=MOST_EVENTS
            )
        except Archived:
            return []
        return rows(page).items


def do_deed(people: People, execution_id: str, item_id: str, deed: str, reason: str) -> None:
    """Try an item again, or skip it for a reason.

    Raises:
        Invalid: A skip gives no reason.
        DomainError: It is refused.
    """
    reason = reason.strip()
    if deed == "retry":
        people.retry(visitor(), execution_id, item_id, {"message": reason})
    elif not reason:
        raise Invalid("Say why it is skipped.")
    else:
        people.skip(visitor(), execution_id, item_id, {"reason": reason})


def _evidence(event: Wire) -> list[Wire]:
    """Give what a person brought, and the files that an agent names in its result."""
    return [*(event.get("evidence") or []), *evidence_of(event.get("output_data"))]


def attempts(events: Iterable[Wire]) -> list[Wire]:
    """Tell each attempt from events in order: by whom, from when to when, and how it ended."""
    found: list[Wire] = []
    for event in events:
        kind = event["event_type"]
        if kind == "task_dispatched":
            number = event.get("attempt") or len(found) + 1
            begun = {"number": number, "agent_id": event.get("agent_id")}
            found.append({**begun, "started_at": event["recorded_at"], "ended_at": None})
        elif found and kind in _ENDS and found[-1]["ended_at"] is None:
            found[-1]["ended_at"] = event["recorded_at"]
            found[-1]["outcome"] = _ENDS[kind]
            found[-1]["error"] = event.get("error_message") or event.get("error_type")
    return found
