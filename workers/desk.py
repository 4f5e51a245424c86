"""The desk: an RQ worker that sends dead letters again when somebody requeues them."""

import dramatiq
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from app.live.client import connect
from config.logging import configure
from config.settings import Settings
from workers.broker import make_broker
from workers.dead_letters import DESK_QUEUE


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    settings = Settings.of_process()
    configure(settings)
    url = settings.redis_url or ""
    dramatiq.set_broker(make_broker(url))
    client = connect(url, blocking=True)
    queue = Queue(DESK_QUEUE, connection=client, serializer=JSONSerializer)
    worker = SimpleWorker([queue], connection=client, serializer=JSONSerializer)
    worker.work(logging_level="WARNING")


if __name__ == "__main__":
    main()
