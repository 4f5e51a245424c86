"""What may be asked of an execution. Commands are verbs; what they lead to is events."""

import datetime as dt
from typing import Any, TypeAlias

import msgspec

from app.domain.blockers import Resolution
from app.domain.events import EventType
from app.domain.plan import Target


class CreateExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Bring an execution of one plan version into being."""

    actor: str
    plan_id: str
    plan_version: int
    graph_id: str
    ordering: str
    agent_id: str
    approvals: dict[str, Any] = {}
    relaxed_actions: list[str] = []
    targets: list[Target] = []


class StartExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Make the first subtasks ready.

    ``unmatched`` says, by subtask, why no agent it could go to performs it.
    """

    actor: str
    unmatched: dict[str, str] = {}


class PauseExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Stop dispatch at once; running attempts may still report."""

    actor: str
    reason: str = ""


class ResumeExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Go on after a pause, or take a failed execution up again."""

    actor: str
    reason: str = ""
    unmatched: dict[str, str] = {}


class CancelExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Call everything unfinished off and take its leases away."""

    actor: str
    reason: str = ""


class ReassignExecution(msgspec.Struct, frozen=True, kw_only=True):
    """Give everything that was one agent's to another, running attempts included."""

    actor: str
    agent_id: str
    reason: str = ""
    unmatched: dict[str, str] = {}


class TimeOutExecution(msgspec.Struct, frozen=True, kw_only=True):
    """End an execution that has taken longer than it may."""

    hours: float


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


class WaitPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How external waits are looked at again: first after, doubling up to, at most for. Seconds."""

    first_check_seconds: float = 300
    longest_check_seconds: float = 21_600
    longest_wait_seconds: float = 172_800


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
    wait_policy: WaitPolicy = WaitPolicy()
    claimant: Claimant | None = None

    @property
    def receipt_key(self) -> str:
        """Names its receipt: event ids of different agents have nothing to do with each other."""
        return f"{self.agent_id}\n{self.event_id}"


class ExpireLease(msgspec.Struct, frozen=True, kw_only=True):
    """Take back the lease of this attempt, whose time is over."""

    subtask_id: str
    lease_token: str
    jitter: float = 1.0


class TimeOutSubtask(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a person about a subtask whose attempts have taken longer than they may."""

    subtask_id: str


class NoteAgentOffline(msgspec.Struct, frozen=True, kw_only=True):
    """Say that an agent that may get work has not been heard of since a time."""

    agent_id: str
    last_contact_at: dt.datetime


class NoteAgentOnline(msgspec.Struct, frozen=True, kw_only=True):
    """Say that an agent that was off line is back."""

    agent_id: str


class ResolveBlocker(msgspec.Struct, frozen=True, kw_only=True):
    """A person's answer to a blocker; ``subtask_id`` is empty for that of a whole execution.

    ``minutes`` here and below is the time it took the person, where they say so.
    ``unmatched`` is set where the agent it would go to, the new one included, cannot perform it.
    """

    actor: str
    subtask_id: str
    blocker_id: str
    resolution: Resolution
    message: str = ""
    output_data: Any = None
    option: str | None = None
    agent_id: str | None = None
    params: dict[str, Any] | None = None
    unmatched: str = ""
    minutes: float | None = None


class SkipSubtask(msgspec.Struct, frozen=True, kw_only=True):
    """Pass over a subtask; it counts as done, with a substitute for its result."""

    actor: str
    subtask_id: str
    reason: str
    output_data: Any = None
    minutes: float | None = None


class RetrySubtask(msgspec.Struct, frozen=True, kw_only=True):
    """Give a subtask all its attempts again, from now.

    ``unmatched`` is set where the agent it would go to cannot perform it.
    """

    actor: str
    subtask_id: str
    message: str = ""
    unmatched: str = ""


class CompleteSubtask(msgspec.Struct, frozen=True, kw_only=True):
    """A person has done it. ``evidence`` holds ``{name, url}`` or ``{name, file_id}``."""

    actor: str
    subtask_id: str
    notes: str = ""
    output_data: Any = None
    evidence: list[dict[str, Any]] = []
    minutes: float | None = None


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
    | TimeOutSubtask
    | ReassignExecution
    | TimeOutExecution
    | NoteAgentOffline
    | NoteAgentOnline
    | ResolveBlocker
    | SkipSubtask
    | RetrySubtask
    | CompleteSubtask
)
