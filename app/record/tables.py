"""Every table of the record, typed.

People and agents may bring ids of plans, agents and tasks, so those keys start with the workspace:
two workspaces can use the same id and never see each other's. Executions and their parts have
ids made here, unique everywhere.
"""

import datetime as dt
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    Table,
    Text,
    TypedColumns,
    func,
)

from app.domain.agents import Capability
from app.domain.execution import Header, SubtaskState, TaskState
from app.domain.plan import ConfidencePart, Plan, PlanWarning, Subtask, Task, Wish
from app.domain.proof import Difference
from app.record.column_types import Document, RawJson, UtcTime

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class _InWorkspace(TypedColumns):
    workspace_id: Named[str] = Column(Text, primary_key=True)


class WorkspaceColumns(_InWorkspace):
    """A workspace: what its users and agents share, and nobody else sees."""

    name: Named[str] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())


class UserColumns(_InWorkspace):
    """A person."""

    user_id: Named[str] = Column(Text, primary_key=True)
    name: Named[str] = Column(Text)
    role: Named[str] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())


class AgentColumns(_InWorkspace):
    """An agent as it registered."""

    agent_id: Named[str] = Column(Text, primary_key=True)
    name: Named[str] = Column(Text)
    role: Named[str] = Column(Text)
    capabilities: Named[list[Capability]] = Column(Document(list[Capability]))
    max_concurrent_tasks: Named[int] = Column(Integer)
    webhook_url: Named[str | None] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime)
    paused_at: Named[dt.datetime | None] = Column(UtcTime)
    paused_by: Named[str | None] = Column(Text)


class ApiKeyColumns(TypedColumns):
    """A key of one user or of one agent; only its hash is kept."""

    key_id: Named[str] = Column(Text, primary_key=True)
    workspace_id: Named[str] = Column(Text)
    user_id: Named[str | None] = Column(Text)
    agent_id: Named[str | None] = Column(Text)
    key_hash: Named[str] = Column(Text)
    name: Named[str] = Column(Text, server_default="")
    ending: Named[str] = Column(Text, server_default="")
    created_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())
    last_used_at: Named[dt.datetime | None] = Column(UtcTime)
    revoked_at: Named[dt.datetime | None] = Column(UtcTime)


class PlanColumns(_InWorkspace):
    """A plan. ``document`` is the plan with its phases empty; their tasks are rows."""

    plan_id: Named[str] = Column(Text, primary_key=True)
    title: Named[str] = Column(Text)
    goal: Named[str] = Column(Text)
    status: Named[str] = Column(Text)
    status_message: Named[str] = Column(Text)
    decomposition_version: Named[int] = Column(Integer)
    source_format: Named[str] = Column(Text)
    tasks_total: Named[int] = Column(Integer)
    document: Named[Plan] = Column(Document(Plan))
    created_by: Named[str] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())
    updated_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())


class PlanTaskColumns(_InWorkspace):
    """A task of a plan. ``position`` counts over the whole plan."""

    plan_id: Named[str] = Column(Text, primary_key=True)
    task_id: Named[str] = Column(Text, primary_key=True)
    phase_id: Named[str] = Column(Text)
    phase_position: Named[int] = Column(Integer)
    position: Named[int] = Column(Integer)
    title: Named[str] = Column(Text)
    agent_id: Named[str | None] = Column(Text)
    document: Named[Task] = Column(Document(Task))


class BreakdownColumns(_InWorkspace):
    """A breakdown of a task: never changed, save by its approval.

    In version v of a plan, a task has the breakdown with the highest version up to v.
    """

    plan_id: Named[str] = Column(Text, primary_key=True)
    task_id: Named[str] = Column(Text, primary_key=True)
    version: Named[int] = Column(Integer, primary_key=True)
    strategy: Named[str] = Column(Text)
    confidence: Named[float] = Column(Double)
    confidence_reasons: Named[list[str]] = Column(Document(list[str]))
    needs_review: Named[bool] = Column(Boolean)
    approved_by: Named[str | None] = Column(Text)
    approved_at: Named[dt.datetime | None] = Column(UtcTime)
    notes: Named[str] = Column(Text)
    warnings: Named[list[PlanWarning]] = Column(Document(list[PlanWarning]))
    usage: Named[dict[str, Any]] = Column(Document(dict[str, Any]))
    parts: Named[list[ConfidencePart]] = Column(Document(list[ConfidencePart]))
    uncovered: Named[list[str]] = Column(Document(list[str]))
    edited_by: Named[str | None] = Column(Text)
    edited_at: Named[dt.datetime | None] = Column(UtcTime)
    note: Named[str] = Column(Text)
    changes: Named[list[str]] = Column(Document(list[str]))
    created_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())


class PlanSubtaskColumns(_InWorkspace):
    """A subtask of a breakdown. ``position`` counts within it."""

    plan_id: Named[str] = Column(Text, primary_key=True)
    task_id: Named[str] = Column(Text, primary_key=True)
    version: Named[int] = Column(Integer, primary_key=True)
    position: Named[int] = Column(Integer, primary_key=True)
    subtask_id: Named[str] = Column(Text)
    title: Named[str] = Column(Text)
    action: Named[str] = Column(Text)
    document: Named[Subtask] = Column(Document(Subtask))


class DecompositionColumns(_InWorkspace):
    """What a version was asked for, where it is not all tasks by the usual strategy."""

    plan_id: Named[str] = Column(Text, primary_key=True)
    version: Named[int] = Column(Integer, primary_key=True)
    strategy: Named[str] = Column(Text)
    agent_id: Named[str | None] = Column(Text)
    task_ids: Named[list[str]] = Column(Document(list[str]))
    wish: Named[Wish | None] = Column(Document(Wish))
    created_by: Named[str] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())


class ModelAnswerColumns(_InWorkspace):
    """What a model answered to a question, by the question's digest; kept so as not to ask twice.

    ``paid_for`` names the one task whose breakdown counts what it cost.
    """

    digest: Named[str] = Column(Text, primary_key=True)
    answer: Named[str] = Column(Text)
    usage: Named[dict[str, Any]] = Column(Document(dict[str, Any]))
    paid_for: Named[str] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime, server_default=func.now())


class ExecutionColumns(TypedColumns):
    """An execution as of event ``seq``; 0 means that Redis does not have it yet.

    It outlives its plan: what was done stays on record when the plan is deleted.
    """

    execution_id: Named[str] = Column(Text, primary_key=True)
    workspace_id: Named[str] = Column(Text)
    plan_id: Named[str] = Column(Text)
    plan_version: Named[int] = Column(Integer)
    ordering: Named[str] = Column(Text)
    agent_id: Named[str] = Column(Text)
    status: Named[str] = Column(Text)
    seq: Named[int] = Column(BigInteger)
    head_hash: Named[str] = Column(Text)
    header: Named[Header] = Column(Document(Header))
    created_by: Named[str] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime)
    started_at: Named[dt.datetime | None] = Column(UtcTime)
    completed_at: Named[dt.datetime | None] = Column(UtcTime)
    updated_at: Named[dt.datetime] = Column(UtcTime)


class ExecutionTaskColumns(TypedColumns):
    """Where a task of an execution stands as of event ``seq``."""

    execution_id: Named[str] = Column(Text, primary_key=True)
    task_id: Named[str] = Column(Text, primary_key=True)
    workspace_id: Named[str] = Column(Text)
    seq: Named[int] = Column(BigInteger)
    status: Named[str] = Column(Text)
    state: Named[TaskState] = Column(Document(TaskState))


class ExecutionSubtaskColumns(TypedColumns):
    """Where a subtask of an execution stands as of event ``seq``."""

    execution_id: Named[str] = Column(Text, primary_key=True)
    subtask_id: Named[str] = Column(Text, primary_key=True)
    workspace_id: Named[str] = Column(Text)
    task_id: Named[str] = Column(Text)
    seq: Named[int] = Column(BigInteger)
    status: Named[str] = Column(Text)
    agent_id: Named[str | None] = Column(Text)
    attempt: Named[int] = Column(Integer)
    state: Named[SubtaskState] = Column(Document(SubtaskState))


class ExecutionGraphColumns(_InWorkspace):
    """What executions were compiled to. ``packed`` never changes: its name is its content's."""

    graph_id: Named[str] = Column(Text, primary_key=True)
    packed: Named[bytes] = Column(LargeBinary)


class ExecutionEventColumns(TypedColumns):
    """One event. ``body`` is the text the hash is over, byte for byte.

    Partitioned by the month in which the execution was born: see ``app.record.partitions``.
    Rows are only ever added.
    """

    execution_id: Named[str] = Column(Text(collation="C"), primary_key=True)
    seq: Named[int] = Column(BigInteger, primary_key=True)
    workspace_id: Named[str] = Column(Text)
    event_id: Named[str] = Column(Text)
    event_type: Named[str] = Column(Text)
    task_id: Named[str | None] = Column(Text)
    agent_id: Named[str | None] = Column(Text)
    recorded_at: Named[dt.datetime] = Column(UtcTime)
    hash: Named[str] = Column(Text)
    body: Named[bytes] = Column(RawJson)


class EventArchiveColumns(TypedColumns):
    """A month of events that was put away into files; with ``restored_at`` it is back."""

    month: Named[str] = Column(Text, primary_key=True)
    place: Named[str] = Column(Text)
    rows: Named[int] = Column(BigInteger)
    executions: Named[int] = Column(BigInteger)
    sha256: Named[str] = Column(Text)
    archived_at: Named[dt.datetime] = Column(UtcTime)
    restored_at: Named[dt.datetime | None] = Column(UtcTime)


class FileColumns(_InWorkspace):
    """A file that somebody brought as evidence."""

    file_id: Named[str] = Column(Text, primary_key=True)
    name: Named[str] = Column(Text)
    content_type: Named[str] = Column(Text)
    size_bytes: Named[int] = Column(BigInteger)
    sha256: Named[str] = Column(Text)
    content: Named[bytes] = Column(LargeBinary)
    created_by: Named[str] = Column(Text)
    created_at: Named[dt.datetime] = Column(UtcTime)


class VerificationColumns(TypedColumns):
    """What the last verification of an execution found, as of event ``seq``.

    ``ok`` is null where nobody can say, because the events are archived. It refers to no
    execution: one that Redis has and the record lacks is verified too.
    """

    execution_id: Named[str] = Column(Text, primary_key=True)
    workspace_id: Named[str] = Column(Text)
    checked_at: Named[dt.datetime] = Column(UtcTime)
    seq: Named[int] = Column(BigInteger)
    head_hash: Named[str] = Column(Text)
    ok: Named[bool | None] = Column(Boolean)
    differences: Named[list[Difference]] = Column(Document(list[Difference]))


def _within(parent: str, *columns: str) -> ForeignKeyConstraint:
    targets = [f"{parent}.{column}" for column in columns]
    return ForeignKeyConstraint(columns, targets, ondelete="CASCADE")


workspaces: Final = Table("workspaces", metadata, WorkspaceColumns)
users: Final = Table("users", metadata, UserColumns, _within("workspaces", "workspace_id"))
agents: Final = Table(
    "agents",
    metadata,
    AgentColumns,
    _within("workspaces", "workspace_id"),
    Index("ix_agents_created", "workspace_id", "created_at", "agent_id"),
)
api_keys: Final = Table(
    "api_keys",
    metadata,
    ApiKeyColumns,
    _within("users", "workspace_id", "user_id"),
    _within("agents", "workspace_id", "agent_id"),
    CheckConstraint("num_nonnulls(user_id, agent_id) = 1", name="one_owner"),
    Index("ix_api_keys_hash", "key_hash", unique=True),
    Index("ix_api_keys_user", "workspace_id", "user_id"),
    Index("ix_api_keys_agent", "workspace_id", "agent_id"),
)
plans: Final = Table(
    "plans",
    metadata,
    PlanColumns,
    _within("workspaces", "workspace_id"),
    Index("ix_plans_created", "workspace_id", "created_at", "plan_id"),
    Index("ix_plans_status", "workspace_id", "status", "created_at", "plan_id"),
)
plan_tasks: Final = Table(
    "plan_tasks",
    metadata,
    PlanTaskColumns,
    _within("plans", "workspace_id", "plan_id"),
    Index("ix_plan_tasks_agent", "workspace_id", "agent_id", "plan_id"),
)
plan_breakdowns: Final = Table(
    "plan_breakdowns",
    metadata,
    BreakdownColumns,
    _within("plan_tasks", "workspace_id", "plan_id", "task_id"),
)
plan_subtasks: Final = Table(
    "plan_subtasks",
    metadata,
    PlanSubtaskColumns,
    _within("plan_breakdowns", "workspace_id", "plan_id", "task_id", "version"),
)
plan_decompositions: Final = Table(
    "plan_decompositions",
    metadata,
    DecompositionColumns,
    _within("plans", "workspace_id", "plan_id"),
)
model_answers: Final = Table(
    "model_answers", metadata, ModelAnswerColumns, _within("workspaces", "workspace_id")
)
executions: Final = Table(
    "executions",
    metadata,
    ExecutionColumns,
    _within("workspaces", "workspace_id"),
    Index("ix_executions_created", "workspace_id", "created_at", "execution_id"),
    Index("ix_executions_status", "workspace_id", "status", "created_at", "execution_id"),
    Index("ix_executions_plan", "workspace_id", "plan_id", "created_at", "execution_id"),
    Index("ix_executions_agent", "workspace_id", "agent_id", "created_at", "execution_id"),
)
execution_tasks: Final = Table(
    "execution_tasks", metadata, ExecutionTaskColumns, _within("executions", "execution_id")
)
execution_subtasks: Final = Table(
    "execution_subtasks", metadata, ExecutionSubtaskColumns, _within("executions", "execution_id")
)
execution_graphs: Final = Table(
    "execution_graphs", metadata, ExecutionGraphColumns, _within("workspaces", "workspace_id")
)
execution_events: Final = Table(
    "execution_events",
    metadata,
    ExecutionEventColumns,
    Index("ix_execution_events_type", "execution_id", "event_type", "seq"),
    Index("ix_execution_events_task", "execution_id", "task_id", "seq"),
    postgresql_partition_by="RANGE (execution_id)",
)
event_archives: Final = Table("event_archives", metadata, EventArchiveColumns)
files: Final = Table("files", metadata, FileColumns, _within("workspaces", "workspace_id"))
verifications: Final = Table(
    "verifications", metadata, VerificationColumns, _within("workspaces", "workspace_id")
)
