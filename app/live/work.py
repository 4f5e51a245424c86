"""Agents' work streams and leases.

A stream holds exactly what may be claimed now, oldest first: a claim takes the entry out in the
same commit that leases the subtask, so no entry is ever handed out and forgotten
(``docs/adr/003-claims-take-entries-out.md``).
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import redis

from app.domain.execution import Lease
from app.live.change import not_before
from app.live.keys import TIMER_SEPARATOR, Keys, agent_timer, lease_field, timer
from app.live.scripts import Scripts, translated

PAGE: Final = 64
_LEASE: Final = msgspec.json.Decoder(Lease)


class WorkEntry(msgspec.Struct, frozen=True):
    """One claimable subtask in an agent's stream."""

    entry_id: str
    execution_id: str
    subtask_id: str
    action: str


class HeldLease(msgspec.Struct, frozen=True):
    """One lease that an agent holds."""

    execution_id: str
    subtask_id: str
    lease: Lease


class AgentDesk(msgspec.Struct, frozen=True):
    """What lies before an agent: the leases it holds, and the first of its claimable work.

    ``was_offline`` tells that it had been given up as off line before this contact.
    """

    leases: Sequence[HeldLease]
    entries: Sequence[WorkEntry]
    was_offline: bool


class AgentFigures(msgspec.Struct, frozen=True):
    """How an agent stands now: when it was heard of, what it holds, what it may claim.

    ``given_up`` tells that it was found off line and has not been heard of since.
    """

    last_contact_at: dt.datetime | None
    given_up: bool
    running: int
    queued: int


class Work:
    """The work streams and leases of all agents."""

    def __init__(self, client: redis.Redis, scripts: Scripts, offline: dt.timedelta) -> None:
        self._client = client
        self._scripts = scripts
        self._offline = offline

    def look(self, workspace_id: str, agent_id: str, now: dt.datetime) -> AgentDesk:
        """Read an agent's desk and note the contact, in one round trip."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hget(keys.agent(agent_id), "offline")
        pipeline.hgetall(keys.leases(agent_id))
        pipeline.xrange(keys.work(agent_id), count=PAGE)
        pipeline.hset(keys.agent(agent_id), "last_contact_at", now.isoformat())
        pipeline.zadd(keys.timers, {agent_timer(agent_id): not_before(now + self._offline)})
        with translated():
            offline, leases, entries, *_ = pipeline.execute()
        held = [_held(field.decode(), value) for field, value in leases.items()]
        return AgentDesk(held, [_entry(*raw) for raw in entries], bool(offline))

    def watch(self, workspace_id: str, agent_id: str, now: dt.datetime) -> None:
        """Have the agent found off line unless it is heard of in time."""
        due = {agent_timer(agent_id): not_before(now + self._offline)}
        with translated():
            self._client.zadd(Keys(workspace_id).timers, due, nx=True)

    def executions(self, workspace_id: str, agent_id: str) -> list[str]:
        """Name the unfinished executions that are an agent's."""
        with translated():
            found: Any = self._client.smembers(Keys(workspace_id).executions(agent_id))
        return sorted(one.decode() for one in found)

    def mark_offline(self, workspace_id: str, agent_id: str) -> None:
        """Remember that an agent was given up as off line."""
        with translated():
            self._client.hset(Keys(workspace_id).agent(agent_id), "offline", "1")

    def mark_online(self, workspace_id: str, agent_id: str, now: dt.datetime) -> None:
        """Remember that an agent is back, and watch it again."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hdel(keys.agent(agent_id), "offline")
        pipeline.hset(keys.agent(agent_id), "last_contact_at", now.isoformat())
        pipeline.zadd(keys.timers, {agent_timer(agent_id): not_before(now + self._offline)})
        with translated():
            pipeline.execute()

    def wake(self, workspace_id: str, agent_id: str) -> None:
        """Let the agent's waiting polls look again."""
        with translated():
            self._client.publish(Keys(workspace_id).wake, agent_id)

    def queued(self, workspace_id: str, agent_id: str) -> int:
        """Count what the agent may claim now."""
        with translated():
            return self._client.xlen(Keys(workspace_id).work(agent_id))

    def loads(self, workspace_id: str, agent_ids: Sequence[str]) -> dict[str, int]:
        """Count the leases each of these agents holds, in one round trip."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        for agent_id in agent_ids:
            pipeline.hlen(keys.leases(agent_id))
        with translated():
            found: list[int] = pipeline.execute()
        return dict(zip(agent_ids, found, strict=True))

    def figures(self, workspace_id: str, agent_ids: Sequence[str]) -> list[AgentFigures]:
        """Tell how each of these agents stands, in one round trip."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        for agent_id in agent_ids:
            pipeline.hmget(keys.agent(agent_id), "last_contact_at", "offline")
            pipeline.hlen(keys.leases(agent_id))
            pipeline.xlen(keys.work(agent_id))
        with translated():
            found: list[Any] = pipeline.execute()
        return [_figures(*found[at : at + 3]) for at in range(0, len(found), 3)]

    def beyond(self, workspace_id: str, agent_id: str, entry: WorkEntry) -> Iterator[WorkEntry]:
        """Walk the stream after an entry, page by page: for an agent that can do none before."""
        keys = Keys(workspace_id)
        last = entry.entry_id
        while True:
            with translated():
                page: Any = self._client.xrange(keys.work(agent_id), min=f"({last}", count=PAGE)
            for raw in page:
                found = _entry(*raw)
                last = found.entry_id
                yield found
            if len(page) < PAGE:
                return

    def extend(
        self,
        workspace_id: str,
        agent_id: str,
        now: dt.datetime,
        until: dt.datetime,
        subtasks: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Move the ends of leases, named by execution and subtask; of all where none is named.

        Also notes the contact.

        Returns:
            How many leases were extended.
        """
        keys = Keys(workspace_id)
        fields = [lease_field(*subtask) for subtask in subtasks]
        watched = (agent_timer(agent_id), not_before(now + self._offline))
        return self._scripts.run(
            "extend",
            [keys.leases(agent_id), keys.timers, keys.agent(agent_id)],
            [not_before(until), now.isoformat(), *watched, *fields],
        )

    def lease_end(
        self, workspace_id: str, execution_id: str, subtask_id: str
    ) -> dt.datetime | None:
        """Tell when a subtask's lease ends; None where it has none."""
        name = timer("lease", execution_id, subtask_id)
        with translated():
            score: float | None = self._client.zscore(Keys(workspace_id).timers, name)
        return None if score is None else dt.datetime.fromtimestamp(score / 1000, dt.UTC)

    def last_contacts(self, workspace_id: str, agent_ids: Sequence[str]) -> dict[str, dt.datetime]:
        """Tell when each agent was last heard of; those never heard of are left out."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        for agent_id in agent_ids:
            pipeline.hget(keys.agent(agent_id), "last_contact_at")
        with translated():
            found: list[bytes | None] = pipeline.execute()
        pairs = zip(agent_ids, found, strict=True)
        return {one: dt.datetime.fromisoformat(raw.decode()) for one, raw in pairs if raw}


def _figures(contact: Sequence[bytes | None], running: int, queued: int) -> AgentFigures:
    heard, offline = contact
    at = dt.datetime.fromisoformat(heard.decode()) if heard else None
    return AgentFigures(at, bool(offline), running, queued)


def _held(field: str, value: bytes) -> HeldLease:
    execution_id, _, subtask_id = field.partition(TIMER_SEPARATOR)
    return HeldLease(execution_id, subtask_id, _LEASE.decode(value))


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> WorkEntry:
    execution_id, subtask_id, action = (fields[name].decode() for name in (b"x", b"s", b"a"))
    return WorkEntry(entry_id.decode(), execution_id, subtask_id, action)
