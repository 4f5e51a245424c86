"""Keys as their owners see them: which there are, one more, and one less."""

from typing import Final

from app.domain.errors import Conflict, Invalid, NotFound
from app.record.keys import ApiKey, ApiKeys, KeyOwnerId
from app.services.agents import AgentService
from app.services.identity import Identity, Principal
from app.services.views import View

MOST_KEYS: Final = 100


class KeyService:
    """Lists, makes and revokes keys."""

    def __init__(self, keys: ApiKeys, identity: Identity, agents: AgentService) -> None:
        self._keys = keys
        self._identity = identity
        self._agents = agents

    def of_user(self, principal: Principal) -> list[View]:
        """List the keys of the user who asks, newest first."""
        return [_view(key) for key in self._keys.of(_user(principal))]

    def new_of_user(self, principal: Principal, name: str = "") -> View:
        """Make one more key for the user who asks; it is shown this once.

        Raises:
            Conflict: There are too many.
        """
        self._refuse_too_many(_user(principal))
        key = self._identity.new_user_key(principal, name)
        return {"user_id": principal.user_id, "name": name, "api_key": key}

    def revoke_of_user(self, principal: Principal, key_id: str) -> None:
        """Revoke a key of the user who asks; other processes know within 15 seconds.

        Raises:
            NotFound: The user has no such key.
            Conflict: It is the last one.
        """
        owner = _user(principal)
        if [one.key_id for one in self._keys.of(owner)] == [key_id]:
            raise Conflict("This is your only key. Make another one first.")
        self._revoke(owner, key_id)

    def of_agent(self, workspace_id: str, agent_id: str) -> list[View]:
        """List the keys of an agent, newest first.

        Raises:
            NotFound: This workspace has no such agent.
        """
        self._agents.find(workspace_id, agent_id)
        owner = KeyOwnerId(workspace_id, agent_id=agent_id)
        return [_view(key) for key in self._keys.of(owner)]

    def revoke_of_agent(self, principal: Principal, agent_id: str, key_id: str) -> None:
        """Revoke a key of an agent; other processes know within 15 seconds.

        Raises:
            NotFound: This workspace has no such agent, or the agent no such key.
        """
        self._agents.find(principal.workspace_id, agent_id)
        self._revoke(KeyOwnerId(principal.workspace_id, agent_id=agent_id), key_id)

    def _revoke(self, owner: KeyOwnerId, key_id: str) -> None:
        hashed = self._keys.revoke(owner, key_id)
        if hashed is None:
            raise NotFound(f"There is no key {key_id!r}.")
        self._identity.forget(hashed)

    def _refuse_too_many(self, owner: KeyOwnerId) -> None:
        if len(self._keys.of(owner)) >= MOST_KEYS:
            raise Conflict(f"There are {MOST_KEYS} keys already. Revoke those not in use first.")


def _user(principal: Principal) -> KeyOwnerId:
    if principal.user_id is None:
        raise Invalid("Only a user has keys of this kind.")
    return KeyOwnerId(principal.workspace_id, user_id=principal.user_id)


def _view(key: ApiKey) -> View:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "ending": key.ending,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
    }
