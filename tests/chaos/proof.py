"""The proof: what must hold once every execution has ended and left Redis."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import psycopg
import redis

from app.record import tables
from config.settings import PROJECT
from tests.chaos.journal import Ack
from tests.chaos.site import Site
from tests.replay import assert_record_proves_itself

_WORKSPACE: Final = "default"
_ENDLESS: Final = -1
_NOT_FOUND: Final = 404
_TIMERS: Final = "ax:{default}:timers"


@dataclass
class Findings:
    """What is wrong; all empty when nothing is. ``others`` are sentences."""

    lost: list[Ack] = field(default_factory=list)
    duplicated: list[Ack] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    executions: int = 0
    events: int = 0

    def __bool__(self) -> bool:
        """Tell whether anything is wrong."""
        return bool(self.lost or self.duplicated or self.others)


def compare(execution_id: str, events: Sequence[dict[str, Any]], acks: Iterable[Ack]) -> Findings:
    """Compare the log of an execution, as the API gives it, with what agents were told of it."""
    found = Findings(executions=1, events=len(events))
    if [one["seq"] for one in events] != list(range(1, len(events) + 1)):
        found.others.append(f"{execution_id}: seq has gaps or repeats")
    by_id: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in events:
        by_id[one["event_id"]].append(one)
    for ack in acks:
        kept = by_id.get(ack.event_id, [])
        if not any(_is_what_was_told(one, events, ack) for one in kept):
            found.lost.append(ack)
        if len(kept) > 1:
            found.duplicated.append(ack)
    done = Counter(one["task_id"] for one in events if one["event_type"] == "task_complete")
    found.others += [
        f"{execution_id}: {task_id} was completed {count} times"
        for task_id, count in done.items()
        if count > 1
    ]
    return found


def _is_what_was_told(event: dict[str, Any], events: Sequence[dict[str, Any]], ack: Ack) -> bool:
    """Tell whether an event is of the commit that was acknowledged, which ended with ``seq``."""
    if not event["seq"] <= ack.seq <= len(events):
        return False
    return event["recorded_at"] == events[ack.seq - 1]["recorded_at"] == ack.recorded_at


def unfinished(site: Site) -> list[str]:
    """Name the executions that have not ended."""
    with _client(site) as client:
        found = _all(client, "/api/executions")
    return [one["execution_id"] for one in found if one["completed_at"] is None]


def prove(site: Site, started: Sequence[str], acks: Sequence[Ack]) -> Findings:
    """Look at everything that must hold."""
    total = Findings()
    by_execution: dict[str, list[Ack]] = defaultdict(list)
    for ack in acks:
        by_execution[ack.execution_id].append(ack)
    with _client(site) as client:
        there = {one["execution_id"]: one for one in _all(client, "/api/executions")}
        for execution_id in sorted({*started, *by_execution} - set(there)):
            total.others.append(f"{execution_id} was acknowledged and is not there")
            total.lost += by_execution[execution_id]
        for execution_id, execution in there.items():
            _add(total, _prove_one(client, site, execution, by_execution[execution_id]))
    total.others += [f"Redis still holds {key}" for key in orphan_keys(site.addresses["redis_url"])]
    total.others += [
        f"PostgreSQL holds the stray table {one}"
        for one in stray_tables(site.addresses["database_url"])
    ]
    return total


def left_in_redis(site: Site) -> list[str]:
    """Name the executions that have not been retired."""
    with redis.Redis.from_url(site.addresses["redis_url"]) as client:
        return [key.decode() for key in client.scan_iter("ax:{*}:x:*", count=1000)]


def orphan_keys(redis_url: str) -> list[str]:
    """List keys that nothing explains, by the page that says when each goes away."""
    kept = _kept_patterns()
    with redis.Redis.from_url(redis_url) as client:
        keys = [key.decode() for key in client.scan_iter(count=1000)]
        found = [
            key
            for key in keys
            if not key.startswith(("dramatiq:", "rq:"))
            and client.ttl(key) == _ENDLESS
            and not any(pattern.fullmatch(key) for pattern in kept)
        ]
        timers: Any = client.zrange(_TIMERS, 0, -1)
    # Only that of an agent's silence outlives executions.
    return found + [f"the timer {one.decode()}" for one in timers if not one.startswith(b"offline")]


def stray_tables(database_url: str) -> list[str]:
    """List tables that are neither ours nor a partition of one of ours."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT c.relname FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid "
            "WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace "
            "AND i.inhparent IS NULL"
        ).fetchall()
    ours = {*tables.metadata.tables, "alembic_version"}
    return sorted({name for (name,) in rows} - ours)


def _prove_one(
    client: httpx.Client, site: Site, execution: dict[str, Any], acks: Sequence[Ack]
) -> Findings:
    execution_id: str = execution["execution_id"]
    events = _all(client, f"/api/executions/{execution_id}/events")
    found = compare(execution_id, events, acks)
    if execution["status"] != "COMPLETED":
        found.others.append(f"{execution_id} ended {execution['status']}")
    try:
        header = assert_record_proves_itself(
            site.addresses["database_url"], _WORKSPACE, execution_id
        )
    except AssertionError as error:
        found.others.append(f"{execution_id}: the record does not prove itself: {error}")
    else:
        if not events or events[-1]["hash"] != header.head_hash:
            found.others.append(f"{execution_id}: the API's last hash is not the record's")
    found.others += _verified(client, execution_id)
    return found


def _verified(client: httpx.Client, execution_id: str) -> list[str]:
    """Ask the server for its own proof, where it has one."""
    answer = client.get(f"/api/executions/{execution_id}/verify")
    if answer.status_code == _NOT_FOUND or (answer.is_success and answer.json()["ok"]):
        return []
    return [f"{execution_id}: verify answered {answer.text}"]


def _kept_patterns() -> list[re.Pattern[str]]:
    """Read from the page which keys may stay without an end of their own."""
    page = (PROJECT / "docs" / "redis-keys.md").read_text()
    rows = [row.split(" | ") for row in re.findall(r"^\| (`ax:.*) \|$", page, re.MULTILINE)]
    kept = [
        row[0].strip("`")
        for row in rows
        if row[-1].startswith(("stays", "entries", "when carried out"))
    ]
    spelled = [re.escape(key.replace("{w}", "{default}")) for key in kept if ":x:" not in key]
    return [re.compile(re.sub(r"<\w+>", ".+", one)) for one in spelled]


def _add(total: Findings, found: Findings) -> None:
    total.lost += found.lost
    total.duplicated += found.duplicated
    total.others += found.others
    total.executions += found.executions
    total.events += found.events


def _client(site: Site) -> httpx.Client:
    headers = {"Authorization": f"Bearer {site.user_key}"}
    return httpx.Client(base_url=site.urls[0], headers=headers, timeout=30, trust_env=False)


def _all(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "500", **({"cursor": cursor} if cursor else {})}
        page = client.get(path, params=query).raise_for_status().json()
        items += page["items"]
        cursor = page["next_cursor"]
    return items
