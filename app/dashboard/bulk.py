"""One decision for many subtasks: all that a filter of the tree shows."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from app.dashboard.item import do_deed
from app.dashboard.ports import Blockers, Executions, People
from app.dashboard.presentation import subtasks_of, wire
from app.dashboard.refusals import Answer, back_with, done
from app.dashboard.session import visitor
from app.dashboard.waiting import open_blockers
from app.domain.blockers import Resolution
from app.domain.errors import DomainError, Invalid

SHOWN: Final = ("RUNNING", "BLOCKED", "RETRYING", "READY", "QUEUED", "FAILED", "COMPLETED")
"""Statuses that the tree can be filtered by."""

_TELLINGS: Final = {"retry": "tried again", "skip": "skipped", "reassign": "reassigned"}


class BulkPages:
    """Carries out one decision on every subtask of a status."""

    def __init__(self, executions: Executions, people: People, blockers: Blockers) -> None:
        self._executions = executions
        self._people = people
        self._blockers = blockers

    def register(self, blueprint: Blueprint) -> None:
        """Add the route."""
        blueprint.add_url_rule(
            f"/executions/<execution_id>/all/<any({','.join(_TELLINGS)}):deed>",
            "bulk",
            self.carry_out,
            methods=["POST"],
        )

    def carry_out(self, execution_id: str, deed: str) -> Answer:
        """Do the same to each; what is refused holds up no other and is told."""
        status = request.form.get("show", "")
        address = url_for("dashboard.execution", execution_id=execution_id, show=status or None)
        try:
            return self._each(execution_id, deed, status, address)
        except DomainError as error:
            return back_with(error, address)

    def _each(self, execution_id: str, deed: str, status: str, address: str) -> Answer | Response:
        if status not in SHOWN:
            raise Invalid("Choose which subtasks are meant.")
        act = self._act(execution_id, deed)
        tree = wire(self._executions.tree(visitor().workspace_id, execution_id))
        refusals: list[str] = []
        found = [row for row in subtasks_of(tree) if row["status"] == status]
        for row in found:
            try:
                act(row["subtask_id"])
            except DomainError as error:
                refusals.append(f"{row['title']}: {error}")
        told = f"{len(found) - len(refusals)} of {len(found)} {_TELLINGS[deed]}."
        if refusals:
            return back_with(Invalid(" ".join([told, *refusals[:3]])), address)
        return done(address, told)

    def _act(self, execution_id: str, deed: str) -> Callable[[str], object]:
        reason, agent_id = request.form.get("reason", ""), request.form.get("agent_id", "")
        if deed == "skip" and not reason.strip():
            raise Invalid("Say why they are skipped.")
        if deed != "reassign":
            return lambda item_id: do_deed(self._people, execution_id, item_id, deed, reason)
        if not agent_id:
            raise Invalid("Choose an agent.")
        waiting = open_blockers(self._blockers, visitor().workspace_id, execution_id).items
        blockers = {one["task_id"]: one["blocker_id"] for one in waiting}

        def reassign(item_id: str) -> None:
            if item_id not in blockers:
                raise Invalid("It is not held up: reassign the whole execution instead.")
            wanted = {"resolution": str(Resolution.REASSIGN), "agent_id": agent_id}
            self._blockers.resolve(visitor(), execution_id, blockers[item_id], wanted)

        return reassign
