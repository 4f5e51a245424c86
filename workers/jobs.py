"""How services hand work to the workers: by the name of an actor, without importing it."""

from typing import Any

from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from app.live.scripts import translated
from workers.broker import DECOMPOSITION, MODEL


class QueuedJobs:
    """Puts messages into the queues."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        for queue in (DECOMPOSITION, MODEL):
            broker.declare_queue(queue)

    def decompose(self, workspace_id: str, plan_id: str, version: int) -> None:
        """Have every task of a plan broken down as this version."""
        self._send(DECOMPOSITION, "decompose", workspace_id, plan_id, version)

    def decompose_task(self, workspace_id: str, plan_id: str, version: int, task_id: str) -> None:
        """Have a model break one task of a plan down as this version."""
        self._send(MODEL, "decompose_task", workspace_id, plan_id, version, task_id)

    def answer_inquiry(self, workspace_id: str, inquiry_id: str) -> None:
        """Have a model answer an agent's inquiry."""
        self._send(MODEL, "answer_inquiry", workspace_id, inquiry_id)

    def fetch(self, workspace_id: str, plan_id: str, delay_seconds: float) -> None:
        """Have the next step of an import taken, after a delay."""
        self._send(DECOMPOSITION, "fetch", workspace_id, plan_id, delay_seconds=delay_seconds)

    def _send(self, queue: str, actor: str, *args: Any, delay_seconds: float = 0) -> None:
        message: Message[None] = Message(
            queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}
        )
        with translated():
            self._broker.enqueue(message, delay=round(delay_seconds * 1000) or None)
