"""Partition the log by the month of an execution's birth, and let nobody change it.

Revision ID: 0003
Revises: 0002
"""

import datetime as dt
from typing import Final

from alembic import op

from app.record.partitions import coming, create, holder_of

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None

_COLUMNS: Final = """
    execution_id text {collation} NOT NULL,
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
"""
_INDEXES: Final = """
CREATE INDEX ix_execution_events_task ON execution_events (execution_id, task_id, seq);
CREATE INDEX ix_execution_events_type ON execution_events (execution_id, event_type, seq);
"""
_SET_ASIDE: Final = """
ALTER TABLE execution_events RENAME TO old_events;
ALTER TABLE old_events RENAME CONSTRAINT pk_execution_events TO pk_old_events;
DROP INDEX ix_execution_events_task;
DROP INDEX ix_execution_events_type;
"""
_PUT_BACK: Final = """
INSERT INTO execution_events SELECT * FROM old_events;
DROP TABLE old_events;
"""
_APPEND_ONLY: Final = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The log is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON execution_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON execution_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON execution_events FROM PUBLIC, CURRENT_USER;
"""
_ARCHIVES: Final = """
CREATE TABLE event_archives (
    month text NOT NULL,
    place text NOT NULL,
    rows bigint NOT NULL,
    executions bigint NOT NULL,
    sha256 text NOT NULL,
    archived_at timestamptz NOT NULL,
    restored_at timestamptz,
    CONSTRAINT pk_event_archives PRIMARY KEY (month)
);
"""


def upgrade() -> None:
    """Move the log into partitions; make those of the next months as well."""
    op.execute("DROP INDEX ix_execution_events_event")
    op.execute(_SET_ASIDE)
    columns = _COLUMNS.format(collation='COLLATE "C"')
    op.execute(f"CREATE TABLE execution_events ({columns}) PARTITION BY RANGE (execution_id)")
    op.execute(_INDEXES)
    op.execute(_APPEND_ONLY)
    _make_partitions()
    op.execute(_PUT_BACK)
    op.execute(_ARCHIVES)


def downgrade() -> None:
    """Move the log back into one table. What is in archives stays there."""
    op.execute(_SET_ASIDE)
    op.execute(f"CREATE TABLE execution_events ({_COLUMNS.format(collation='')})")
    op.execute(_PUT_BACK)
    op.execute(_INDEXES)
    op.execute(
        "CREATE INDEX ix_execution_events_event ON execution_events (execution_id, event_id)"
    )
    op.execute("DROP FUNCTION refuse_change")
    op.execute("DROP TABLE event_archives")


def _make_partitions() -> None:
    found = coming(dt.datetime.now(dt.UTC))
    rows = op.get_bind().exec_driver_sql("SELECT DISTINCT execution_id FROM old_events")
    needed = {one.name: one for one in [*found, *(holder_of(row[0]) for row in rows)]}
    for partition in needed.values():
        create(op.get_bind(), partition)
