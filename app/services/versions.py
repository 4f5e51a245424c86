"""Versions of breakdowns: what there is, and what is different between two."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from app.domain.comparison import Comparison, compare
from app.domain.errors import Invalid, NotFound
from app.domain.plan import Breakdown, Task
from app.record.breakdowns import Breakdowns, StoredVersion
from app.record.pages import Page
from app.record.plans import Plans, StoredPlan
from app.services.views import View, subtask_view

_MOST_DIGITS: Final = 9
_NONE_YET: Final = Breakdown("", "", 0.0, [], [])


class VersionService:
    """Tells of the versions of a plan's breakdowns."""

    def __init__(self, plans: Plans, breakdowns: Breakdowns) -> None:
        self._plans = plans
        self._breakdowns = breakdowns

    def of_plan(
        self, workspace_id: str, plan_id: str, limit: int = 50, cursor: str | None = None
    ) -> Page[View]:
        """List the decomposition versions of a plan, newest first.

        Raises:
            NotFound: There is no such plan.
            Invalid: The cursor is none of this list.
        """
        self._stored(workspace_id, plan_id)
        rows = self._breakdowns.versions(
            workspace_id, plan_id, limit=limit + 1, before=_before(cursor)
        )
        versions = [
            _version_view(version, list(found))
            for version, found in groupby(rows, key=lambda row: row.version)
        ]
        return _page(versions, limit)

    def of_task(
        self,
        workspace_id: str,
        plan_id: str,
        task_id: str,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[View]:
        """List the versions of one task's breakdown, newest first.

        Raises:
            NotFound: There is no such plan or task.
            Invalid: The cursor is none of this list.
        """
        _task(self._stored(workspace_id, plan_id), task_id)
        rows = self._breakdowns.versions(workspace_id, plan_id, task_id, limit + 1, _before(cursor))
        return _page([_row_view(row) for row in rows], limit)

    def compare_plan(self, workspace_id: str, plan_id: str, before: int, after: int) -> View:
        """Say which tasks' breakdowns differ between two versions of a plan, and in what.

        Raises:
            NotFound: There is no such plan or version.
        """
        stored = self._stored(workspace_id, plan_id)
        old, new = (self._at(workspace_id, stored, version) for version in (before, after))
        views = [_compared(task, old, new) for task in stored.plan.tasks]
        return {"from": before, "to": after, "tasks": [one for one in views if one["different"]]}

    def compare_task(
        self, workspace_id: str, plan_id: str, task_id: str, before: int, after: int
    ) -> View:
        """Say what differs between two versions of one task's breakdown.

        Raises:
            NotFound: There is no such plan, task or version.
        """
        stored = self._stored(workspace_id, plan_id)
        task = _task(stored, task_id)
        old, new = (self._at(workspace_id, stored, version) for version in (before, after))
        return {"from": before, "to": after, **_compared(task, old, new)}

    def _at(self, workspace_id: str, stored: StoredPlan, version: int) -> Mapping[str, Breakdown]:
        if not 0 < version <= stored.decomposition_version:
            raise NotFound(f"This plan has no version {version}.")
        return self._breakdowns.of_plan(workspace_id, stored.plan.plan_id, version)

    def _stored(self, workspace_id: str, plan_id: str) -> StoredPlan:
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None:
            raise NotFound(f"There is no plan {plan_id!r}.")
        return stored


def _task(stored: StoredPlan, task_id: str) -> Task:
    for task in stored.plan.tasks:
        if task.task_id == task_id:
            return task
    raise NotFound(f"This plan has no task {task_id!r}.")


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _MOST_DIGITS):
        raise Invalid("The cursor is none of this list.")
    return int(cursor)


def _page(versions: list[View], limit: int) -> Page[View]:
    shown = versions[:limit]
    more = len(versions) > limit
    return Page(shown, str(shown[-1]["version"]) if more else None)


def _row_view(row: StoredVersion) -> View:
    told = msgspec.structs.asdict(row)
    confidence = told.pop("confidence")
    return {**told, "decomposition_confidence": confidence}


def _version_view(version: int, rows: list[StoredVersion]) -> View:
    """Tell of a version of the plan; those made by hand hold few tasks, others all."""
    by_hand = next((row for row in rows if row.edited_by), None)
    return {
        "version": version,
        "tasks_total": len(rows),
        "task_ids": [row.task_id for row in rows],
        "strategies": sorted({row.strategy for row in rows}),
        "edited_by": by_hand.edited_by if by_hand else None,
        "created_at": min(row.created_at for row in rows),
    }


def _compared(task: Task, old: Mapping[str, Breakdown], new: Mapping[str, Breakdown]) -> View:
    before, after = (found.get(task.task_id, _NONE_YET) for found in (old, new))
    found: Comparison = compare(before.subtasks, after.subtasks)
    told: dict[str, Any] = msgspec.to_builtins(found)
    return {
        "task_id": task.task_id,
        "title": task.title,
        "different": not found.same,
        "from_version": before.version,
        "to_version": after.version,
        "from_confidence": before.confidence if before.version else None,
        "to_confidence": after.confidence if after.version else None,
        "from_subtasks": [subtask_view(step) for step in before.subtasks],
        "to_subtasks": [subtask_view(step) for step in after.subtasks],
        **told,
    }
