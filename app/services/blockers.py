"""Blockers of an execution: those that are open and those that were, and a person's answer."""

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from app.domain import commands as c
from app.domain.blockers import Blocker, Resolution
from app.domain.errors import Conflict, Fault, Invalid, NotFound
from app.domain.events import Event, EventType
from app.live.blockers import OpenBlockers
from app.record.pages import Page
from app.services.agents import AgentService
from app.services.commands import Commands
from app.services.errors import BeingRecovered
from app.services.executions import ExecutionService
from app.services.history import HistoryService
from app.services.identity import Principal
from app.services.shortlist import cut, rank_closed, rank_open
from app.services.views import Closure, View, blocker_view

Known: TypeAlias = tuple[Blocker, Closure | None]
"""A blocker, and how it was closed; None while it is open."""

_TELLING: Final = (
    EventType.EXECUTION_COMPLETED,
    EventType.EXECUTION_FAILED,
    EventType.EXECUTION_CANCELLED,
    EventType.BLOCKER_RESOLVED,
    # Read last, so that each one that was closed is known as one that was opened.
    EventType.BLOCKER_OPENED,
)


class BlockerService:
    """Lists blockers and takes people's answers to them."""

    def __init__(
        self,
        blockers: OpenBlockers,
        history: HistoryService,
        executions: ExecutionService,
        agents: AgentService,
        commands: Commands,
    ) -> None:
        self._open = blockers
        self._history = history
        self._executions = executions
        self._agents = agents
        self._commands = commands

    def page(
        self,
        workspace_id: str,
        execution_id: str,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[View]:
        """List blockers: the open ones, most blocking first, then the others, newest first.

        Raises:
            NotFound: This workspace has no such execution.
            Invalid: The cursor is none that a list gave.
        """
        graph = self._executions.execution(workspace_id, execution_id, whole=False).graph
        rows = [
            (rank_closed(blocker) if closure else rank_open(blocker), view)
            for blocker, closure in self._all(workspace_id, execution_id)
            for view in [blocker_view(execution_id, blocker, closure, graph)]
            if status in (None, view["status"])
        ]
        return cut(rows, limit, cursor)

    def resolve(
        self, principal: Principal, execution_id: str, blocker_id: str, request: View
    ) -> View:
        """Carry out a person's answer and give the blocker as it is then.

        Raises:
            NotFound: There is no such execution or blocker.
            Conflict: It was resolved already, or the execution has ended.
            Invalid: The blocker does not take this answer, or the agent named is unknown.
        """
        workspace_id = principal.workspace_id
        found = self._open.find(workspace_id, blocker_id)
        if found is None or found.execution_id != execution_id:
            raise self._missing(workspace_id, execution_id, blocker_id)
        blocker, resolution = found.blocker, Resolution(request["resolution"])
        agent_id: str = request.get("agent_id") or ""
        if resolution is Resolution.REASSIGN:
            self._refuse_unknown(workspace_id, agent_id)
        if resolution is Resolution.REASSIGN and not blocker.task_id:
            wanted = {"agent_id": agent_id, "reason": request.get("message") or ""}
            closed_at = self._executions.control(principal, execution_id, wanted)["updated_at"]
        else:
            command = self._command(principal, execution_id, blocker, request)
            after = self._commands.carry_out(workspace_id, execution_id, [command])
            closed_at = after.header.updated_at
        graph = self._executions.execution(workspace_id, execution_id, whole=False).graph
        closure = Closure(resolution, principal.actor, closed_at)
        return blocker_view(execution_id, blocker, closure, graph)

    def _command(
        self, principal: Principal, execution_id: str, blocker: Blocker, request: View
    ) -> c.ResolveBlocker:
        agent_id: str | None = request.get("agent_id")
        unmatched = ""
        if blocker.task_id:
            subtask_id = blocker.task_id
            execution = self._commands.part(principal.workspace_id, execution_id, [subtask_id])
            reassigned = request["resolution"] == Resolution.REASSIGN
            unmatched = self._commands.misfit(
                execution, subtask_id, agent_id or "" if reassigned else ""
            )
        return c.ResolveBlocker(
            actor=principal.actor,
            subtask_id=blocker.task_id,
            blocker_id=blocker.blocker_id,
            resolution=Resolution(request["resolution"]),
            message=request.get("message") or "",
            output_data=request.get("output_data"),
            option=request.get("option"),
            agent_id=agent_id,
            params=request.get("params"),
            minutes=request.get("minutes"),
            unmatched=unmatched,
        )

    def _refuse_unknown(self, workspace_id: str, agent_id: str) -> None:
        told = "Missing data for required field." if not agent_id else ""
        if agent_id and not self._agents.actions(workspace_id, [agent_id]):
            told = f"There is no agent {agent_id!r}."
        if told:
            raise Invalid("Name the agent that shall do it.", [Fault("agent_id", told)])

    def _missing(self, workspace_id: str, execution_id: str, blocker_id: str) -> Exception:
        """Tell a blocker that was resolved from one that never was, or that Redis has lost."""
        self._executions.header(workspace_id, execution_id)
        for blocker, closure in self._all(workspace_id, execution_id):
            if blocker.blocker_id == blocker_id:
                if closure is None:
                    return BeingRecovered(execution_id)
                return Conflict(f"The blocker is closed: {closure.resolution}, by {closure.by}.")
        return NotFound(f"This execution has no blocker {blocker_id!r}.")

    def _all(self, workspace_id: str, execution_id: str) -> list[Known]:
        events = self._history.of_kinds(workspace_id, execution_id, _TELLING)
        # The log knows which are open; Redis, when they are looked at next.
        fresh = {one.blocker.blocker_id: one.blocker for one in self._open.all(workspace_id)}
        return [
            (fresh.get(blocker.blocker_id, blocker), closure)
            for blocker, closure in fold_blockers(events)
        ]


def fold_blockers(events: Iterable[Event]) -> list[Known]:
    """Read from the log every blocker that was opened, in order, and how each was closed.

    Blockers that are open when the execution ends are closed with it.
    """
    found: dict[str, Known] = {}
    for event in events:
        if event.event_type is EventType.BLOCKER_OPENED:
            blocker = msgspec.convert(event.data["blocker"], Blocker)
            found[blocker.blocker_id] = (blocker, None)
            continue
        closing = [event.data["blocker_id"]] if "blocker_id" in event.data else list(found)
        word = event.data.get("resolution") or event.status.lower()
        for blocker_id in closing:
            blocker, closure = found[blocker_id]
            closure = closure or Closure(word, event.actor, event.recorded_at)
            found[blocker_id] = (blocker, closure)
    return list(found.values())
