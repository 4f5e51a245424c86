"""The clock: says each second what is to be done. Several clocks give one beat per slot.

Slots go by the machine's time: where two machines' clocks differ, both beat, which does no harm.
"""

import logging
import signal
import time
from typing import Any

import redis
from apscheduler.schedulers.blocking import BlockingScheduler
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from app.live.client import connect
from app.live.keys import CLOCK_SLOT, WORKSPACES
from config.logging import configure
from config.settings import Settings
from workers.broker import UPKEEP, make_broker

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1
EVERY_BEAT = ("persist", "sweep")
MAINTENANCE_SECONDS = 60
RETENTION_SECONDS = 3600
NIGHT_HOURS = range(3, 6)
"""UTC. Each minute of them a verification goes on where the last one stopped."""

BEATS_AHEAD = 3
"""Beats whose duties may wait for a worker. More would do nothing sooner, and would keep what
comes once a minute from its turn; so the queue is bounded too, with no worker running."""

BACKLOG = 1000
"""Messages of all kinds that may wait."""


class Clock:
    """Puts one message per duty and shard into the queue, in each slot of a second."""

    def __init__(self, client: redis.Redis, broker: RedisBroker, shards: int) -> None:
        self._client = client
        self._shards = shards
        self._broker = broker
        broker.declare_queue(UPKEEP)

    def beat(self) -> None:
        """Send what is due in this slot, unless another clock has done so."""
        slot = int(time.time())
        try:
            if self._client.set(CLOCK_SLOT.format(slot=slot), "1", nx=True, ex=60):
                self._send(slot)
        except redis.RedisError as error:
            logger.warning("clock: Redis does not answer (%s); the next beat tries again", error)

    def _send(self, slot: int) -> None:
        waiting: Any = self._client.llen(f"{self._broker.namespace}:{UPKEEP}")
        if waiting > BACKLOG:
            logger.warning("clock: %d messages wait for a worker; none is added", waiting)
            return
        beat = self._shards * len(EVERY_BEAT)
        if waiting < BEATS_AHEAD * beat and self._client.exists(WORKSPACES):
            for shard in range(self._shards):
                for duty in EVERY_BEAT:
                    self._enqueue(duty, shard, self._shards)
        if slot % MAINTENANCE_SECONDS == 0:
            self._enqueue("maintain")
            if slot // 3600 % 24 in NIGHT_HOURS:
                self._enqueue("verify")
        if slot % RETENTION_SECONDS == 0:
            self._enqueue("retain")

    def _enqueue(self, duty: str, *args: int) -> None:
        message: Message[None] = Message(
            queue_name=UPKEEP,
            actor_name=duty,
            args=args,
            kwargs={},
            # No max_age: a worker whose clock is ahead would drop everything. BACKLOG is the bound.
            options={"repeats": True},
        )
        self._broker.enqueue(message)


def main() -> None:
    """Beat until SIGTERM or SIGINT."""
    settings = Settings.of_process()
    configure(settings)
    # A beat that waits for Redis says so itself; those it holds up are not worth a line each.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    url = settings.redis_url or ""
    clock = Clock(connect(url), make_broker(url), settings.persist_shards)
    scheduler = BlockingScheduler(timezone="UTC")
    scheduler.add_job(clock.beat, "interval", seconds=BEAT_SECONDS, coalesce=True, max_instances=1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: scheduler.shutdown(wait=False))
    scheduler.start()


if __name__ == "__main__":
    main()
