"""One-time tickets: they let somebody in where no header can be sent."""

import datetime as dt
import secrets
from typing import Any, Final

import redis

from app.live.keys import Keys
from app.live.scripts import translated

TICKET_LIFE: Final = dt.timedelta(seconds=60)


class Tickets:
    """One-time tickets, good for 60 seconds, of the form ``<workspace>.<secret>``."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def issue(self, workspace_id: str, holder: bytes) -> str:
        """Make a ticket that lets ``holder`` in once."""
        ticket = f"{workspace_id}.{secrets.token_urlsafe(24)}"
        with translated():
            self._client.set(Keys(workspace_id).ticket(ticket), holder, ex=TICKET_LIFE)
        return ticket

    def redeem(self, ticket: str) -> bytes | None:
        """Give the holder of a ticket, the first time only."""
        workspace_id = ticket.partition(".")[0]
        with translated():
            holder: Any = self._client.getdel(Keys(workspace_id).ticket(ticket))
        return holder
