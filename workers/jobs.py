"""How services hand work to the workers: by the name of an actor, without importing it."""

from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from app.live.scripts import translated
from workers.broker import DECOMPOSITION


class QueuedJobs:
    """Puts messages into the queues."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        broker.declare_queue(DECOMPOSITION)

    def decompose(self, workspace_id: str, plan_id: str, version: int) -> None:
        """Have every task of a plan broken down as this version."""
        message: Message[None] = Message(
            queue_name=DECOMPOSITION,
            actor_name="decompose",
            args=(workspace_id, plan_id, version),
            kwargs={},
            options={},
        )
        with translated():
            self._broker.enqueue(message)

    def fetch(self, workspace_id: str, plan_id: str, delay_seconds: float) -> None:
        """Have the next step of an import taken, after a delay."""
        message: Message[None] = Message(
            queue_name=DECOMPOSITION,
            actor_name="fetch",
            args=(workspace_id, plan_id),
            kwargs={},
            options={},
        )
        with translated():
            self._broker.enqueue(message, delay=round(delay_seconds * 1000) or None)
