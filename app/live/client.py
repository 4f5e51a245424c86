"""The one place that makes Redis clients.

redis-py 8 reads with a time limit of five seconds and repeats a failed command ten times: both are
wrong here. A blocking read would be cut, and a repeated commit could meet its own first try. The
version check makes that harmless for commits, but not for ``XREADGROUP`` or ``PUBLISH``.

Every read has an end, also one that waits for news: over a connection whose other side is gone
without a word it would wait until TCP gives up, a quarter of an hour later.
"""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 10.0
"""Far above what any command of ours blocks, which is a second."""


def connect(redis_url: str, *, max_connections: int = 256) -> redis.Redis:
    """Make a client with a pool of its own; opens no connection yet.

    Args:
        redis_url: ``redis://``, ``rediss://`` or ``unix://``.
        max_connections: Ceiling of the pool.
    """
    return redis.Redis.from_url(
        redis_url,
        protocol=2,
        socket_timeout=READ_TIMEOUT_SECONDS,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_keepalive=True,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 0),
        max_connections=max_connections,
    )
