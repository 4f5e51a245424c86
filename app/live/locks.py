"""Short locks between processes. They save work; correctness never rests on them."""

import datetime as dt

import redis

from app.live.keys import Keys
from app.live.scripts import translated


class Locks:
    """The locks of all workspaces."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def take(self, workspace_id: str, name: str, life: dt.timedelta) -> bool:
        """Take a lock for a time; False where somebody has it."""
        with translated():
            return bool(self._client.set(Keys(workspace_id).lock(name), "1", nx=True, px=life))

    def release(self, workspace_id: str, name: str) -> None:
        """Give a lock back."""
        with translated():
            self._client.delete(Keys(workspace_id).lock(name))
