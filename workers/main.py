"""The actors. Each may run twice or be killed half-way without harm."""

import datetime as dt

import dramatiq

from app.bootstrap import of_process
from config.settings import Settings
from workers.broker import DECOMPOSITION, UPKEEP, make_broker

PERSIST_FOR = dt.timedelta(seconds=1)
"""As long as the clock's beat, so that the record is followed without a pause."""

RETENTION_MS = 6 * 3_600_000
"""A month of a busy installation takes its time, and nobody waits for it."""

dramatiq.set_broker(make_broker(Settings.of_process().redis_url or ""))


@dramatiq.actor(queue_name=DECOMPOSITION)
def decompose(workspace_id: str, plan_id: str, version: int) -> None:
    """Break a plan down."""
    of_process().decomposition.decompose(workspace_id, plan_id, version)


@dramatiq.actor(queue_name=DECOMPOSITION)
def fetch(workspace_id: str, plan_id: str) -> None:
    """Take the next step of an import from a PlanExe server."""
    of_process().imports.carry_on(workspace_id, plan_id)


@dramatiq.actor(queue_name=UPKEEP, max_retries=0)
def persist(shard: int | str, shards: int = 0) -> None:
    """Write the logs of a shard into the record; the next beat tries again what fails.

    A message of an earlier version names a workspace and no shards: the next beat covers it.
    """
    if isinstance(shard, int) and shards:
        of_process().persistence.drain_shard(shard, shards, PERSIST_FOR)


@dramatiq.actor(queue_name=UPKEEP, max_retries=0)
def sweep(shard: int | str, shards: int = 0) -> None:
    """Carry out due timers of a shard's workspaces; the next beat tries again what fails."""
    if isinstance(shard, int) and shards:
        of_process().rounds.sweep(shard, shards)


@dramatiq.actor(queue_name=UPKEEP, max_retries=0)
def maintain() -> None:
    """Mend what was left half-way; the next minute tries again what fails."""
    services = of_process()
    services.persistence.mend()
    services.maintenance.maintain()


@dramatiq.actor(queue_name=UPKEEP, max_retries=0, time_limit=RETENTION_MS)
def retain() -> None:
    """Put closed months of the log away; the next hour tries again what fails."""
    of_process().retention.put_away_due()


@dramatiq.actor(queue_name=UPKEEP, max_retries=0)
def verify() -> None:
    """Verify what has gone on since the last night; the next minute of the night goes on."""
    of_process().verification.verify_for_the_night()
