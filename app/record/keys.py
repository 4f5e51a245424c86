"""The keys of users and agents, as their owners see them."""

import datetime as dt
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Engine, func, select, update

from app.record.engine import transaction
from app.record.tables import api_keys


class ApiKey(msgspec.Struct, frozen=True):
    """A key that is good. ``ending`` is its last characters; of old keys nothing is known."""

    key_id: str
    name: str
    ending: str
    created_at: dt.datetime
    last_used_at: dt.datetime | None


class KeyOwnerId(msgspec.Struct, frozen=True):
    """Whose keys are meant: a user's or an agent's, of one workspace."""

    workspace_id: str
    user_id: str | None = None
    agent_id: str | None = None


_COLUMNS: Final = tuple(api_keys.c[name] for name in ApiKey.__struct_fields__)


class ApiKeys:
    """Which keys there are."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, owner: KeyOwnerId) -> list[ApiKey]:
        """List the good keys of a user or an agent, newest first."""
        query = (
            select(*_COLUMNS)
            .where(_good(owner))
            .order_by(api_keys.c.created_at.desc(), api_keys.c.key_id.desc())
        )
        with transaction(self._engine) as connection:
            return [ApiKey(*row) for row in connection.execute(query)]

    def revoke(self, owner: KeyOwnerId, key_id: str) -> str | None:
        """Make one of the owner's keys worthless; give its hash, or None where there is none."""
        revocation = (
            update(api_keys)
            .where(_good(owner), api_keys.c.key_id == key_id)
            .values(revoked_at=func.now())
            .returning(api_keys.c.key_hash)
        )
        with transaction(self._engine) as connection:
            return connection.execute(revocation).scalar_one_or_none()


def _good(owner: KeyOwnerId) -> ColumnElement[bool]:
    whose = (
        api_keys.c.user_id == owner.user_id
        if owner.user_id
        else api_keys.c.agent_id == owner.agent_id
    )
    return (api_keys.c.workspace_id == owner.workspace_id) & whose & api_keys.c.revoked_at.is_(None)
