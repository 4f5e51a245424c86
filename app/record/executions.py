"""Executions: what the record knows of them, as far as the log has been persisted."""

import datetime as dt
import enum
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Engine,
    delete,
    exists,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import Insert, distinct_on, insert

from app.domain.errors import NotFound
from app.domain.execution import Header, SubtaskState, TaskState
from app.domain.states import ExecutionStatus
from app.record.engine import transaction
from app.record.pages import Page, Place, newest_first, page
from app.record.tables import (
    execution_graphs,
    execution_subtasks,
    execution_tasks,
    executions,
    plans,
)


class Sort(enum.StrEnum):
    """How executions are listed."""

    NEWEST = "newest"
    """The one created last comes first."""
    OLDEST = "oldest"
    """The one created first comes first."""
    UPDATED = "updated"
    """The one with the latest event comes first."""
    QUIET = "quiet"
    """The one in which nothing has happened for longest comes first."""


_BY_EVENT: Final = (Sort.UPDATED, Sort.QUIET)
_LIVE = [status.value for status in ExecutionStatus if not status.ended]


class Executions:
    """The executions of workspaces."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, header: Header, created_by: str, packed_graph: bytes) -> None:
        """Note that an execution is about to begin, before Redis has it, with its graph.

        From then on its plan cannot be deleted.

        Raises:
            NotFound: There is no such plan.
            AlreadyExists: There is an execution of this id.
        """
        # A share of the plan's lock: see ``Plans.delete``.
        plan = (
            select(plans.c.plan_id)
            .where(plans.c.workspace_id == header.workspace_id, plans.c.plan_id == header.plan_id)
            .with_for_update(read=True, key_share=True)
        )
        row = {**execution_row(header), "created_by": created_by}
        with transaction(self._engine) as connection:
            if connection.execute(plan).one_or_none() is None:
                raise NotFound(f"There is no plan {header.plan_id}.")
            connection.execute(insert(executions).values(row))
            connection.execute(graph_row(header, packed_graph))

    def forget_unborn(self, execution_id: str) -> bool:
        """Take back an ``add`` that nothing followed; tell whether there was one."""
        unborn = (executions.c.execution_id == execution_id) & (executions.c.seq == 0)
        with transaction(self._engine) as connection:
            return bool(connection.execute(delete(executions).where(unborn)).rowcount)

    def unborn(self, before: dt.datetime) -> list[tuple[str, str]]:
        """Name the workspace and id of what was added before a time and never came to life."""
        query = select(executions.c.workspace_id, executions.c.execution_id).where(
            executions.c.seq == 0, executions.c.created_at < before
        )
        with transaction(self._engine) as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def get(self, workspace_id: str, execution_id: str) -> Header | None:
        """Find an execution of a workspace."""
        query = select(executions.c.header).where(_is(workspace_id, execution_id))
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()

    def created_by(self, workspace_id: str, execution_id: str) -> str | None:
        """Name who made an execution."""
        query = select(executions.c.created_by).where(_is(workspace_id, execution_id))
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()

    def page(
        self,
        workspace_id: str,
        *,
        plan_id: str | None = None,
        agent_id: str | None = None,
        status: ExecutionStatus | None = None,
        or_live: bool = False,
        text: str = "",
        among: Collection[str] | None = None,
        sort: Sort = Sort.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Header]:
        """List a workspace's executions: of one plan, agent or status, or of these ids, if given.

        With ``or_live`` a status also finds all that have not ended as far as is recorded: they
        may have come to it since. ``text`` is looked for in the plan's title and in the ids.

        Raises:
            Invalid: The cursor is none of this list.
        """
        at = executions.c.updated_at if sort in _BY_EVENT else executions.c.created_at
        query = select(at, executions.c.execution_id, executions.c.header).where(
            executions.c.workspace_id == workspace_id
        )
        if plan_id is not None:
            query = query.where(executions.c.plan_id == plan_id)
        if agent_id is not None:
            query = query.where(executions.c.agent_id == agent_id)
        if status is not None:
            found = [status.value, *_LIVE] if or_live else [status.value]
            query = query.where(executions.c.status.in_(found))
        if among is not None:
            query = query.where(executions.c.execution_id.in_(among))
        for word in text.split():
            query = query.where(_SEARCHED.icontains(word, autoescape=True))
        cut = newest_first(
            query,
            at,
            executions.c.execution_id,
            limit,
            cursor,
            oldest_first=sort in (Sort.OLDEST, Sort.QUIET),
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(cut).all()
        return page(rows, limit, lambda row: Place(row[0], row[1]), lambda row: row[2])

    def latest(self, workspace_id: str, plan_ids: Sequence[str]) -> dict[str, Header]:
        """Give the newest execution of each plan, by plan; those without any are left out."""
        query = (
            select(executions.c.plan_id, executions.c.header)
            .ext(distinct_on(executions.c.plan_id))
            .where(executions.c.workspace_id == workspace_id, executions.c.plan_id.in_(plan_ids))
            .order_by(
                executions.c.plan_id,
                executions.c.created_at.desc(),
                executions.c.execution_id.desc(),
            )
        )
        with transaction(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def states(self, execution_id: str) -> tuple[dict[str, SubtaskState], dict[str, TaskState]]:
        """Give where every subtask and every task stands, by id, both at the same moment."""
        of_subtasks = select(execution_subtasks.c.subtask_id, execution_subtasks.c.state).where(
            execution_subtasks.c.execution_id == execution_id
        )
        of_tasks = select(execution_tasks.c.task_id, execution_tasks.c.state).where(
            execution_tasks.c.execution_id == execution_id
        )
        with transaction(self._engine, snapshot=True) as connection:
            subtasks = {row[0]: row[1] for row in connection.execute(of_subtasks)}
            tasks = {row[0]: row[1] for row in connection.execute(of_tasks)}
        return subtasks, tasks

    def graph(self, workspace_id: str, graph_id: str) -> bytes | None:
        """Give the packed graph of an execution."""
        query = select(execution_graphs.c.packed).where(
            execution_graphs.c.workspace_id == workspace_id,
            execution_graphs.c.graph_id == graph_id,
        )
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()


_SEARCHED: Final = func.concat_ws(
    " ",
    type_coerce(executions.c.header, JSON)["title"].as_string(),
    executions.c.execution_id,
    executions.c.plan_id,
    executions.c.agent_id,
)
"""What a search looks into. No index helps it: it reads the executions of one workspace."""


def is_live(connection: Connection, workspace_id: str, plan_id: str) -> bool:
    """Tell, as part of a larger transaction, whether an unfinished execution uses a plan."""
    unfinished = select(executions.c.execution_id).where(
        executions.c.workspace_id == workspace_id,
        executions.c.plan_id == plan_id,
        executions.c.status.in_(_LIVE),
    )
    return connection.execute(select(exists(unfinished))).scalar_one()


def execution_row(header: Header) -> dict[str, Any]:
    """Spread a header over the columns, without who made it."""
    created_at = header.created_at or dt.datetime.now(dt.UTC)
    return {
        "execution_id": header.execution_id,
        "workspace_id": header.workspace_id,
        "plan_id": header.plan_id,
        "plan_version": header.plan_version,
        "ordering": header.ordering,
        "agent_id": header.agent_id,
        "status": header.status.value,
        "seq": header.seq,
        "head_hash": header.head_hash,
        "header": header,
        "created_at": created_at,
        "started_at": header.started_at,
        "completed_at": header.completed_at,
        "updated_at": header.updated_at or created_at,
    }


def graph_row(header: Header, packed: bytes) -> Insert:
    """Say how to store a graph that may be there already."""
    row = {"workspace_id": header.workspace_id, "graph_id": header.graph_id, "packed": packed}
    return insert(execution_graphs).values(row).on_conflict_do_nothing()


def _is(workspace_id: str, execution_id: str) -> ColumnElement[bool]:
    return (executions.c.workspace_id == workspace_id) & (executions.c.execution_id == execution_id)
