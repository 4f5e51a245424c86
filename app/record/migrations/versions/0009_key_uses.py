"""Let people tell their keys apart: a name, the last characters, and when it was last used.

Revision ID: 0009
Revises: 0008
"""

from typing import Final

from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the columns; keys from before have neither name nor known characters."""
    op.execute(
        "ALTER TABLE api_keys ADD COLUMN name text NOT NULL DEFAULT '',"
        " ADD COLUMN ending text NOT NULL DEFAULT '', ADD COLUMN last_used_at timestamptz"
    )


def downgrade() -> None:
    """Drop the columns."""
    op.execute(
        "ALTER TABLE api_keys DROP COLUMN name, DROP COLUMN ending, DROP COLUMN last_used_at"
    )
