"""Keep what a decomposition was asked to do, and what models answered.

Revision ID: 0006
Revises: 0005
"""

from typing import Final

from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"
branch_labels: Final = None
depends_on: Final = None

_TABLES: Final = """
CREATE TABLE plan_decompositions (
    workspace_id text NOT NULL,
    plan_id text NOT NULL,
    version integer NOT NULL,
    strategy text NOT NULL,
    agent_id text,
    task_ids json NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_plan_decompositions PRIMARY KEY (workspace_id, plan_id, version),
    CONSTRAINT fk_plan_decompositions_plans FOREIGN KEY (workspace_id, plan_id)
        REFERENCES plans (workspace_id, plan_id) ON DELETE CASCADE
);
CREATE TABLE model_answers (
    workspace_id text NOT NULL,
    digest text NOT NULL,
    answer text NOT NULL,
    usage json NOT NULL,
    paid_for text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_model_answers PRIMARY KEY (workspace_id, digest),
    CONSTRAINT fk_model_answers_workspaces FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Drop the tables."""
    op.execute("DROP TABLE model_answers, plan_decompositions")
