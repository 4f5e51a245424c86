"""The log of executions, as far as it has been persisted."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import Engine, func, select

from app.record.engine import transaction
from app.record.tables import execution_events

_STREAM_ROWS: Final = 1000
_SELECTED: Final = (execution_events.c.seq, execution_events.c.body, execution_events.c.hash)


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it is kept: ``body`` is the very text that ``hash`` is over."""

    seq: int
    body: bytes
    hash: str


class History:
    """What has happened in executions. Whose they are the caller has made sure of."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(
        self,
        execution_id: str,
        *,
        after: int | None = None,
        before: int | None = None,
        kinds: Collection[str] | None = None,
        task_ids: Sequence[str] | None = None,
        agent_id: str | None = None,
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[StoredEvent]:
        """List events in ``seq`` order or against it.

        Args:
            execution_id: Whose events.
            after: Only those with a higher ``seq``.
            before: Only those with a lower ``seq``.
            kinds: Only those of one of these kinds.
            task_ids: Only those about one of these tasks or subtasks.
            agent_id: Only those of this agent.
            newest_first: Against the order; the limit then keeps the newest.
            limit: How many at most.
        """
        columns = execution_events.c
        query = select(*_SELECTED).where(columns.execution_id == execution_id)
        if after is not None:
            query = query.where(columns.seq > after)
        if before is not None:
            query = query.where(columns.seq < before)
        if kinds is not None:
            query = query.where(columns.event_type.in_(kinds))
        if task_ids is not None:
            query = query.where(columns.task_id.in_(task_ids))
        if agent_id is not None:
            query = query.where(columns.agent_id == agent_id)
        order = columns.seq.desc() if newest_first else columns.seq.asc()
        with transaction(self._engine) as connection:
            return [
                StoredEvent(*row) for row in connection.execute(query.order_by(order).limit(limit))
            ]

    def stream(self, execution_id: str, after: int = 0) -> Iterator[StoredEvent]:
        """Give all events in ``seq`` order, however many; holds no connection in between."""
        while events := self.page(execution_id, after=after, limit=_STREAM_ROWS):
            yield from events
            after = events[-1].seq

    def last_seq(self, execution_id: str) -> int:
        """Give the highest ``seq`` of an execution, 0 where it has no events."""
        query = select(func.max(execution_events.c.seq)).where(
            execution_events.c.execution_id == execution_id
        )
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one() or 0

    def holds_all(self, execution_id: str, seq: int) -> bool:
        """Tell whether every event of an execution from 1 to ``seq`` is there, and none beyond."""
        columns = execution_events.c
        query = select(func.count(), func.max(columns.seq)).where(
            columns.execution_id == execution_id
        )
        with transaction(self._engine) as connection:
            return tuple(connection.execute(query).one()) == (seq, seq)
