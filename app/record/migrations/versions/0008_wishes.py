"""Keep what a person who has one task broken down anew says to the model.

Revision ID: 0008
Revises: 0007
"""

from typing import Final

from alembic import op

revision: Final = "0008"
down_revision: Final = "0007"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE plan_decompositions ADD COLUMN wish json")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE plan_decompositions DROP COLUMN wish")
