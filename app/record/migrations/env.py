"""What Alembic runs for each command: over the connection that ``app.record.migrate`` opened."""

from alembic import context

from app.record.partitions import is_partition
from app.record.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    # Partitions come and go by themselves.
    include_name=lambda name, kind, _: kind != "table" or not is_partition(name or ""),
)
# The caller's transaction stays open around this: all steps or none, under its lock.
with context.begin_transaction():
    context.run_migrations()
