"""Workspaces, users and keys."""

import datetime as dt
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, exists, func, insert, or_, select, update

from app.record.engine import transaction
from app.record.tables import api_keys, users, workspaces

USE_NOTED_EVERY: Final = dt.timedelta(minutes=5)
"""How exact the time of a key's last use is: the price of not writing at every request."""


class NewKey(msgspec.Struct, frozen=True):
    """A key to be kept, of which only the hash and the last characters are known here."""

    key_id: str
    key_hash: str
    name: str = ""
    ending: str = ""


class KeyOwner(msgspec.Struct, frozen=True):
    """Whom a key acts for: either a user or an agent."""

    workspace_id: str
    key_id: str
    user_id: str | None = None
    user_name: str | None = None
    agent_id: str | None = None


class Identities:
    """Who may act, and in which workspace."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_workspace(self, workspace_id: str, name: str) -> None:
        """Add a workspace.

        Raises:
            AlreadyExists: There is one of this id.
        """
        with transaction(self._engine) as connection:
            connection.execute(insert(workspaces).values(workspace_id=workspace_id, name=name))

    def create_user(
        self, user_id: str, workspace_id: str, name: str, role: str, key: NewKey | None = None
    ) -> None:
        """Add a user, with a first key where one is given: both or neither.

        Raises:
            AlreadyExists: There is one of this id.
            NotFound: There is no such workspace.
        """
        row = {"user_id": user_id, "workspace_id": workspace_id, "name": name, "role": role}
        with transaction(self._engine) as connection:
            connection.execute(insert(users).values(row))
            if key:
                insert_key(connection, key, workspace_id, user_id=user_id)

    def add_key(
        self,
        key: NewKey,
        workspace_id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
    ) -> None:
        """Give a user or an agent, exactly one of them, one more key.

        Raises:
            NotFound: There is no such user or agent.
            AlreadyExists: The key is known already.
        """
        with transaction(self._engine) as connection:
            insert_key(connection, key, workspace_id, user_id=user_id, agent_id=agent_id)

    def find_key(self, key_hash: str) -> KeyOwner | None:
        """Find whom a key acts for, and note the use; None for an unknown or revoked one."""
        noted = api_keys.c.last_used_at
        found = (
            select(
                api_keys.c.workspace_id,
                api_keys.c.key_id,
                api_keys.c.user_id,
                users.c.name,
                api_keys.c.agent_id,
                or_(noted.is_(None), noted < func.now() - USE_NOTED_EVERY),
            )
            .outerjoin(
                users,
                (users.c.workspace_id == api_keys.c.workspace_id)
                & (users.c.user_id == api_keys.c.user_id),
            )
            .where(api_keys.c.key_hash == key_hash, api_keys.c.revoked_at.is_(None))
        )
        with transaction(self._engine) as connection:
            row = connection.execute(found).one_or_none()
            if row and row[-1]:
                used = update(api_keys).where(api_keys.c.key_id == row.key_id)
                connection.execute(used.values(last_used_at=func.now()))
        return KeyOwner(*row[:-1]) if row else None

    def first_user(self) -> tuple[str, str] | None:
        """Give workspace and id of the user who was there first; None where there is none."""
        query = select(users.c.workspace_id, users.c.user_id).order_by(users.c.created_at).limit(1)
        with transaction(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return (row[0], row[1]) if row else None

    def any_user(self) -> bool:
        """Tell whether there is a user in any workspace."""
        with transaction(self._engine) as connection:
            return connection.execute(select(exists(select(users.c.user_id)))).scalar_one()


def insert_key(
    connection: Connection,
    key: NewKey,
    workspace_id: str,
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
) -> None:
    """Add a key as part of a larger transaction."""
    row = {"workspace_id": workspace_id, "user_id": user_id, "agent_id": agent_id}
    connection.execute(insert(api_keys).values({**msgspec.structs.asdict(key), **row}))
