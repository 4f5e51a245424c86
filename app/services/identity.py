"""Who asks: keys, principals and one-time tickets."""

import hashlib
import secrets
from typing import Final

import msgspec

from app.domain.ids import new_id
from app.live.tickets import TICKET_LIFE, Tickets
from app.record.identities import Identities, NewKey
from app.services.clock import Clock
from app.services.remembered import Remembered

KEYS_KNOWN_AT_MOST: Final = 10_000

OWNER_WORKSPACE: Final = "default"

ENDING_CHARACTERS: Final = 4
"""How much of a key stays readable, so that its owner can tell it from others."""

TICKET_SECONDS: Final = int(TICKET_LIFE.total_seconds())


class Principal(msgspec.Struct, frozen=True):
    """Who asks, and on behalf of which workspace: a user or an agent."""

    workspace_id: str
    name: str
    user_id: str | None = None
    agent_id: str | None = None

    @property
    def actor(self) -> str:
        """The name under which the log keeps what this principal does."""
        return f"agent:{self.agent_id}" if self.agent_id else f"user:{self.user_id}"


def hash_key(key: str) -> str:
    """Hash a key for storage. Keys hold 192 random bits, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def make_key(kind: str, name: str = "") -> tuple[str, NewKey]:
    """Make a key for a user or an agent: what to show once, and what to store."""
    key = f"ax_{kind}_{secrets.token_urlsafe(24)}"
    return key, NewKey(new_id("key"), hash_key(key), name, key[-ENDING_CHARACTERS:])


class Identity:
    """Tells who a key or a ticket belongs to, and makes new ones."""

    def __init__(self, identities: Identities, tickets: Tickets, clock: Clock) -> None:
        self._identities = identities
        self._tickets = tickets
        self._known = Remembered[str, Principal]("keys", KEYS_KNOWN_AT_MOST, clock)

    def authenticate(self, key: str) -> Principal | None:
        """Give the principal of a key; None for an unknown or revoked one.

        A key that was revoked may be taken for 15 seconds more; one revoked just before
        PostgreSQL went away, until it is back.

        Raises:
            RecordUnavailable: PostgreSQL is away, and this process has not met the key.
        """
        hashed = hash_key(key)
        return self._known.get(hashed, lambda: self._owner_of(hashed))

    def _owner_of(self, hashed: str) -> Principal | None:
        owner = self._identities.find_key(hashed)
        if owner is None:
            return None
        name = owner.user_name or owner.agent_id or ""
        return Principal(owner.workspace_id, name, owner.user_id, owner.agent_id)

    def ensure_owner(self, name: str = "Owner") -> str | None:
        """Make the first user with a workspace, and give its key; None where one exists."""
        if self._identities.any_user():
            return None
        self._identities.create_workspace(OWNER_WORKSPACE, "Default")
        user_id = new_id("user")
        key, stored = make_key("user")
        self._identities.create_user(user_id, OWNER_WORKSPACE, name, "owner", stored)
        return key

    def new_owner_key(self) -> str | None:
        """Make one more key for the first user and give it; None where there is no user."""
        first = self._identities.first_user()
        if first is None:
            return None
        key, stored = make_key("user")
        self._identities.add_key(stored, first[0], user_id=first[1])
        return key

    def new_user_key(self, principal: Principal, name: str) -> str:
        """Make one more key for a user and give it: it is stored only as a hash."""
        key, stored = make_key("user", name)
        self._identities.add_key(stored, principal.workspace_id, user_id=principal.user_id)
        return key

    def forget(self, hashed: str) -> None:
        """Ask anew whose key this is, as it was revoked."""
        self._known.forget(hashed)

    def new_agent_key(self, workspace_id: str, agent_id: str) -> str:
        """Make one more key for an agent and give it: it is stored only as a hash."""
        key, stored = make_key("agent")
        self._identities.add_key(stored, workspace_id, agent_id=agent_id)
        return key

    def issue_ticket(self, principal: Principal) -> str:
        """Make a ticket that lets this principal in once, within 60 seconds."""
        return self._tickets.issue(principal.workspace_id, msgspec.json.encode(principal))

    def redeem_ticket(self, ticket: str) -> Principal | None:
        """Give the principal of a ticket, the first time only."""
        holder = self._tickets.redeem(ticket)
        return msgspec.json.decode(holder, type=Principal) if holder else None
