"""Breakdowns of tasks into subtasks, by decomposition version."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Integer, Subquery, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from app.domain.plan import Breakdown, Subtask
from app.record.copying import copy_rows
from app.record.engine import transaction
from app.record.tables import plan_breakdowns, plan_subtasks

_FIELDS = tuple(name for name in Breakdown.__struct_fields__ if name != "subtasks")


class StoredVersion(msgspec.Struct, frozen=True):
    """One version of one task's breakdown, as a list tells of it."""

    task_id: str
    version: int
    strategy: str
    confidence: float
    needs_review: bool
    approved_by: str | None
    approved_at: dt.datetime | None
    edited_by: str | None
    edited_at: dt.datetime | None
    note: str
    changes: list[str]
    created_at: dt.datetime
    subtasks_total: int


class BreakdownSummary(msgspec.Struct, frozen=True):
    """What the newest breakdowns of a plan come to: counts, and confidences from 0 to 1."""

    tasks_total: int
    subtasks_total: int
    mean_confidence: float
    lowest_confidence: float
    reviews_waiting: int


_TOLD = tuple(plan_breakdowns.c[name] for name in StoredVersion.__struct_fields__[:-1])
_SUMMED = tuple(
    plan_breakdowns.c[name] for name in ("plan_id", "task_id", "confidence", "needs_review")
)


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
        with transaction(self._engine) as connection:
            return insert_breakdowns(connection, workspace_id, plan_id, version, breakdowns)

    def of_plan(
        self, workspace_id: str, plan_id: str, version: int | None = None
    ) -> dict[str, Breakdown]:
        """Give the breakdown of every task that has one, by task.

        Args:
            workspace_id: Whose plan.
            plan_id: Which plan.
            version: As of this decomposition version; None means the newest.
        """
        with transaction(self._engine) as connection:
            return read_breakdowns(connection, workspace_id, plan_id, version)

    def summaries(self, workspace_id: str, plan_ids: Sequence[str]) -> dict[str, BreakdownSummary]:
        """Sum up the newest breakdowns of plans, by plan; those without any are left out."""
        key = (plan_breakdowns.c.plan_id, plan_breakdowns.c.task_id)
        newest = (
            select(*_SUMMED, _steps_counted().label("steps"))
            .ext(distinct_on(*key))
            .where(plan_breakdowns.c.workspace_id == workspace_id)
            .where(plan_breakdowns.c.plan_id.in_(plan_ids))
            .order_by(*key, plan_breakdowns.c.version.desc())
            .subquery()
        )
        query = select(
            newest.c.plan_id,
            func.count(),
            cast(func.sum(newest.c.steps), Integer),
            func.avg(newest.c.confidence),
            func.min(newest.c.confidence),
            func.count().filter(newest.c.needs_review),
        ).group_by(newest.c.plan_id)
        with transaction(self._engine) as connection:
            return {row[0]: BreakdownSummary(*row[1:]) for row in connection.execute(query)}

    def versions(
        self,
        workspace_id: str,
        plan_id: str,
        task_id: str | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> list[StoredVersion]:
        """Tell of the versions of breakdowns without their subtasks, newest first.

        Args:
            workspace_id: Whose plan.
            plan_id: Which plan.
            task_id: Only of this task.
            limit: Of how many versions at most; one may hold the breakdowns of many tasks.
            before: Only of versions before this one.
        """
        wanted = _of_plan(workspace_id, plan_id)
        if task_id is not None:
            wanted &= plan_breakdowns.c.task_id == task_id
        if before is not None:
            wanted &= plan_breakdowns.c.version < before
        newest = plan_breakdowns.c.version.desc()
        numbers = select(plan_breakdowns.c.version).where(wanted).distinct().order_by(newest)
        query = (
            select(*_TOLD, _steps_counted())
            .where(wanted, plan_breakdowns.c.version.in_(numbers.limit(limit)))
            .order_by(newest, plan_breakdowns.c.task_id)
        )
        with transaction(self._engine) as connection:
            return [StoredVersion(*row) for row in connection.execute(query)]


def insert_breakdowns(
    connection: Connection,
    workspace_id: str,
    plan_id: str,
    version: int,
    breakdowns: Sequence[Breakdown],
) -> int:
    """Store breakdowns in a transaction that is open; where there is one, the first is kept."""
    if not breakdowns:
        return 0
    place = (workspace_id, plan_id, version)
    new = _insert(connection, place, breakdowns)
    rows = _subtask_rows(place, [it for it in breakdowns if it.task_id in new])
    copy_rows(connection, plan_subtasks, rows)
    return len(new)


def read_breakdowns(
    connection: Connection, workspace_id: str, plan_id: str, version: int | None = None
) -> dict[str, Breakdown]:
    """Read each task's breakdown as of a version in a transaction that is open."""
    chosen = _chosen(workspace_id, plan_id, version)
    whole = select(*(chosen.c[name] for name in _FIELDS))
    subtasks = _subtasks(connection, chosen)
    rows = connection.execute(whole).mappings().all()
    return {
        row["task_id"]: Breakdown(**row, subtasks=subtasks.get(row["task_id"], [])) for row in rows
    }


def _of_plan(workspace_id: str, plan_id: str) -> ColumnElement[bool]:
    return (plan_breakdowns.c.workspace_id == workspace_id) & (plan_breakdowns.c.plan_id == plan_id)


def _steps_counted() -> Any:
    same = (
        getattr(plan_subtasks.c, name) == getattr(plan_breakdowns.c, name)
        for name in ("workspace_id", "plan_id", "task_id", "version")
    )
    return select(func.count()).select_from(plan_subtasks).where(*same).scalar_subquery()


def _insert(
    connection: Connection, place: tuple[str, str, int], breakdowns: Iterable[Breakdown]
) -> set[str]:
    """Insert the breakdowns without their subtasks and name the tasks that had none yet."""
    workspace_id, plan_id, version = place
    key = {"workspace_id": workspace_id, "plan_id": plan_id, "version": version}
    rows = [{**{name: getattr(it, name) for name in _FIELDS}, **key} for it in breakdowns]
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
