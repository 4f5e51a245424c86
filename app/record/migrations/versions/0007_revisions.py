"""Keep who changed a breakdown by hand, when, what was done and what was said about it.

Revision ID: 0007
Revises: 0006
"""

from typing import Final

from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"
branch_labels: Final = None
depends_on: Final = None

_COLUMNS: Final = """
ALTER TABLE plan_breakdowns
    ADD COLUMN edited_by text,
    ADD COLUMN edited_at timestamptz,
    ADD COLUMN note text NOT NULL DEFAULT '',
    ADD COLUMN changes json NOT NULL DEFAULT '[]';
ALTER TABLE plan_breakdowns
    ALTER COLUMN note DROP DEFAULT,
    ALTER COLUMN changes DROP DEFAULT;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(_COLUMNS)


def downgrade() -> None:
    """Drop the columns."""
    op.execute(
        "ALTER TABLE plan_breakdowns "
        "DROP COLUMN edited_by, DROP COLUMN edited_at, DROP COLUMN note, DROP COLUMN changes"
    )
