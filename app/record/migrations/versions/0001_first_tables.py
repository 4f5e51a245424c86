"""Create the tables of workspaces, plans and executions.

Revision ID: 0001
Revises: nothing
"""

from typing import Final

from alembic import op

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None

_TABLES: Final = """
CREATE TABLE workspaces (
    workspace_id text NOT NULL,
    name text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (workspace_id)
);

CREATE TABLE users (
    workspace_id text NOT NULL,
    user_id text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (workspace_id, user_id),
    CONSTRAINT fk_users_workspaces
        FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);

CREATE TABLE agents (
    workspace_id text NOT NULL,
    agent_id text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    capabilities json NOT NULL,
    max_concurrent_tasks integer NOT NULL,
    webhook_url text,
    created_at timestamptz NOT NULL,
    paused_at timestamptz,
    paused_by text,
    CONSTRAINT pk_agents PRIMARY KEY (workspace_id, agent_id),
    CONSTRAINT fk_agents_workspaces
        FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);
CREATE INDEX ix_agents_created ON agents (workspace_id, created_at, agent_id);

CREATE TABLE api_keys (
    key_id text NOT NULL,
    workspace_id text NOT NULL,
    user_id text,
    agent_id text,
    key_hash text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT pk_api_keys PRIMARY KEY (key_id),
    CONSTRAINT fk_api_keys_users
        FOREIGN KEY (workspace_id, user_id)
        REFERENCES users (workspace_id, user_id) ON DELETE CASCADE,
    CONSTRAINT fk_api_keys_agents
        FOREIGN KEY (workspace_id, agent_id)
        REFERENCES agents (workspace_id, agent_id) ON DELETE CASCADE,
    CONSTRAINT ck_api_keys_one_owner CHECK (num_nonnulls(user_id, agent_id) = 1)
);
CREATE INDEX ix_api_keys_agent ON api_keys (workspace_id, agent_id);
CREATE UNIQUE INDEX ix_api_keys_hash ON api_keys (key_hash);
CREATE INDEX ix_api_keys_user ON api_keys (workspace_id, user_id);

CREATE TABLE plans (
    workspace_id text NOT NULL,
    plan_id text NOT NULL,
    title text NOT NULL,
    goal text NOT NULL,
    status text NOT NULL,
    status_message text NOT NULL,
    decomposition_version integer NOT NULL,
    source_format text NOT NULL,
    tasks_total integer NOT NULL,
    document json NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_plans PRIMARY KEY (workspace_id, plan_id),
    CONSTRAINT fk_plans_workspaces
        FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);
CREATE INDEX ix_plans_created ON plans (workspace_id, created_at, plan_id);
CREATE INDEX ix_plans_status ON plans (workspace_id, status, created_at, plan_id);

CREATE TABLE plan_tasks (
    workspace_id text NOT NULL,
    plan_id text NOT NULL,
    task_id text NOT NULL,
    phase_id text NOT NULL,
    phase_position integer NOT NULL,
    position integer NOT NULL,
    title text NOT NULL,
    agent_id text,
    document json NOT NULL,
    CONSTRAINT pk_plan_tasks PRIMARY KEY (workspace_id, plan_id, task_id),
    CONSTRAINT fk_plan_tasks_plans
        FOREIGN KEY (workspace_id, plan_id)
        REFERENCES plans (workspace_id, plan_id) ON DELETE CASCADE
);
CREATE INDEX ix_plan_tasks_agent ON plan_tasks (workspace_id, agent_id, plan_id);

CREATE TABLE plan_breakdowns (
    workspace_id text NOT NULL,
    plan_id text NOT NULL,
    task_id text NOT NULL,
    version integer NOT NULL,
    strategy text NOT NULL,
    confidence double precision NOT NULL,
    confidence_reasons json NOT NULL,
    needs_review boolean NOT NULL,
    approved_by text,
    approved_at timestamptz,
    notes text NOT NULL,
    warnings json NOT NULL,
    usage json NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_plan_breakdowns PRIMARY KEY (workspace_id, plan_id, task_id, version),
    CONSTRAINT fk_plan_breakdowns_plan_tasks
        FOREIGN KEY (workspace_id, plan_id, task_id)
        REFERENCES plan_tasks (workspace_id, plan_id, task_id) ON DELETE CASCADE
);

CREATE TABLE plan_subtasks (
    workspace_id text NOT NULL,
    plan_id text NOT NULL,
    task_id text NOT NULL,
    version integer NOT NULL,
    position integer NOT NULL,
    subtask_id text NOT NULL,
    title text NOT NULL,
    action text NOT NULL,
    document json NOT NULL,
    CONSTRAINT pk_plan_subtasks PRIMARY KEY (workspace_id, plan_id, task_id, version, position),
    CONSTRAINT fk_plan_subtasks_plan_breakdowns
        FOREIGN KEY (workspace_id, plan_id, task_id, version)
        REFERENCES plan_breakdowns (workspace_id, plan_id, task_id, version) ON DELETE CASCADE
);

CREATE TABLE executions (
    execution_id text NOT NULL,
    workspace_id text NOT NULL,
    plan_id text NOT NULL,
    plan_version integer NOT NULL,
    ordering text NOT NULL,
    agent_id text NOT NULL,
    status text NOT NULL,
    seq bigint NOT NULL,
    head_hash text NOT NULL,
    header json NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_executions PRIMARY KEY (execution_id),
    CONSTRAINT fk_executions_workspaces
        FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);
CREATE INDEX ix_executions_agent ON executions (workspace_id, agent_id, created_at, execution_id);
CREATE INDEX ix_executions_created ON executions (workspace_id, created_at, execution_id);
CREATE INDEX ix_executions_plan ON executions (workspace_id, plan_id, created_at, execution_id);
CREATE INDEX ix_executions_status ON executions (workspace_id, status, created_at, execution_id);

CREATE TABLE execution_tasks (
    execution_id text NOT NULL,
    task_id text NOT NULL,
    workspace_id text NOT NULL,
    seq bigint NOT NULL,
    status text NOT NULL,
    state json NOT NULL,
    CONSTRAINT pk_execution_tasks PRIMARY KEY (execution_id, task_id),
    CONSTRAINT fk_execution_tasks_executions
        FOREIGN KEY (execution_id)
        REFERENCES executions (execution_id) ON DELETE CASCADE
);

CREATE TABLE execution_subtasks (
    execution_id text NOT NULL,
    subtask_id text NOT NULL,
    workspace_id text NOT NULL,
    task_id text NOT NULL,
    seq bigint NOT NULL,
    status text NOT NULL,
    agent_id text,
    attempt integer NOT NULL,
    state json NOT NULL,
    CONSTRAINT pk_execution_subtasks PRIMARY KEY (execution_id, subtask_id),
    CONSTRAINT fk_execution_subtasks_executions
        FOREIGN KEY (execution_id)
        REFERENCES executions (execution_id) ON DELETE CASCADE
);

CREATE TABLE execution_graphs (
    workspace_id text NOT NULL,
    graph_id text NOT NULL,
    packed bytea NOT NULL,
    CONSTRAINT pk_execution_graphs PRIMARY KEY (workspace_id, graph_id),
    CONSTRAINT fk_execution_graphs_workspaces
        FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);

CREATE TABLE execution_events (
    execution_id text NOT NULL,
    seq bigint NOT NULL,
    workspace_id text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    task_id text,
    agent_id text,
    recorded_at timestamptz NOT NULL,
    hash text NOT NULL,
    body json NOT NULL,
    CONSTRAINT pk_execution_events PRIMARY KEY (execution_id, seq)
);
CREATE INDEX ix_execution_events_event ON execution_events (execution_id, event_id);
CREATE INDEX ix_execution_events_task ON execution_events (execution_id, task_id, seq);
CREATE INDEX ix_execution_events_type ON execution_events (execution_id, event_type, seq);
"""
_NAMES: Final = (
    "execution_events",
    "execution_graphs",
    "execution_subtasks",
    "execution_tasks",
    "executions",
    "plan_subtasks",
    "plan_breakdowns",
    "plan_tasks",
    "plans",
    "api_keys",
    "agents",
    "users",
    "workspaces",
)


def upgrade() -> None:
    """Create every table."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Drop every table, children first."""
    for name in _NAMES:
        op.execute(f"DROP TABLE {name}")
