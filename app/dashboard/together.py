"""One decision for many executions: all that the filter of their list shows."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from app.dashboard.execution_list import asked_for, filtered
from app.dashboard.ports import Agents, Blockers, ExecutionList, Executions, Inbox, Page, Wire
from app.dashboard.presentation import wire
from app.dashboard.refusals import back_with
from app.dashboard.session import visitor
from app.dashboard.waiting import MOST_AGENTS
from app.domain.errors import DomainError, Invalid

MOST: Final = 200
"""How many things are decided at once; the rest is asked about afterwards."""

LOOKED_AT: Final = 500
"""How many executions a decision may span."""

_PER_PAGE: Final = 200
_DEEDS: Final = {
    "retry": ("Try again", "tried again"),
    "skip": ("Skip", "skipped"),
    "reassign": ("Reassign", "reassigned"),
}
_ENDED: Final = ("COMPLETED", "FAILED", "CANCELLED")


class TogetherPages:
    """Asks about everything that a decision would concern, and carries it out one by one."""

    def __init__(
        self,
        listed: ExecutionList,
        executions: Executions,
        inbox: Inbox,
        blockers: Blockers,
        agents: Agents,
    ) -> None:
        self._listed = listed
        self._executions = executions
        self._inbox = inbox
        self._blockers = blockers
        self._agents = agents

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        address = f"/executions/together/<any({','.join(_DEEDS)}):deed>"
        blueprint.add_url_rule(address, "together", self.ask)
        blueprint.add_url_rule(address, "do_together", self.carry_out, methods=["POST"])

    def ask(self, deed: str) -> str:
        """Show what the decision would concern, each with a box to leave it out."""
        workspace_id = visitor().workspace_id
        asked = asked_for()
        shown = [
            wire(one)
            for one in every(
                lambda cursor: self._listed.page(
                    workspace_id, **asked, limit=_PER_PAGE, cursor=cursor
                )
            )
        ]
        concerned = self._concerned(workspace_id, deed, shown)
        return render_template(
            "dashboard/together.html",
            deed=deed,
            words=_DEEDS[deed],
            groups=concerned,
            address=filtered(url_for("dashboard.do_together", deed=deed)),
            total=sum(len(one["items"]) for one in concerned),
            most=MOST,
            looked_at=len(shown),
            back=filtered(url_for("dashboard.executions")),
            agents=self._agents.page(workspace_id, limit=MOST_AGENTS).items,
        )

    def _concerned(self, workspace_id: str, deed: str, shown: list[Wire]) -> list[Wire]:
        """Group by execution what can be decided; those with nothing are left out."""
        waiting = self._waiting(workspace_id) if deed != "reassign" else []
        found: list[Wire] = []
        left = MOST
        for execution in shown:
            items = list(_items(deed, execution, waiting))[:left]
            left -= len(items)
            if items:
                found.append(execution | {"items": items})
        return found

    def _waiting(self, workspace_id: str) -> list[Wire]:
        pages = every(lambda cursor: self._inbox.page(workspace_id, limit=_PER_PAGE, cursor=cursor))
        return [wire(one) for one in pages if one["execution_id"]]

    def carry_out(self, deed: str) -> str | Response | tuple[str | Response, int]:
        """Decide each; what is refused holds up no other and is told with its reason."""
        try:
            act, chosen = self._act(deed), request.form.getlist("item")[:MOST]
            if not chosen:
                raise Invalid("Choose at least one.")
        except DomainError as error:
            address = filtered(url_for("dashboard.together", deed=deed))
            return back_with(error, address)
        results = [self._try(act, one) for one in chosen]
        return render_template(
            "dashboard/together_done.html",
            words=_DEEDS[deed],
            results=results,
            refused=sum(1 for one in results if one["refusal"]),
            back=filtered(url_for("dashboard.executions")),
        )

    def _try(self, act: Callable[[str, str], object], chosen: str) -> Wire:
        execution_id, _, blocker_id = chosen.partition(" ")
        title = request.form.get(f"title {chosen}", "") or execution_id
        told: Wire = {"title": title, "execution_id": execution_id, "refusal": ""}
        try:
            act(execution_id, blocker_id)
        except DomainError as error:
            return told | {"refusal": str(error)}
        return told

    def _act(self, deed: str) -> Callable[[str, str], object]:
        """Say what is to be done to each, once what it needs was given."""
        reason, agent_id = request.form.get("reason", "").strip(), request.form.get("agent_id", "")
        if deed == "skip" and not reason:
            raise Invalid("Say why they are skipped.")
        if deed == "reassign" and not agent_id:
            raise Invalid("Choose an agent.")
        move = {"agent_id": agent_id} if deed == "reassign" else {"status": "RUNNING"}

        def act(execution_id: str, blocker_id: str) -> None:
            if blocker_id:
                wanted = {"resolution": deed, "message": reason}
                self._blockers.resolve(visitor(), execution_id, blocker_id, wanted)
            else:
                self._executions.control(visitor(), execution_id, move | {"reason": reason})

        return act


def every(page: Callable[[str | None], Page], most: int = LOOKED_AT) -> Iterator[Wire]:
    """Give the rows of all pages of a list, up to so many."""
    cursor, given = None, 0
    while given < most:
        found = page(cursor)
        yield from found.items[: most - given]
        given, cursor = given + len(found.items), found.next_cursor
        if cursor is None:
            return


def _items(deed: str, execution: Wire, waiting: Iterable[Wire]) -> Iterator[Wire]:
    """Name what a decision concerns in an execution: what waits for a person, or all of it."""
    execution_id, title = execution["execution_id"], execution["plan_title"]
    if deed == "reassign":
        if execution["status"] not in _ENDED:
            yield {"value": execution_id, "title": title, "kind": ""}
        return
    if deed == "retry" and execution["status"] == "FAILED":
        yield {"value": execution_id, "title": "The failed execution goes on", "kind": ""}
    for one in waiting:
        if one["execution_id"] == execution_id and deed in one["next_step_options"]:
            told = one["task_title"] or "The whole execution"
            value = f"{execution_id} {one['blocker_id']}"
            yield {"value": value, "title": told, "kind": one["kind"]}
