"""Everything that waits for a person: open blockers of all executions, and plans not started."""

import collections
from collections.abc import Sequence
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


GROUPS: Final[dict[str, frozenset[BlockerKind]]] = {
    "approvals": frozenset({BlockerKind.APPROVAL}),
    "tasks": frozenset({BlockerKind.HUMAN_TASK}),
    "escalations": frozenset(
        {
            BlockerKind.ATTEMPTS_EXHAUSTED,
            BlockerKind.HUMAN_INPUT,
            BlockerKind.AGENT_OFFLINE,
            BlockerKind.NO_CAPABLE_AGENT,
            BlockerKind.EXTERNAL_WAIT,
        }
    ),
    "reviews": frozenset({BlockerKind.REVIEW, BlockerKind.DECOMPOSITION_FAILED}),
}
"""What is answered in the same way, in the order in which people are shown it."""

_GROUP_OF: Final = {kind: name for name, kinds in GROUPS.items() for kind in kinds}
_PLACES: Final = {name: place for place, name in enumerate(GROUPS)}


class InboxPage(msgspec.Struct, frozen=True):
    """A page of the inbox.

    ``total`` counts all that was asked for; ``groups`` all that waits of each group, as it would
    be counted without asking for one.
    """

    items: list[View]
    next_cursor: str | None
    total: int
    groups: dict[str, int]


class InboxService:
    """Gathers what waits for the people of a workspace.

    The order: what holds up most subtasks first; of equals, what has waited longest. A plan that
    was not started counts as many as it has tasks.
    """

    def __init__(self, blockers: OpenBlockers, live: LiveExecutions, plans: Plans) -> None:
        self._open = blockers
        self._live = live
        self._plans = plans

    def page(
        self,
        workspace_id: str,
        group: str | None = None,
        q: str = "",
        plan_id: str | None = None,
        execution_id: str | None = None,
        by_group: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> InboxPage:
        """List what waits for a person; what an agent or time will clear is left out.

        Args:
            workspace_id: Whose.
            group: Only this one of ``GROUPS``.
            q: Words that the titles or the message have to hold.
            plan_id: Only what concerns this plan.
            execution_id: Only what concerns this execution.
            by_group: List group after group, each in the usual order.
            limit: Most on one page.
            cursor: Where the page before ended.

        Raises:
            Invalid: The cursor is none that a list gave.
        """
        words = q.casefold().split()
        rows = [
            (rank, view)
            for rank, view in (*self._of_executions(workspace_id), *self._of_plans(workspace_id))
            if plan_id in (None, view["plan_id"])
            and execution_id in (None, view["execution_id"])
            and _holds(view, words)
        ]
        counted = collections.Counter(str(view["group"]) for _, view in rows)
        wanted = [
            ((_PLACES[view["group"]], *rank[1:]) if by_group else rank, view)
            for rank, view in rows
            if group in (None, view["group"])
        ]
        page: Page[View] = cut(wanted, limit, cursor)
        groups = {name: counted[name] for name in GROUPS}
        return InboxPage(page.items, page.next_cursor, len(wanted), groups)

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


def _holds(view: View, words: Sequence[str]) -> bool:
    if not words:
        return True
    told = (view["plan_title"], view["task_title"], view["message"])
    text = " ".join(one for one in told if one).casefold()
    return all(word in text for word in words)


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
        "group": _GROUP_OF[blocker.kind],
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
        "group": _GROUP_OF[blocker.kind],
        "waits_for": _WAITS_FOR.get(blocker.kind, Resolution.APPROVE),
        "links": {"plan": path, "tasks": f"{path}/tasks", "start": "/api/executions"},
    }


_SUGGESTION: Final = {
    PlanStatus.NEEDS_REVIEW: "Read its breakdowns and approve each that may run.",
    PlanStatus.REFUSED: "Start it with a reason for each gate that refuses it, or delete it.",
    PlanStatus.FAILED: "Correct it and import it again, or delete it.",
}
