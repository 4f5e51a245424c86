"""The list of executions as its owner wants it: with what each waits for, and when it may end."""

from collections import defaultdict
from typing import Final

from app.domain.errors import NotFound
from app.live.blockers import OpenBlocker, OpenBlockers
from app.record.executions import Sort
from app.record.pages import Page
from app.services.executions import ExecutionService
from app.services.shortlist import Rank, rank_open
from app.services.views import View

__all__ = ["ExecutionListService", "Sort"]

MOST_FORESEEN: Final = 400
"""Subtasks of an execution whose end is forecast in a list; larger ones tell it on their page."""

_GOING_ON: Final = frozenset({"QUEUED", "RUNNING", "BLOCKED"})


class ExecutionListService:
    """Lists executions with what they wait for, read at once for all of them."""

    def __init__(self, executions: ExecutionService, blockers: OpenBlockers) -> None:
        self._executions = executions
        self._open = blockers

    def page(
        self,
        workspace_id: str,
        plan_id: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        q: str = "",
        needs_me: bool = False,
        sort: str = Sort.NEWEST,
        forecast: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[View]:
        """List executions, each as it stands now.

        Args:
            workspace_id: Whose.
            plan_id: Only those of this plan.
            agent_id: Only those of this agent.
            status: Only those that stand so; a page may then be short although there is a next.
            q: Words that the plan's title or an id has to hold.
            needs_me: Only those that wait for a person.
            sort: One of ``Sort``.
            forecast: Say when they may end, where they are not too large to be foreseen here.
            limit: Most on one page.
            cursor: Where the page before ended.

        Raises:
            Invalid: The cursor is none that a list gave.
        """
        waiting = self._waiting(workspace_id)
        asked = {
            one for one, found in waiting.items() if not all(one.blocker.is_agents for one in found)
        }
        page = self._executions.page(
            workspace_id,
            plan_id=plan_id,
            agent_id=agent_id,
            status=status,
            text=q,
            among=asked if needs_me else None,
            sort=sort,
            limit=limit,
            cursor=cursor,
        )
        views = [
            self._with_waits(workspace_id, one, waiting.get(one["execution_id"], []))
            for one in page.items
        ]
        if forecast:
            views = [self._foreseen(workspace_id, one) for one in views]
        return Page(views, page.next_cursor)

    def _with_waits(self, workspace_id: str, view: View, found: list[OpenBlocker]) -> View:
        people = sum(1 for one in found if not one.blocker.is_agents)
        first = self._told(workspace_id, found[0]) if found else None
        return {**view, "waits_for_people": people, "waits_for": first}

    def _told(self, workspace_id: str, found: OpenBlocker) -> View:
        blocker = found.blocker
        part = self._executions.execution(workspace_id, found.execution_id, whole=False)
        node = part.graph.subtasks.get(blocker.task_id)
        return {
            "blocker_id": blocker.blocker_id,
            "kind": blocker.kind,
            "task_id": blocker.task_id or None,
            "task_title": node.title if node else None,
            "message": blocker.message,
            "opened_at": blocker.opened_at,
            "next_check_at": blocker.next_check_at,
        }

    def _waiting(self, workspace_id: str) -> dict[str, list[OpenBlocker]]:
        found: dict[str, list[OpenBlocker]] = defaultdict(list)
        for one in sorted(self._open.all(workspace_id), key=_rank):
            found[one.execution_id].append(one)
        return found

    def _foreseen(self, workspace_id: str, view: View) -> View:
        small = view["progress"]["subtasks_total"] <= MOST_FORESEEN
        if not small or view["status"] not in _GOING_ON:
            return view
        try:
            now = self._executions.get(workspace_id, view["execution_id"])
        except NotFound:  # It has left while the list was made.
            return view
        return view | {"forecast_end_at": now["forecast_end_at"]}


def _rank(found: OpenBlocker) -> tuple[bool, Rank]:
    """People first: what they can do now says more than what time will do."""
    return found.blocker.is_agents, rank_open(found.blocker)
