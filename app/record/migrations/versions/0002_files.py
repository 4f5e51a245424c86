"""Create the table of files that people bring as evidence.

Revision ID: 0002
Revises: 0001
"""

from typing import Final

from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None

_TABLE: Final = """
CREATE TABLE files (
    workspace_id text NOT NULL,
    file_id text NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    content bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_files PRIMARY KEY (workspace_id, file_id),
    CONSTRAINT fk_files_workspaces
        FOREIGN KEY (workspace_id)
        REFERENCES workspaces (workspace_id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE files")
