"""A result as it is kept and sent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from planexe_agent.wire import as_told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.task import Lease


@dataclass(frozen=True)
class Kept:
    """A result as it is sent.

    Attributes:
        idempotency_key: Of the task it came of.
        said: Why the server did not take it; None while that is open.
    """

    agent_id: str
    execution_id: str
    task_id: str
    idempotency_key: str
    event: Mapping[str, Any]
    said: str | None = None

    @classmethod
    def of(cls, agent_id: str, task: Lease, event: Mapping[str, Any]) -> Kept:
        """Take up the event that ends a task."""
        return cls(agent_id, task.execution_id, task.task_id, task.idempotency_key, event)

    @property
    def place(self) -> tuple[str, str, str]:
        """Whose result for what it is."""
        return self.agent_id, self.execution_id, self.task_id

    @property
    def age(self) -> tuple[bool, str]:
        """Order results of one place: the one that is open, else the later one, comes last."""
        return self.said is None, str(self.event.get("agent_timestamp", ""))

    def is_of_lease(self, task: Lease) -> bool:
        """Tell whether it is the result of this very lease."""
        return self.event.get("lease_token") == task.lease_token

    def serves(self, task: Lease) -> bool:
        """Tell whether another attempt may use it: it is a success, and nobody asked for more."""
        succeeded = self.event["event_type"] == "task_complete"
        same = self.idempotency_key == task.idempotency_key
        return succeeded and same and not task.context.get("resolution")

    def moved_to(self, task: Lease) -> Kept:
        """Make it the result of another attempt."""
        told = "The result of an earlier attempt, kept by the agent: not performed again."
        event = task.event("task_complete", output_data=self.event["output_data"], message=told)
        return replace(self, event=event, said=None)

    def as_error(self, refusal: Exception) -> Kept:
        """Make the error to report in its place, since the server refuses it as invalid."""
        event = {
            "event_type": "task_error",
            "event_id": f"evt_{uuid.uuid4().hex}",
            "error_type": "validation_error",
            "error_message": as_told(f"the server refused the result: {refusal}"),
        }
        lease = {
            name: self.event[name] for name in ("task_id", "lease_token") if name in self.event
        }
        return replace(self, event={**event, **lease})
