"""Keep what a confidence is made of, and what no subtask serves.

Breakdowns made before have neither: they get empty lists.

Revision ID: 0005
Revises: 0004
"""

from typing import Final

from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"
branch_labels: Final = None
depends_on: Final = None

_COLUMNS: Final = """
ALTER TABLE plan_breakdowns
    ADD COLUMN parts json NOT NULL DEFAULT '[]',
    ADD COLUMN uncovered json NOT NULL DEFAULT '[]';
ALTER TABLE plan_breakdowns
    ALTER COLUMN parts DROP DEFAULT,
    ALTER COLUMN uncovered DROP DEFAULT;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(_COLUMNS)


def downgrade() -> None:
    """Drop the columns."""
    op.execute("ALTER TABLE plan_breakdowns DROP COLUMN parts, DROP COLUMN uncovered")
