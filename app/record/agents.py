"""Agents as they registered."""

from sqlalchemy import ColumnElement, Engine, delete, insert, select, update

from app.domain.agents import Agent
from app.record.engine import transaction
from app.record.identities import NewKey, insert_key
from app.record.pages import Page, Place, newest_first, page
from app.record.tables import agents

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
