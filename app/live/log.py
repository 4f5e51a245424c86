"""The event log: one stream per workspace in commit order, read by the record and by watchers."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import redis

from app.live.keys import WORKSPACES, Keys, workspace_of
from app.live.scripts import translated

GROUP: Final = "persist"
TAIL: Final = dt.timedelta(seconds=10)
"""How long recorded entries stay for watchers that are a little behind."""


class Changes(msgspec.Struct, frozen=True):
    """What a commit changed: the new status of subtasks and tasks by id."""

    subtasks: dict[str, str] = {}
    tasks: dict[str, str] = {}


class LogEntry(msgspec.Struct, frozen=True):
    """One event of the log. ``header`` and ``changes`` come with the last event of a commit."""

    entry_id: str
    execution_id: str
    body: bytes
    hash: str
    header: bytes | None = None
    changes: Changes | None = None


class Log:
    """The logs of all workspaces."""

    def __init__(self, client: redis.Redis, blocking: redis.Redis) -> None:
        self._client = client
        self._blocking = blocking

    def workspaces(self) -> list[str]:
        """Name the workspaces that have a log."""
        with translated():
            found: Any = self._client.smembers(WORKSPACES)
        return sorted(one.decode() for one in found)

    def position(self, workspace_id: str) -> str:
        """Name the last entry: whatever comes after it is new."""
        with translated():
            last: Any = self._client.xrevrange(Keys(workspace_id).log, count=1)
        return last[0][0].decode() if last else "0-0"

    def tail(
        self, positions: Mapping[str, str], wait: dt.timedelta
    ) -> list[tuple[str, list[LogEntry]]]:
        """Wait for entries after the position in each workspace, a second at most; for watchers."""
        streams: Any = {Keys(one).log: position for one, position in positions.items()}
        with translated():
            found: Any = self._blocking.xread(streams, count=1000, block=_block(wait))
        return [(workspace_of(key.decode()), _entries(raw)) for key, raw in found or []]

    def unrecorded(
        self, workspace_id: str, most: int, wait: dt.timedelta, *, again: bool
    ) -> list[LogEntry]:
        """Take the next entries for the record; all of them stay until ``recorded`` is called.

        Args:
            workspace_id: Whose log.
            most: Ceiling of the answer.
            wait: How long to wait where there are none.
            again: First those that were taken and not recorded: somebody stopped half-way.
        """
        key = Keys(workspace_id).log
        start = "0" if again else ">"
        with translated():
            try:
                found: Any = self._blocking.xreadgroup(
                    GROUP, GROUP, {key: start}, count=most, block=_block(wait)
                )
            except redis.ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._begin(key)
                return []
        return _entries(found[0][1]) if found else []

    def _begin(self, key: str) -> None:
        try:
            self._client.xgroup_create(key, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # Another was faster, which is as good.
                raise

    def recorded(
        self, workspace_id: str, entries: Sequence[LogEntry], seqs: Mapping[str, int]
    ) -> None:
        """Acknowledge entries and trim what nobody needs any more.

        While another holds entries that are not recorded yet, nothing is trimmed: it may stop
        half-way, and then they are taken again.

        Args:
            workspace_id: Whose log.
            entries: What ``unrecorded`` gave, all of it recorded now.
            seqs: By execution, up to which ``seq`` its events are recorded.
        """
        keys = Keys(workspace_id)
        last = entries[-1].entry_id
        tail_start = int(last.partition("-")[0]) - int(TAIL.total_seconds() * 1000)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xack(keys.log, GROUP, *(entry.entry_id for entry in entries))
        pipeline.xpending(keys.log, GROUP)
        with translated():
            _, held = pipeline.execute()
        if held["pending"]:
            return
        pipeline.xtrim(keys.log, minid=f"{tail_start}-0", approximate=False)
        for execution_id, seq in seqs.items():
            pipeline.xtrim(keys.events(execution_id), minid=f"0-{seq + 1}", approximate=False)
        with translated():
            pipeline.execute()

    def events(
        self,
        workspace_id: str,
        execution_id: str,
        after: int,
        most: int,
        *,
        before: int | None = None,
        newest_first: bool = False,
    ) -> list[tuple[int, bytes, str]]:
        """Read events that may not be recorded yet: seq, body, hash, in order or against it."""
        key = Keys(workspace_id).events(execution_id)
        low, high = f"(0-{after}", "+" if before is None else f"(0-{before}"
        with translated():
            found: Any = (
                self._client.xrevrange(key, max=high, min=low, count=most)
                if newest_first
                else self._client.xrange(key, min=low, max=high, count=most)
            )
        return [
            (int(entry_id.partition(b"-")[2]), fields[b"e"], fields[b"h"].decode())
            for entry_id, fields in found
        ]


def _block(wait: dt.timedelta) -> int:
    """Give the milliseconds to wait; at least one, since 0 would mean for ever."""
    return max(int(wait.total_seconds() * 1000), 1)


def _entries(raw: list[tuple[bytes, dict[bytes, bytes]]]) -> list[LogEntry]:
    return [_entry(entry_id, fields) for entry_id, fields in raw if fields]


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> LogEntry:
    changes = fields.get(b"c")
    return LogEntry(
        entry_id=entry_id.decode(),
        execution_id=fields[b"x"].decode(),
        body=fields[b"e"],
        hash=fields[b"h"].decode(),
        header=fields.get(b"u"),
        changes=msgspec.json.decode(changes, type=Changes) if changes else None,
    )
