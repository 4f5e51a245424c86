"""Who asks: keys, principals and one-time tickets."""

import datetime as dt
import hashlib
import secrets
import threading
from typing import Final

import msgspec

from app.domain.ids import new_id
from app.live.tickets import TICKET_LIFE, Tickets
from app.record.identities import Identities, NewKey
from app.services.clock import Clock

KEY_CACHE_LIFE: Final = dt.timedelta(seconds=15)
"""How long a revoked key may still be taken: the price of asking PostgreSQL rarely."""

KEYS_KNOWN_AT_MOST: Final = 10_000

OWNER_WORKSPACE: Final = "default"

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


def make_key(kind: str) -> tuple[str, NewKey]:
    """Make a key for a user or an agent: what to show once, and what to store."""
    key = f"ax_{kind}_{secrets.token_urlsafe(24)}"
    return key, NewKey(new_id("key"), hash_key(key))


class Identity:
    """Tells who a key or a ticket belongs to, and makes new ones."""

    def __init__(self, identities: Identities, tickets: Tickets, clock: Clock) -> None:
        self._identities = identities
        self._tickets = tickets
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[dt.datetime, Principal]] = {}

    def authenticate(self, key: str) -> Principal | None:
        """Give the principal of a key; None for an unknown or revoked one."""
        hashed, now = hash_key(key), self._clock()
        found = self._known.get(hashed)
        if found and now - found[0] < KEY_CACHE_LIFE:
            return found[1]
        owner = self._identities.find_key(hashed)
        if owner is None:
            return None
        principal = Principal(
            owner.workspace_id,
            owner.user_name or owner.agent_id or "",
            owner.user_id,
            owner.agent_id,
        )
        with self._lock:
            if len(self._known) > KEYS_KNOWN_AT_MOST:
                self._known.clear()
            self._known[hashed] = (now, principal)
        return principal

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
