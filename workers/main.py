"""The actors. Each may run twice or be killed half-way without harm."""

import contextlib
import datetime as dt
from collections.abc import Generator

import dramatiq
from dramatiq.middleware import CurrentMessage

from app.bootstrap import of_process
from app.services.errors import ModelBusy
from config.settings import Settings
from workers.broker import DECOMPOSITION, MODEL, UPKEEP, make_broker

PERSIST_FOR = dt.timedelta(seconds=1)
"""As long as the clock's beat, so that the record is followed without a pause."""

MODEL_TRIES = 5
"""How often a call is tried again before the rules take over: with back-off, half a minute."""

MODEL_TIME_LIMIT_MS = 3_600_000
"""Longer than a call may wait for its place and take: those have limits of their own."""

RETENTION_MS = 6 * 3_600_000
"""A month of a busy installation takes its time, and nobody waits for it."""

dramatiq.set_broker(make_broker(Settings.of_process().redis_url or ""))


@dramatiq.actor(queue_name=DECOMPOSITION)
def decompose(workspace_id: str, plan_id: str, version: int) -> None:
    """Break a plan down."""
    of_process().decomposition.decompose(workspace_id, plan_id, version)


@dramatiq.actor(queue_name=MODEL, max_retries=MODEL_TRIES, time_limit=MODEL_TIME_LIMIT_MS)
def decompose_task(workspace_id: str, plan_id: str, version: int, task_id: str) -> None:
    """Have a model break one task down."""
    message_id, last_try = _this_try()
    place = (workspace_id, plan_id, version, task_id)
    with _retried():
        of_process().decomposition.decompose_task(*place, message_id, last_try=last_try)


@dramatiq.actor(queue_name=MODEL, max_retries=MODEL_TRIES, time_limit=MODEL_TIME_LIMIT_MS)
def answer_inquiry(workspace_id: str, inquiry_id: str) -> None:
    """Have a model answer an agent's inquiry."""
    _, last_try = _this_try()
    with _retried():
        of_process().inquiries.answer(workspace_id, inquiry_id, last_try=last_try)


def _this_try() -> tuple[str, bool]:
    """Give the message's id, the same at each try, and whether this is the last."""
    message = CurrentMessage.get_current_message()
    if message is None:
        return "direct", True
    return message.message_id, message.options.get("retries", 0) >= MODEL_TRIES


@contextlib.contextmanager
def _retried() -> Generator[None]:
    """Send a message back into its queue while the model is busy, for as long as it asks."""
    try:
        yield
    except ModelBusy as error:
        seconds = error.retry_after
        raise dramatiq.errors.Retry(str(error), int(seconds * 1000) if seconds else None) from error


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
