"""Agents as they registered."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Engine,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from app.domain.agents import Agent
from app.domain.states import SubtaskStatus
from app.record.engine import transaction
from app.record.identities import NewKey, insert_key
from app.record.pages import Page, Place, newest_first, page
from app.record.tables import agents, execution_subtasks, executions

NEWEST_EXECUTIONS: Final = 20
"""How many of an agent's executions its track record looks back over."""


class TrackRecord(msgspec.Struct, frozen=True):
    """What came of an agent's attempts in its newest executions, of those that ended."""

    completed: int
    attempts: int

    @property
    def success_rate(self) -> float | None:
        """The share of ended attempts that succeeded, 0 to 1; None before the first."""
        return self.completed / self.attempts if self.attempts else None


NO_TRACK: Final = TrackRecord(0, 0)

_SETTLED: Final = [SubtaskStatus.COMPLETED.value, SubtaskStatus.FAILED.value]
_COLUMNS = tuple(agents.c[name] for name in Agent.__struct_fields__)


class Agents:
    """Who performs subtasks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, agent: Agent, key: NewKey | None = None) -> None:
        """Add an agent, with a first key where one is given: both or neither.

        Raises:
            AlreadyExists: The workspace has an agent of this id.
            NotFound: There is no such workspace.
        """
        row = {name: getattr(agent, name) for name in Agent.__struct_fields__}
        with transaction(self._engine) as connection:
            connection.execute(insert(agents).values(row))
            if key:
                insert_key(connection, key, agent.workspace_id, agent_id=agent.agent_id)

    def get(self, workspace_id: str, agent_id: str) -> Agent | None:
        """Find an agent of a workspace."""
        query = select(*_COLUMNS).where(_is(workspace_id, agent_id))
        with transaction(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return Agent(*row) if row else None

    def replace(self, agent: Agent) -> None:
        """Store an agent as it is now."""
        row = {name: getattr(agent, name) for name in Agent.__struct_fields__}
        with transaction(self._engine) as connection:
            connection.execute(
                update(agents).where(_is(agent.workspace_id, agent.agent_id)).values(row)
            )

    def delete(self, workspace_id: str, agent_id: str) -> bool:
        """Delete an agent with its keys; tell whether there was one."""
        with transaction(self._engine) as connection:
            gone = connection.execute(delete(agents).where(_is(workspace_id, agent_id)))
        return bool(gone.rowcount)

    def track_records(self, workspace_id: str, agent_ids: Sequence[str]) -> dict[str, TrackRecord]:
        """Say what came of these agents' attempts; those without any are left out."""
        newest = (
            select(executions.c.execution_id)
            .where(
                executions.c.workspace_id == workspace_id,
                executions.c.agent_id == agents.c.agent_id,
            )
            .order_by(executions.c.created_at.desc(), executions.c.execution_id.desc())
            .limit(NEWEST_EXECUTIONS)
            .lateral("newest")
        )
        done = execution_subtasks.c.status == SubtaskStatus.COMPLETED.value
        query = (
            select(
                agents.c.agent_id,
                func.count().filter(done),
                # One that a person noted as done was never attempted.
                func.sum(func.greatest(execution_subtasks.c.attempt, 1)),
            )
            .select_from(agents)
            .join(newest, true())
            .join(
                execution_subtasks,
                (execution_subtasks.c.execution_id == newest.c.execution_id)
                & (execution_subtasks.c.agent_id == agents.c.agent_id),
            )
            .where(agents.c.workspace_id == workspace_id, agents.c.agent_id.in_(agent_ids))
            .where(execution_subtasks.c.status.in_(_SETTLED))
            .group_by(agents.c.agent_id)
        )
        with transaction(self._engine) as connection:
            found = connection.execute(query).all()
        return {name: TrackRecord(completed, attempts) for name, completed, attempts in found}

    def page(self, workspace_id: str, limit: int = 50, cursor: str | None = None) -> Page[Agent]:
        """List a workspace's agents, newest first.

        Raises:
            Invalid: The cursor is none of this list.
        """
        query = select(*_COLUMNS).where(agents.c.workspace_id == workspace_id)
        cut = newest_first(query, agents.c.created_at, agents.c.agent_id, limit, cursor)
        with transaction(self._engine) as connection:
            found = [Agent(*row) for row in connection.execute(cut)]
        return page(found, limit, lambda it: Place(it.created_at, it.agent_id), lambda it: it)


def _is(workspace_id: str, agent_id: str) -> ColumnElement[bool]:
    return (agents.c.workspace_id == workspace_id) & (agents.c.agent_id == agent_id)
