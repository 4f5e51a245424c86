"""The desk: an RQ worker that sends dead letters again when somebody requeues them."""

from typing import Final

import dramatiq
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from app.live.client import connect
from config.logging import configure
from config.settings import Settings
from workers.broker import make_broker
from workers.dead_letters import DESK_QUEUE

WORKER_TTL_SECONDS: Final = 30


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    settings = Settings.of_process()
    configure(settings)
    url = settings.redis_url or ""
    dramatiq.set_broker(make_broker(url))
    client = connect(url)
    queue = Queue(DESK_QUEUE, connection=client, serializer=JSONSerializer)
    # RQ waits for jobs up to 15 s less, and gives its reads 10 s more than that.
    worker = SimpleWorker(
        [queue], connection=client, serializer=JSONSerializer, worker_ttl=WORKER_TTL_SECONDS
    )
    worker.work(logging_level="WARNING")


if __name__ == "__main__":
    main()
