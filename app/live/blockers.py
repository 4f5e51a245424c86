"""All that waits for somebody: the open blockers of a workspace, kept by the commits.

Those that wait for agents stand in a list of their own, so that what waits for people can be
counted without reading it.
"""

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
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hvals(keys.blockers)
        pipeline.hvals(keys.waits)
        with translated():
            asked, waits = pipeline.execute()
        return [_DECODER.decode(raw) for raw in (*asked, *waits)]

    def for_people(self, workspace_id: str) -> list[OpenBlocker]:
        """Give those that wait for a person, in no order."""
        with translated():
            found: Any = self._client.hvals(Keys(workspace_id).blockers)
        return [_DECODER.decode(raw) for raw in found]

    def count_for_people(self, workspace_id: str) -> int:
        """Count those that wait for a person."""
        with translated():
            return self._client.hlen(Keys(workspace_id).blockers)

    def find(self, workspace_id: str, blocker_id: str) -> OpenBlocker | None:
        """Give one; None where it is not open."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hget(keys.blockers, blocker_id)
        pipeline.hget(keys.waits, blocker_id)
        with translated():
            asked, waits = pipeline.execute()
        found = asked or waits
        return _DECODER.decode(found) if found else None
