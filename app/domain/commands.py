"""What may be asked of an execution. Commands are verbs; what they lead to is events."""

import datetime as dt
from typing import Any, TypeAlias

import msgspec

from app.domain.events import EventType


class CreateExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Bring an execution of one plan version into being."""

    actor: str
    plan_id: str
    plan_version: int
    graph_id: str
    ordering: str
    agent_id: str
    approvals: dict[str, Any] = {}


class StartExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Make the first subtasks ready."""

    actor: str


class PauseExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Stop dispatch at once; running attempts may still report."""

    actor: str
    reason: str = ""


class ResumeExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Go on after a pause."""

    actor: str
    reason: str = ""


class CancelExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Call everything unfinished off and take its leases away."""

    actor: str
    reason: str = ""


class Claimant(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that asks for work. ``actions`` it performs now; ``*`` among them means any."""

    agent_id: str
    actions: frozenset[str]
    instance: str = ""
    poll_id: str = ""

    def performs(self, action: str) -> bool:
        """Tell whether it can take a subtask with this action."""
        return action in self.actions or "*" in self.actions


class ClaimSubtask(msgspec.Struct, frozen=True, kw_only=True):
    """Lease a ready subtask to an agent."""

    subtask_id: str
    claimant: Claimant


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent says of its work: one of ``AGENT_EVENT_TYPES``.

    ``event_id`` makes a repeat harmless. Without a ``lease_token`` the agent's current lease of
    the subtask is meant. ``jitter`` from 0 to 1 spreads back-off; it is drawn by the caller since
    ``decide`` draws nothing. With ``claimant`` set, a completed subtask is followed by a claim of
    what it unlocked.
    """

    event_type: EventType
    agent_id: str
    event_id: str
    task_id: str | None = None
    lease_token: str | None = None
    agent_timestamp: dt.datetime | None = None
    message: str | None = None
    output_data: Any = None
    progress_percent: float | None = None
    error_type: str | None = None
    error_message: str | None = None
    suggestions: list[str] = []
    human_review_required: bool = False
    retry_after_seconds: float | None = None
    max_wait_seconds: float | None = None
    usage: dict[str, Any] | None = None
    jitter: float = 1.0
    claimant: Claimant | None = None


class ExpireLease(msgspec.Struct, frozen=True, kw_only=True):
    """Take back the lease of this attempt, whose time is over."""

    subtask_id: str
    lease_token: str
    jitter: float = 1.0


class EndDelay(msgspec.Struct, frozen=True, kw_only=True):
    """Make a subtask ready whose back-off or external wait is due."""

    subtask_id: str


Command: TypeAlias = (
    CreateExecution
    | StartExecution
    | PauseExecution
    | ResumeExecution
    | CancelExecution
    | ClaimSubtask
    | Report
    | ExpireLease
    | EndDelay
)
