"""Short locks between processes. They save work; correctness never rests on them."""

import datetime as dt
from typing import Any

import redis

from app.live.keys import Keys
from app.live.scripts import translated


class Locks:
    """The locks of all workspaces."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def take(self, workspace_id: str, name: str, life: dt.timedelta, holder: str = "1") -> bool:
        """Take a lock for a time; False where somebody has it.

        A holder with a name of its own may come back: it gets what it still holds.
        """
        key = Keys(workspace_id).lock(name)
        with translated():
            if self._client.set(key, holder, nx=True, px=life):
                return True
            found: Any = self._client.get(key) if holder != "1" else None
        return found == holder.encode()

    def release(self, workspace_id: str, name: str) -> None:
        """Give a lock back."""
        with translated():
            self._client.delete(Keys(workspace_id).lock(name))
