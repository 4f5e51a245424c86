"""The Dramatiq broker."""

from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import (
    AgeLimit,
    Callbacks,
    CurrentMessage,
    Middleware,
    Pipelines,
    Retries,
    ShutdownNotifications,
    TimeLimit,
)

from app.live.client import connect
from workers.dead_letters import DeadLetters

DECOMPOSITION = "decomposition"
MODEL = "model"
"""What may wait long for a model: a queue of its own, with threads of its own."""

UPKEEP = "upkeep"


def make_broker(redis_url: str) -> RedisBroker:
    """Make a broker; opens no connection yet.

    Maintenance runs with every command and takes a worker for dead after 15 s, so that what a
    killed worker held comes back within that time. Actors must bear being run twice.
    """
    middleware: list[Middleware] = [
        AgeLimit(),
        TimeLimit(),
        ShutdownNotifications(),
        Callbacks(),
        CurrentMessage(),
        Pipelines(),
        Retries(max_retries=5, min_backoff=1_000, max_backoff=60_000),
        DeadLetters(connect(redis_url)),
    ]
    return RedisBroker(
        url=redis_url,
        middleware=middleware,
        maintenance_chance=100_000,
        heartbeat_timeout=15_000,
    )
