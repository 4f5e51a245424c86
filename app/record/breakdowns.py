"""Breakdowns of tasks into subtasks, by decomposition version."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Subquery, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from app.domain.plan import Breakdown, Subtask
from app.record.copying import copy_rows
from app.record.engine import transaction
from app.record.tables import plan_breakdowns, plan_subtasks

_FIELDS = tuple(name for name in Breakdown.__struct_fields__ if name != "subtasks")


class Breakdowns:
    """The breakdowns of plans. One that is written never changes, save by its approval."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, workspace_id: str, plan_id: str, version: int, breakdowns: Sequence[Breakdown]
    ) -> int:
        """Store breakdowns of tasks, in one decomposition version of their plan.

        Where a task has one in this version, the first is kept: repeating changes nothing.

        Returns:
            How many were new.

        Raises:
            NotFound: There is no such plan or task; nothing was stored.
            Invalid: One holds text that cannot be stored.
        """
        if not breakdowns:
            return 0
        place = (workspace_id, plan_id, version)
        with transaction(self._engine) as connection:
            new = _insert(connection, place, breakdowns)
            rows = _subtask_rows(place, [it for it in breakdowns if it.task_id in new])
            copy_rows(connection, plan_subtasks, rows)
        return len(new)

    def of_plan(
        self, workspace_id: str, plan_id: str, version: int | None = None
    ) -> dict[str, Breakdown]:
        """Give the breakdown of every task that has one, by task.

        Args:
            workspace_id: Whose plan.
            plan_id: Which plan.
            version: As of this decomposition version; None means the newest.
        """
        chosen = _chosen(workspace_id, plan_id, version)
        whole = select(*(chosen.c[name] for name in _FIELDS))
        with transaction(self._engine) as connection:
            subtasks = _subtasks(connection, chosen)
            rows = connection.execute(whole).mappings().all()
        return {
            row["task_id"]: Breakdown(**row, subtasks=subtasks.get(row["task_id"], []))
            for row in rows
        }

    def approve(
        self,
        workspace_id: str,
        plan_id: str,
        task_id: str,
        approved_by: str,
        approved_at: dt.datetime,
    ) -> bool:
        """Accept the newest breakdown of a task; tell whether it was waiting for that."""
        of_task = (
            (plan_breakdowns.c.workspace_id == workspace_id)
            & (plan_breakdowns.c.plan_id == plan_id)
            & (plan_breakdowns.c.task_id == task_id)
        )
        newest = select(func.max(plan_breakdowns.c.version)).where(of_task).scalar_subquery()
        approval = (
            update(plan_breakdowns)
            .where(of_task, plan_breakdowns.c.version == newest, plan_breakdowns.c.needs_review)
            .values(needs_review=False, approved_by=approved_by, approved_at=approved_at)
        )
        with transaction(self._engine) as connection:
            return bool(connection.execute(approval).rowcount)


def _insert(
    connection: Connection, place: tuple[str, str, int], breakdowns: Iterable[Breakdown]
) -> set[str]:
    """Insert the breakdowns without their subtasks and name the tasks that had none yet."""
    workspace_id, plan_id, version = place
    key = {"workspace_id": workspace_id, "plan_id": plan_id, "version": version}
    rows = [{**key, **{name: getattr(it, name) for name in _FIELDS}} for it in breakdowns]
    new = insert(plan_breakdowns).on_conflict_do_nothing().returning(plan_breakdowns.c.task_id)
    return set(connection.execute(new, rows).scalars())


def _subtask_rows(
    place: tuple[str, str, int], breakdowns: Iterable[Breakdown]
) -> Iterable[tuple[object, ...]]:
    workspace_id, plan_id, version = place
    for breakdown in breakdowns:
        for position, subtask in enumerate(breakdown.subtasks):
            yield (
                workspace_id,
                plan_id,
                breakdown.task_id,
                version,
                position,
                subtask.subtask_id,
                subtask.title,
                subtask.action,
                msgspec.json.encode(subtask).decode(),
            )


def _chosen(workspace_id: str, plan_id: str, version: int | None) -> Subquery:
    """Pick per task the breakdown with the highest version up to the one asked for."""
    query = (
        select(plan_breakdowns)
        .ext(distinct_on(plan_breakdowns.c.task_id))
        .where(plan_breakdowns.c.workspace_id == workspace_id, plan_breakdowns.c.plan_id == plan_id)
        .order_by(plan_breakdowns.c.task_id, plan_breakdowns.c.version.desc())
    )
    if version is not None:
        query = query.where(plan_breakdowns.c.version <= version)
    return query.subquery()


def _subtasks(connection: Connection, chosen: Subquery) -> dict[str, list[Subtask]]:
    joined: Any = (
        (plan_subtasks.c.workspace_id == chosen.c.workspace_id)
        & (plan_subtasks.c.plan_id == chosen.c.plan_id)
        & (plan_subtasks.c.task_id == chosen.c.task_id)
        & (plan_subtasks.c.version == chosen.c.version)
    )
    query = (
        select(plan_subtasks.c.task_id, plan_subtasks.c.document)
        .join(chosen, joined)
        .order_by(plan_subtasks.c.position)
    )
    found: dict[str, list[Subtask]] = {}
    for task_id, subtask in connection.execute(query):
        found.setdefault(task_id, []).append(subtask)
    return found
