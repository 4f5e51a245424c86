"""Everything that waits for a person: open blockers of all executions, and plans not started."""

from typing import Final

import msgspec

from app.domain.blockers import Blocker, BlockerKind, Resolution
from app.domain.execution import Header
from app.domain.execution_graph import ExecutionGraph
from app.domain.plan import PlanStatus
from app.live.blockers import OpenBlocker, OpenBlockers
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.record.pages import Page
from app.record.plans import Plans, PlanSummary
from app.services.shortlist import Rank, cut, rank_open
from app.services.views import View, blocker_view

_WAITS_FOR: Final = {
    BlockerKind.HUMAN_TASK: "complete",
    BlockerKind.DECOMPOSITION_FAILED: "retry",
}


class InboxPage(msgspec.Struct, frozen=True):
    """A page of the inbox; ``total`` counts all of it."""

    items: list[View]
    next_cursor: str | None
    total: int


class InboxService:
    """Gathers what waits for the people of a workspace.

    The order: what holds up most subtasks first; of equals, what has waited longest. A plan that
    was not started counts as many as it has tasks.
    """

    def __init__(self, blockers: OpenBlockers, live: LiveExecutions, plans: Plans) -> None:
        self._open = blockers
        self._live = live
        self._plans = plans

    def page(self, workspace_id: str, limit: int = 50, cursor: str | None = None) -> InboxPage:
        """List what waits for a person; what an agent or time will clear is left out.

        Raises:
            Invalid: The cursor is none that a list gave.
        """
        rows = [*self._of_executions(workspace_id), *self._of_plans(workspace_id)]
        page: Page[View] = cut(rows, limit, cursor)
        return InboxPage(page.items, page.next_cursor, len(rows))

    def count(self, workspace_id: str) -> int:
        """Count what waits for a person, without reading it."""
        waiting = self._open.count_for_people(workspace_id)
        return waiting + self._plans.count_waiting(workspace_id)

    def _of_executions(self, workspace_id: str) -> list[tuple[Rank, View]]:
        waiting = self._open.for_people(workspace_id)
        named = sorted({one.execution_id for one in waiting})
        headers = self._live.headers(workspace_id, named)
        graphs = {one: self._graph(header) for one, header in headers.items()}
        return [
            (rank_open(one.blocker), _view(one, headers[one.execution_id], graph))
            for one in waiting
            if (graph := graphs.get(one.execution_id)) is not None
        ]

    def _graph(self, header: Header) -> ExecutionGraph | None:
        try:
            return self._live.graph_of(header)
        except NotLive:
            return None

    def _of_plans(self, workspace_id: str) -> list[tuple[Rank, View]]:
        found = [(one, _plan_blocker(one)) for one in self._plans.waiting(workspace_id)]
        return [(rank_open(blocker), _plan_view(one, blocker)) for one, blocker in found]


def _view(found: OpenBlocker, header: Header, graph: ExecutionGraph) -> View:
    blocker, execution_id = found.blocker, found.execution_id
    node = graph.subtasks.get(blocker.task_id)
    path = f"/api/executions/{execution_id}"
    links = {"execution": path, "resolve": f"{path}/blockers/{blocker.blocker_id}/resolve"}
    if node:
        task = f"{path}/tasks/{blocker.task_id}"
        links |= {one: f"{task}/{one}" for one in ("complete", "skip", "why")}
    return {
        **blocker_view(execution_id, blocker, graph=graph),
        "plan_id": header.plan_id,
        "plan_title": header.title,
        "waits_for": _WAITS_FOR.get(blocker.kind) or next(iter(blocker.options), None),
        "links": links,
    }


def _plan_blocker(plan: PlanSummary) -> Blocker:
    """See a plan that cannot be started as what it is: held up until a person decides."""
    failed = plan.status is PlanStatus.FAILED
    return Blocker(
        blocker_id=plan.plan_id,
        kind=BlockerKind.DECOMPOSITION_FAILED if failed else BlockerKind.REVIEW,
        owner=plan.created_by,
        opened_at=plan.updated_at,
        message=plan.status_message,
        suggestions=[_SUGGESTION[plan.status]],
        options=[Resolution.RETRY] if failed else [Resolution.APPROVE],
        holds_up=plan.tasks_total,
    )


def _plan_view(plan: PlanSummary, blocker: Blocker) -> View:
    path = f"/api/plans/{plan.plan_id}"
    return {
        **blocker_view(None, blocker),
        "blocker_id": None,
        "plan_id": plan.plan_id,
        "plan_title": plan.title,
        "waits_for": _WAITS_FOR.get(blocker.kind, Resolution.APPROVE),
        "links": {"plan": path, "tasks": f"{path}/tasks", "start": "/api/executions"},
    }


_SUGGESTION: Final = {
    PlanStatus.NEEDS_REVIEW: "Read its breakdowns and approve each that may run.",
    PlanStatus.REFUSED: "Start it with a reason for each gate that refuses it, or delete it.",
    PlanStatus.FAILED: "Correct it and import it again, or delete it.",
}
