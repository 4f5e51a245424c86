"""The hash chains of all recorded logs, walked from their first event to their last."""

from typing import Final

import msgspec
from sqlalchemy import Engine, select

from app.domain.events import FIRST_HASH, chain
from app.record.engine import transaction
from app.record.tables import execution_events

ROWS_AT_ONCE: Final = 1000


class Walk(msgspec.Struct):
    """What was walked, and by execution the first ``seq`` that does not follow the one before."""

    executions: int = 0
    events: int = 0
    broken: dict[str, int] = msgspec.field(default_factory=dict[str, int])


class Chains:
    """Looks whether each event follows the one before it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def walk(self) -> Walk:
        """Walk the logs of all executions."""
        columns = execution_events.c
        query = (
            select(columns.execution_id, columns.seq, columns.body, columns.hash)
            .order_by(columns.execution_id, columns.seq)
            .execution_options(yield_per=ROWS_AT_ONCE)
        )
        walk, known, last, head = Walk(), "", 0, FIRST_HASH
        with transaction(self._engine) as connection:
            for execution_id, seq, body, digest in connection.execute(query):
                if execution_id != known:
                    known, last, head = execution_id, 0, FIRST_HASH
                    walk.executions += 1
                walk.events += 1
                if seq != last + 1 or chain(head, body) != digest:
                    walk.broken.setdefault(execution_id, seq)
                last, head = seq, digest
        return walk
