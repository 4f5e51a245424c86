"""Plans as they were read, with their tasks."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from app.domain.errors import NotFound
from app.domain.plan import Plan, PlanSort, PlanStatus, Task
from app.record.copying import copy_rows
from app.record.engine import transaction
from app.record.errors import StillReferenced
from app.record.executions import is_live
from app.record.pages import Page, Place, newest_first, page
from app.record.tables import executions, plan_tasks, plans


class StoredPlan(msgspec.Struct, frozen=True):
    """A plan with what has become of it. ``decomposition_version`` 0 means: no breakdown yet."""

    plan: Plan
    status: PlanStatus
    status_message: str
    decomposition_version: int
    created_by: str
    created_at: dt.datetime
    updated_at: dt.datetime


class PlanSummary(msgspec.Struct, frozen=True):
    """A plan as a list shows it."""

    plan_id: str
    title: str
    goal: str
    source_format: str
    tasks_total: int
    status: PlanStatus
    status_message: str
    decomposition_version: int
    created_by: str
    created_at: dt.datetime
    updated_at: dt.datetime


_SUMMARY = tuple(plans.c[name] for name in PlanSummary.__struct_fields__)
_SEARCHED = (plans.c.title, plans.c.goal)


class Plans:
    """The plans of workspaces."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, workspace_id: str, plan: Plan, status: PlanStatus, created_by: str) -> None:
        """Store a plan with its tasks.

        Raises:
            AlreadyExists: The workspace has a plan of this id; nothing was stored.
            NotFound: There is no such workspace.
            Invalid: It holds text that cannot be stored.
        """
        with transaction(self._engine) as connection:
            connection.execute(insert(plans).values(_row(workspace_id, plan, status, created_by)))
            copy_rows(connection, plan_tasks, _task_rows(workspace_id, plan))

    def get(self, workspace_id: str, plan_id: str) -> StoredPlan | None:
        """Find a plan of a workspace, whole, as it was at one moment."""
        with transaction(self._engine, snapshot=True) as connection:
            return read_plan(connection, workspace_id, plan_id)

    def page(
        self,
        workspace_id: str,
        *,
        status: PlanStatus | None = None,
        assigned_to: str | None = None,
        search: str = "",
        sort: PlanSort = PlanSort.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[PlanSummary]:
        """List a workspace's plans.

        Args:
            workspace_id: Whose plans.
            status: Only those that stand there.
            assigned_to: Only those where this agent has a task or an execution.
            search: Only those with this text in their title or goal, in small or capital letters.
            sort: What comes first.
            limit: How many at most.
            cursor: ``next_cursor`` of the page before.

        Raises:
            Invalid: The cursor is none of this list.
        """
        query = select(*_SUMMARY).where(plans.c.workspace_id == workspace_id)
        if status is not None:
            query = query.where(plans.c.status == status.value)
        if assigned_to is not None:
            query = query.where(_assigned_to(workspace_id, assigned_to))
        if search:
            named = (column.icontains(search, autoescape=True) for column in _SEARCHED)
            query = query.where(or_(*named))
        by = plans.c.created_at if sort is PlanSort.NEWEST else plans.c.updated_at
        cut = newest_first(query, by, plans.c.plan_id, limit, cursor)
        with transaction(self._engine) as connection:
            found = [_summary(*row) for row in connection.execute(cut)]
        return page(found, limit, lambda it: Place(getattr(it, by.name), it.plan_id), lambda it: it)

    def waiting(self, workspace_id: str) -> list[PlanSummary]:
        """List the plans that wait for a person, longest first.

        They need review, could not be broken down, or are refused by their own gates and no
        execution has overridden that.
        """
        query = (
            select(*_SUMMARY)
            .where(_waits(workspace_id))
            .order_by(plans.c.updated_at, plans.c.plan_id)
        )
        with transaction(self._engine) as connection:
            return [_summary(*row) for row in connection.execute(query)]

    def count_waiting(self, workspace_id: str) -> int:
        """Count the plans that wait for a person."""
        query = select(func.count()).select_from(plans).where(_waits(workspace_id))
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one()

    def delete(self, workspace_id: str, plan_id: str) -> bool:
        """Delete a plan with its tasks and breakdowns; tell whether it was there.

        Its executions stay on record.

        Raises:
            StillReferenced: An unfinished execution uses it; cancel that first.
        """
        # The lock keeps out new executions: ``Executions.add`` takes a share of it.
        lock = select(plans.c.plan_id).where(_is(workspace_id, plan_id)).with_for_update()
        with transaction(self._engine) as connection:
            if connection.execute(lock).one_or_none() is None:
                return False
            if is_live(connection, workspace_id, plan_id):
                raise StillReferenced("An execution of this plan is unfinished.")
            connection.execute(delete(plans).where(_is(workspace_id, plan_id)))
            return True

    def unbroken(self, before: dt.datetime) -> list[tuple[str, str, int]]:
        """Name workspace, id and version of plans whose breakdown was due before a time."""
        query = select(plans.c.workspace_id, plans.c.plan_id, plans.c.decomposition_version).where(
            plans.c.status == PlanStatus.DECOMPOSING.value, plans.c.updated_at < before
        )
        with transaction(self._engine) as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def importing(self, before: dt.datetime) -> list[tuple[str, str]]:
        """Name workspace and id of plans whose import made no step since a time."""
        query = select(plans.c.workspace_id, plans.c.plan_id).where(
            plans.c.status == PlanStatus.IMPORTING.value, plans.c.updated_at < before
        )
        with transaction(self._engine) as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def rewrite(
        self,
        workspace_id: str,
        seen: StoredPlan,
        plan: Plan,
        status: PlanStatus,
        message: str = "",
    ) -> bool:
        """Put a plan, with its tasks, in the place of one that is being imported.

        False, and nothing is changed, where it is not as it was seen: another was faster.
        """
        row = _row(workspace_id, plan, status, seen.created_by)
        change = (
            update(plans)
            .where(
                _is(workspace_id, seen.plan.plan_id),
                plans.c.status == seen.status.value,
                plans.c.updated_at == seen.updated_at,
            )
            .values({**row, "status_message": message, "updated_at": func.clock_timestamp()})
            .returning(plans.c.plan_id)
        )
        with transaction(self._engine) as connection:
            if connection.execute(change).scalar_one_or_none() is None:
                return False
            copy_rows(connection, plan_tasks, _task_rows(workspace_id, plan))
            return True

    def next_version(self, workspace_id: str, plan_id: str) -> int:
        """Count the plan's decomposition version up; no two callers get the same.

        Raises:
            NotFound: There is no such plan.
        """
        counted = plans.c.decomposition_version + 1
        with transaction(self._engine) as connection:
            return update_plan(connection, workspace_id, plan_id, decomposition_version=counted)

    def set_status(
        self, workspace_id: str, plan_id: str, status: PlanStatus, message: str = ""
    ) -> None:
        """Note where the plan stands, and why.

        Raises:
            NotFound: There is no such plan.
        """
        with transaction(self._engine) as connection:
            update_plan(
                connection, workspace_id, plan_id, status=status.value, status_message=message
            )


def read_plan(
    connection: Connection, workspace_id: str, plan_id: str, *, held: bool = False
) -> StoredPlan | None:
    """Read a plan in a transaction that is open; ``held`` keeps others from changing it."""
    query = select(
        plans.c.document,
        plans.c.status,
        plans.c.status_message,
        plans.c.decomposition_version,
        plans.c.created_by,
        plans.c.created_at,
        plans.c.updated_at,
    ).where(_is(workspace_id, plan_id))
    row = connection.execute(query.with_for_update() if held else query).one_or_none()
    if row is None:
        return None
    whole = _with_tasks(row.document, _tasks(connection, workspace_id, plan_id))
    return StoredPlan(whole, PlanStatus(row.status), *row[2:])


def _waits(workspace_id: str) -> ColumnElement[bool]:
    overridden = exists().where(
        executions.c.workspace_id == plans.c.workspace_id,
        executions.c.plan_id == plans.c.plan_id,
    )
    asked = plans.c.status.in_([PlanStatus.NEEDS_REVIEW.value, PlanStatus.FAILED.value])
    refused = (plans.c.status == PlanStatus.REFUSED.value) & ~overridden
    return (plans.c.workspace_id == workspace_id) & (asked | refused)


def _is(workspace_id: str, plan_id: str) -> ColumnElement[bool]:
    return (plans.c.workspace_id == workspace_id) & (plans.c.plan_id == plan_id)


def update_plan(connection: Connection, workspace_id: str, plan_id: str, **values: Any) -> int:
    """Change columns of a plan and give its decomposition version."""
    change = (
        update(plans)
        .where(_is(workspace_id, plan_id))
        .values(updated_at=func.now(), **values)
        .returning(plans.c.decomposition_version)
    )
    version = connection.execute(change).scalar_one_or_none()
    if version is None:
        raise NotFound(f"There is no plan {plan_id}.")
    return version


def _assigned_to(workspace_id: str, agent_id: str) -> ColumnElement[bool]:
    of_tasks = select(plan_tasks.c.plan_id).where(
        plan_tasks.c.workspace_id == workspace_id, plan_tasks.c.agent_id == agent_id
    )
    of_executions = select(executions.c.plan_id).where(
        executions.c.workspace_id == workspace_id, executions.c.agent_id == agent_id
    )
    return plans.c.plan_id.in_(union_all(of_tasks, of_executions))


def _summary(plan_id: str, title: str, goal: str, *rest: Any) -> PlanSummary:
    source_format, tasks_total, status, *others = rest
    return PlanSummary(
        plan_id, title, goal, source_format, tasks_total, PlanStatus(status), *others
    )


def _row(workspace_id: str, plan: Plan, status: PlanStatus, created_by: str) -> dict[str, Any]:
    bare = [msgspec.structs.replace(phase, tasks=[]) for phase in plan.phases]
    return {
        "workspace_id": workspace_id,
        "plan_id": plan.plan_id,
        "title": plan.title,
        "goal": plan.goal,
        "status": status.value,
        "status_message": "",
        "decomposition_version": 0,
        "source_format": plan.source_format,
        "tasks_total": len(plan.tasks),
        "document": msgspec.structs.replace(plan, phases=bare),
        "created_by": created_by,
    }


def _task_rows(workspace_id: str, plan: Plan) -> Iterable[tuple[object, ...]]:
    position = 0
    for phase_position, phase in enumerate(plan.phases):
        for task in phase.tasks:
            yield (
                workspace_id,
                plan.plan_id,
                task.task_id,
                phase.phase_id,
                phase_position,
                position,
                task.title,
                task.agent_id,
                msgspec.json.encode(task).decode(),
            )
            position += 1


def _tasks(connection: Connection, workspace_id: str, plan_id: str) -> list[tuple[int, Task]]:
    query = (
        select(plan_tasks.c.phase_position, plan_tasks.c.document)
        .where(plan_tasks.c.workspace_id == workspace_id, plan_tasks.c.plan_id == plan_id)
        .order_by(plan_tasks.c.position)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def _with_tasks(plan: Plan, tasks: Iterable[tuple[int, Task]]) -> Plan:
    by_phase: list[list[Task]] = [[] for _ in plan.phases]
    for phase_position, task in tasks:
        by_phase[phase_position].append(task)
    phases = [
        msgspec.structs.replace(phase, tasks=tasks)
        for phase, tasks in zip(plan.phases, by_phase, strict=True)
    ]
    return msgspec.structs.replace(plan, phases=phases)
