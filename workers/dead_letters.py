"""Dead letters: what Dramatiq gave up on becomes a failed RQ job, to be read and sent again."""

from typing import Any, Final

import redis
from dramatiq import Broker, Message, get_broker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware
from rq import Queue
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer

DESK_QUEUE: Final = "dead-letters"
KEPT_SECONDS: Final = 30 * 86_400
OF_ONE_DEATH: Final = ("retries", "traceback", "eta", "redis_message_id", "requeue_timestamp")
"""Options that belong to the life that ended and must not follow the message into the next."""


class DeadLetters(Middleware):
    """Puts a message that was given up on the desk."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002 - dramatiq's
        """Record a death; told twice of one death, it keeps one job."""
        if message.options.get("repeats"):
            return  # The clock says the same again: nothing is lost, and an outage fills no desk.
        queue = Queue(DESK_QUEUE, connection=self._client, serializer=JSONSerializer)
        job = Job.create(
            resend,
            args=[message.asdict()],
            id=str(message.options.get("redis_message_id", message.message_id)),
            connection=self._client,
            origin=DESK_QUEUE,
            description=f"{message.actor_name} {message.message_id}",
            failure_ttl=KEPT_SECONDS,
            serializer=JSONSerializer,
        )
        job.set_status(JobStatus.FAILED)
        job.save()
        told = str(message.options.get("traceback") or "No traceback was kept.")
        FailedJobRegistry(queue=queue).add(job, ttl=KEPT_SECONDS)
        Result.create_failure(job, KEPT_SECONDS, told)


def resend(message: dict[str, Any]) -> None:
    """Give a dead message a new life: what the desk does when somebody requeues the job."""
    options = {
        name: value for name, value in message["options"].items() if name not in OF_ONE_DEATH
    }
    # Not Message.copy, which would merge the old options in again.
    again: dict[str, Any] = {**message, "options": options}
    get_broker().enqueue(Message(**again))
