"""A plan as it is stored: phases, tasks, what was written under them, and their breakdowns.

A *task* is what the plan's author wrote on the second level; a *subtask* is one atomic step an
agent or a person performs. ``WrittenSubtask`` is source text; ``Subtask`` is executable.
"""

import datetime as dt
import enum
from typing import Any

import msgspec


class PlanStatus(enum.StrEnum):
    """Where a plan stands between import and start."""

    IMPORTING = "IMPORTING"
    """Being read; entered at upload, left when it is stored."""
    DECOMPOSING = "DECOMPOSING"
    """Stored; breakdowns are being made. Left when every task has one."""
    NEEDS_REVIEW = "NEEDS_REVIEW"
    """At least one breakdown is below the confidence threshold. Left by approval."""
    READY = "READY"
    """Can be started."""
    REFUSED = "REFUSED"
    """Its own gates refuse it (redline, go/no-go); starts only by a recorded override."""
    FAILED = "FAILED"
    """Breaking down failed; the status message says why."""


class PlanSort(enum.StrEnum):
    """What comes first in a list of plans."""

    NEWEST = "newest"
    """The one imported last."""
    CHANGED = "changed"
    """The one whose status or breakdown changed last."""


class Assignee(enum.StrEnum):
    """Who performs a subtask."""

    AGENT = "agent"
    HUMAN = "human"


class Ordering(enum.StrEnum):
    """Which edges hold in an execution."""

    DEPENDENCIES = "dependencies"
    """Only what the plan states."""
    SEQUENTIAL = "sequential"
    """Also the written order of tasks, except where an implied edge would close a cycle."""


class PlanWarning(msgspec.Struct, frozen=True):
    """One oddity of an import, told and never silently repaired.

    ``code`` is a stable slug (``dangling-id``), ``where`` the file and place, ``value`` the raw
    value, ``suggestion`` the nearest sensible reading, if any.
    """

    code: str
    message: str
    where: str
    value: str = ""
    suggestion: str | None = None


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often and how soon a failed attempt is repeated. Delays in seconds."""

    max_attempts: int = 3
    backoff: str = "exponential"
    backoff_seconds: int = 300
    max_backoff_seconds: int = 3600


class Estimate(msgspec.Struct, frozen=True):
    """Working hours a task is thought to take; ``derived`` where counted from calendar days."""

    min_hours: float | None = None
    realistic_hours: float | None = None
    max_hours: float | None = None
    derived: bool = False


class WrittenSubtask(msgspec.Struct, frozen=True):
    """A third-level item as its author wrote it: source text for a breakdown.

    ``action`` and the fields after it are set only where the plan brings executable subtasks.
    ``prerequisites`` None means written order, an empty list none.
    """

    subtask_id: str
    title: str
    description: str = ""
    resources: list[str] = []
    action: str | None = None
    params: dict[str, Any] = {}
    prerequisites: list[str] | None = None
    timeout_hours: float | None = None
    retry_policy: RetryPolicy | None = None
    success_criteria: list[str] = []
    requires_approval: bool = False
    assignee: Assignee = Assignee.AGENT


class Task(msgspec.Struct, frozen=True):
    """A second-level item. ``prerequisites`` are ids of tasks that must be completed before."""

    task_id: str
    title: str
    description: str = ""
    assignee_role: str | None = None
    agent_id: str | None = None
    priority: int = 1
    estimate: Estimate = Estimate()
    prerequisites: list[str] = []
    written_subtasks: list[WrittenSubtask] = []
    context: dict[str, Any] = {}
    """What came along: delay risks, mitigation."""


class Phase(msgspec.Struct, frozen=True):
    """A first grouping of tasks, in written order."""

    phase_id: str
    name: str
    tasks: list[Task] = []


class Risk(msgspec.Struct, frozen=True):
    """A risk the plan's author saw."""

    risk_id: str
    description: str
    mitigation: str = ""


class Target(msgspec.Struct, frozen=True):
    """What the plan wants to reach: a number that agents report under the name ``metric``."""

    metric: str
    target: float
    unit: str = ""


class Gates(msgspec.Struct, frozen=True):
    """What the plan's author's own tools say about starting it; None where they said nothing."""

    redline: str | None = None
    """ALLOW, ALLOW_WITH_SAFETY_FRAMING or REFUSE."""
    go_no_go: str | None = None
    """The recommendation in its own words, for example "Do Not Execute"."""

    @property
    def refusals(self) -> list[str]:
        """Names of the gates that refuse: ``redline``, ``go_no_go``, or none."""
        found: list[str] = []
        if (self.redline or "").strip().upper() == "REFUSE":
            found.append("redline")
        words = (self.go_no_go or "").casefold()
        if "do not execute" in words or words.strip() in {"no go", "no-go"}:
            found.append("go_no_go")
        return found


class Plan(msgspec.Struct, frozen=True):
    """A plan as read: immutable. Ids are unique within a plan, over tasks and subtasks alike."""

    plan_id: str
    title: str
    phases: list[Phase]
    goal: str = ""
    final_deliverable: str = ""
    risks: list[Risk] = []
    roles_required: list[str] = []
    gates: Gates = Gates()
    targets: list[Target] = []
    warnings: list[PlanWarning] = []
    source_format: str = "json"
    """What it was read from: planexe-folder, planexe-zip, planexe-tree, json."""
    context: dict[str, Any] = {}
    """What came along for people, agents and models: documents, resources, team, start time."""

    @property
    def tasks(self) -> list[Task]:
        """All tasks in written order."""
        return [task for phase in self.phases for task in phase.tasks]


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a subtask comes from: a task, one of its written subtasks, and the words themselves."""

    task_id: str
    subtask_id: str | None = None
    quote: str = ""


class Subtask(msgspec.Struct, frozen=True):
    """One atomic, executable step of a breakdown.

    ``dependencies`` are ids of subtasks that must be completed before, after the written order
    has been made explicit: an empty list means none. ``reasons`` say why it has this action, why
    a person does it, and why it needs approval.
    """

    subtask_id: str
    title: str
    action: str
    description: str = ""
    params: dict[str, Any] = {}
    dependencies: list[str] = []
    timeout_hours: float = 24.0
    retry_policy: RetryPolicy = RetryPolicy()
    success_criteria: list[str] = []
    requires_approval: bool = False
    assignee: Assignee = Assignee.AGENT
    source: Source | None = None
    reasons: list[str] = []


class ConfidencePart(msgspec.Struct, frozen=True):
    """One part of a confidence: how much it counts, what it came to, each 0 to 1, and why."""

    name: str
    weight: float
    share: float
    explanation: str


class Wish(msgspec.Struct, frozen=True):
    """What a person says who has one task broken down anew, and who that was.

    The note is for a model; it may be empty.
    """

    task_id: str
    note: str
    by: str
    at: dt.datetime


class Breakdown(msgspec.Struct, frozen=True):
    """A task as executable subtasks, with a confidence from 0 to 1 and the reasons for it.

    ``strategy`` is given, rules, llm or manual. ``needs_review`` is set below the threshold and
    cleared by an approval. ``parts`` are what the confidence is made of, ``uncovered`` the
    sentences of the task that no subtask serves. ``edited_by`` is who changed it by hand.
    """

    task_id: str
    strategy: str
    confidence: float
    confidence_reasons: list[str]
    subtasks: list[Subtask]
    needs_review: bool = False
    approved_by: str | None = None
    notes: str = ""
    warnings: list[PlanWarning] = []
    usage: dict[str, Any] = {}
    parts: list[ConfidencePart] = []
    uncovered: list[str] = []
    version: int = 0
    """The decomposition version it came with; 0 until it is stored."""
    approved_at: dt.datetime | None = None
    edited_by: str | None = None
    edited_at: dt.datetime | None = None
    note: str = ""
    """What the person who changed it, or had it made anew, said about it."""
    changes: list[str] = []
    """What was done to the version before, one sentence each."""
