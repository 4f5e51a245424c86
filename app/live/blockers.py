"""All that waits for somebody: the open blockers of a workspace, kept by the commits."""

from typing import Any, Final

import msgspec
import redis

from app.domain.blockers import Blocker
from app.live.keys import Keys
from app.live.scripts import translated


class OpenBlocker(msgspec.Struct, frozen=True):
    """An open blocker and the execution it is in."""

    execution_id: str
    blocker: Blocker


_DECODER: Final = msgspec.json.Decoder(OpenBlocker)


class OpenBlockers:
    """The open blockers of all workspaces."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def all(self, workspace_id: str) -> list[OpenBlocker]:
        """Give every open blocker of a workspace, in no order."""
        with translated():
            found: Any = self._client.hvals(Keys(workspace_id).blockers)
        return [_DECODER.decode(raw) for raw in found]

    def find(self, workspace_id: str, blocker_id: str) -> OpenBlocker | None:
        """Give one; None where it is not open."""
        with translated():
            found: Any = self._client.hget(Keys(workspace_id).blockers, blocker_id)
        return _DECODER.decode(found) if found else None
