"""Create the table of what came of verifying executions.

Revision ID: 0004
Revises: 0003
"""

from typing import Final

from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"
branch_labels: Final = None
depends_on: Final = None

_TABLE: Final = """
CREATE TABLE verifications (
    execution_id text NOT NULL,
    workspace_id text NOT NULL,
    checked_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    head_hash text NOT NULL,
    ok boolean,
    differences json NOT NULL,
    CONSTRAINT pk_verifications PRIMARY KEY (execution_id),
    CONSTRAINT fk_verifications_workspaces
        FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE verifications")
