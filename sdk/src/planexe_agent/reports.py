"""Events to the server, and what its answers tell running actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planexe_agent.client import Answer, Client
    from planexe_agent.running import Running
    from planexe_agent.task import Task


class Reports:
    """Sends events; every answer's pause and cancel flags reach the actions they concern."""

    def __init__(self, client: Client, running: Running) -> None:
        self._client = client
        self._running = running

    def send(
        self,
        execution_id: str,
        event: Mapping[str, Any],
        *,
        claim: Mapping[str, str] | None = None,
        patient: bool = True,
    ) -> Answer:
        """Send one event.

        Args:
            execution_id: What it belongs to.
            event: Carries its ``event_id``, so that a lost answer is harmless.
            claim: The poll to answer along with it, where more work is wanted.
            patient: Whether to re-send until it is answered.

        Raises:
            ServerRefused: The event was not accepted.
            Unavailable: The only attempt failed, where ``patient`` is false.
        """
        answer = self._client.send(
            "POST",
            f"/api/executions/{execution_id}/events",
            params={"claim": "1", **claim} if claim is not None else None,
            body=event,
            patient=patient,
        )
        self._running.heed(execution_id, answer.body)
        return answer

    def heartbeat(self, execution_id: str, tasks: Iterable[Task]) -> Answer:
        """Send one heartbeat per task in one request, once; ``results`` come in their order."""
        beats = [task.event("heartbeat", progress_percent=task.progress_percent) for task in tasks]
        path = f"/api/executions/{execution_id}/events"
        answer = self._client.send("POST", path, body={"events": beats}, patient=False)
        for result in answer.body["results"]:
            self._running.heed(execution_id, result)
        return answer
