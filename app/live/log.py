"""The event log: one stream per workspace in commit order, read by the record and by watchers.

The position of the group ``persist`` says how far a log is recorded. It moves only over entries
that are recorded or set aside, so behind it nothing is missing, whoever died half-way.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import redis

from app.live.keys import TIMER_SEPARATOR, WORKSPACES, Keys, lease_field, workspace_of
from app.live.scripts import Scripts, translated

GROUP: Final = "persist"
TAIL: Final = dt.timedelta(seconds=10)
"""How long recorded entries stay for watchers that are a little behind."""

CHUNK: Final = 50
"""Entries per read: so many of the largest may be held beyond a ceiling in bytes."""

BEGINNING: Final = "0-0"
_HIGHEST: Final = 2**64 - 1


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


class Backlog(msgspec.Struct, frozen=True):
    """What of a log is not recorded: how many entries, since when, and how many are set aside."""

    entries: int
    oldest_at: dt.datetime | None
    set_aside: int


class Log:
    """The logs of all workspaces."""

    def __init__(self, client: redis.Redis, blocking: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._blocking = blocking
        self._scripts = scripts

    def workspaces(self) -> list[str]:
        """Name the workspaces that have a log."""
        with translated():
            found: Any = self._client.smembers(WORKSPACES)
        return sorted(one.decode() for one in found)

    def position(self, workspace_id: str) -> str:
        """Name the last entry: whatever comes after it is new."""
        with translated():
            last: Any = self._client.xrevrange(Keys(workspace_id).log, count=1)
        return last[0][0].decode() if last else BEGINNING

    def tail(
        self, positions: Mapping[str, str], wait: dt.timedelta
    ) -> list[tuple[str, list[LogEntry]]]:
        """Wait for entries after the position in each workspace, a second at most; for watchers."""
        streams: Any = {Keys(one).log: position for one, position in positions.items()}
        with translated():
            found: Any = self._blocking.xread(streams, count=1000, block=_block(wait))
        return [(workspace_of(key.decode()), _entries(raw)) for key, raw in found or []]

    def waiting(self, workspace_ids: Sequence[str]) -> list[str]:
        """Name those of the workspaces whose log is not recorded to its end, in one round trip."""
        pipeline = self._client.pipeline(transaction=False)
        for one in workspace_ids:
            pipeline.xinfo_groups(Keys(one).log)
        with translated():
            found = [_there(groups) for groups in pipeline.execute(raise_on_error=False)]
        pairs = zip(workspace_ids, found, strict=True)
        return [one for one, groups in pairs if groups is not None and _is_behind(groups)]

    def recorded_to(self, workspace_id: str) -> str:
        """Name the last entry that is recorded."""
        key = Keys(workspace_id).log
        with translated():
            group = self._group(key)
            if group is None:
                return BEGINNING
            if group["pending"]:
                # An earlier version took entries for itself: those it left are not recorded.
                return self._take_over(key)
        return group["last-delivered-id"].decode()

    def _group(self, key: str) -> dict[str, Any] | None:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xinfo_groups(key)
        groups = _there(pipeline.execute(raise_on_error=False)[0])
        return groups[0] if groups else None

    def _take_over(self, key: str) -> str:
        held: Any = self._client.xpending(key, GROUP)
        position = _just_before(held["min"].decode())
        self._client.xgroup_setid(key, GROUP, position)
        for consumer in held["consumers"]:
            self._client.xgroup_delconsumer(key, GROUP, consumer["name"])
        return position

    def unrecorded(
        self, workspace_id: str, after: str, most: int, most_bytes: int
    ) -> list[LogEntry]:
        """Read the next entries for the record; they stay, whatever becomes of the reader.

        Args:
            workspace_id: Whose log.
            after: The entry before them: ``recorded_to``, then the last of the answer.
            most: Ceiling of the answer.
            most_bytes: Once so much is read, no more is, except for the rest of a chunk.
        """
        key = Keys(workspace_id).log
        entries: list[LogEntry] = []
        size = 0
        while len(entries) < most and size < most_bytes:
            count = min(CHUNK, most - len(entries))
            with translated():
                found: Any = self._client.xrange(key, min=f"({after}", count=count)
            chunk = _entries(found)
            entries += chunk
            size += sum(len(one.body) for one in chunk)
            if len(found) < count:
                break
            after = entries[-1].entry_id
        return entries

    def recorded(
        self,
        workspace_id: str,
        after: str,
        entries: Sequence[LogEntry],
        *,
        tail: dt.timedelta | None = None,
    ) -> None:
        """Move the position on, and trim what nobody needs any more.

        Args:
            workspace_id: Whose log.
            after: From where ``entries`` were read.
            entries: What ``unrecorded`` gave, all of it recorded or set aside now.
            tail: How long recorded entries stay.
        """
        last = entries[-1].entry_id
        oldest_kept = _earlier(last, TAIL if tail is None else tail)
        key = Keys(workspace_id).log
        self._scripts.run("recorded", [key], [GROUP, after, last, len(entries), oldest_kept])

    def set_aside(self, workspace_id: str, entry: LogEntry, seq: int) -> None:
        """Keep an event that cannot be recorded, so that those behind it can."""
        field = lease_field(entry.execution_id, str(seq))
        kept = msgspec.msgpack.encode(entry)
        self._scripts.run("set_aside", [Keys(workspace_id).aside], [field, kept])

    def aside(self, workspace_id: str) -> list[tuple[str, int]]:
        """Name the events that are set aside: execution and ``seq``."""
        with translated():
            found: Any = self._client.hkeys(Keys(workspace_id).aside)
        names = [field.decode().rpartition(TIMER_SEPARATOR) for field in found]
        return sorted((execution_id, int(seq)) for execution_id, _, seq in names)

    def aside_entry(self, workspace_id: str, execution_id: str, seq: int) -> LogEntry | None:
        """Read one event that is set aside."""
        with translated():
            field = lease_field(execution_id, str(seq))
            found: Any = self._client.hget(Keys(workspace_id).aside, field)
        return msgspec.msgpack.decode(found, type=LogEntry) if found else None

    def aside_events(
        self, workspace_id: str, execution_id: str, after: int
    ) -> list[tuple[int, bytes, str]]:
        """Read the events of an execution that are set aside, as ``events`` does."""
        named = [(one, seq) for one, seq in self.aside(workspace_id) if one == execution_id]
        found = [(seq, self.aside_entry(workspace_id, one, seq)) for one, seq in named]
        return [(seq, entry.body, entry.hash) for seq, entry in found if entry and seq > after]

    def drop_aside(self, workspace_id: str, execution_id: str, seq: int) -> None:
        """Forget an event that was set aside, once it is recorded."""
        with translated():
            self._client.hdel(Keys(workspace_id).aside, lease_field(execution_id, str(seq)))

    def backlog(self, workspace_id: str) -> Backlog:
        """Measure what of a log is not recorded."""
        keys = Keys(workspace_id)
        position = self.recorded_to(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xrange(keys.log, min=f"({position}", count=1)
        pipeline.hlen(keys.aside)
        with translated():
            first, set_aside = pipeline.execute()
        if not first:
            return Backlog(0, None, set_aside)
        with translated():
            lag = (self._group(keys.log) or {}).get("lag")
            # While two drains overlap Redis does not know; then what is kept for watchers counts.
            count = self._client.xlen(keys.log) if lag is None else lag
        return Backlog(count, written_at(first[0][0].decode()), set_aside)

    def streams(self) -> dict[str, list[str]]:
        """Name the executions that have a stream of their own, by workspace."""
        found: dict[str, list[str]] = {}
        with translated():
            for raw in self._client.scan_iter("ax:{*}:x:*:e", count=1000, _type="stream"):
                key = raw.decode()
                workspace_id = workspace_of(key)
                execution_id = key.removeprefix(Keys(workspace_id).header("")).removesuffix(":e")
                found.setdefault(workspace_id, []).append(execution_id)
        return found

    def trim(self, workspace_id: str, seqs: Mapping[str, int]) -> None:
        """Trim executions' own streams up to a ``seq`` that is recorded."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
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
        """Read events that Redis holds, recorded or not: seq, body, hash; in order or against."""
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


def written_at(entry_id: str) -> dt.datetime:
    """Tell when an entry was written, by Redis' clock."""
    milliseconds, _, _ = entry_id.partition("-")
    return dt.datetime.fromtimestamp(int(milliseconds) / 1000, dt.UTC)


def reaches(position: str, entry_id: str) -> bool:
    """Tell whether a position lies at or behind an entry."""
    return _parts(position) >= _parts(entry_id)


def _parts(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def _just_before(entry_id: str) -> str:
    milliseconds, number = _parts(entry_id)
    return f"{milliseconds}-{number - 1}" if number else f"{milliseconds - 1}-{_HIGHEST}"


def _earlier(entry_id: str, by: dt.timedelta) -> str:
    milliseconds, number = _parts(entry_id)
    return f"{milliseconds - int(by.total_seconds() * 1000)}-{number}" if by else entry_id


def _there(groups: Any) -> list[dict[str, Any]] | None:
    """Give the groups of a log; None where there is no log."""
    if not isinstance(groups, Exception):
        return groups
    if isinstance(groups, redis.ResponseError) and "no such key" in str(groups):
        return None
    raise groups


def _is_behind(groups: list[dict[str, Any]]) -> bool:
    """Tell whether a log has entries behind its position; where Redis does not know, perhaps."""
    return not groups or groups[0]["lag"] != 0 or groups[0]["pending"] > 0


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
