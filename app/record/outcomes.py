"""What became of breakdowns, from the record of ended executions."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, Row, exists, func, select

from app.domain.blockers import BlockerKind
from app.domain.events import Event, EventType, parse_event
from app.domain.states import ExecutionStatus, SubtaskStatus
from app.record.engine import transaction
from app.record.tables import execution_events, execution_subtasks, executions, plan_breakdowns

_ENDED: Final = [status.value for status in ExecutionStatus if status.ended]
_JUDGED: Final = {SubtaskStatus.COMPLETED, SubtaskStatus.FAILED, SubtaskStatus.SKIPPED}
_FAILURES: Final = (EventType.TASK_ERROR, EventType.LEASE_EXPIRED)
_PLANNED: Final = {BlockerKind.APPROVAL, BlockerKind.HUMAN_TASK, BlockerKind.EXTERNAL_WAIT}
"""Blockers that belong to what was planned; any other means that a person had to help."""


class TaskOutcome(msgspec.Struct, frozen=True):
    """One task of an ended execution: what its breakdown promised, and what came of it.

    ``smooth`` counts the subtasks that were completed at their first attempt without a person's
    help, besides what was planned for people.
    """

    execution_id: str
    task_id: str
    strategy: str
    confidence: float
    subtasks: int
    smooth: int


class Found(msgspec.Struct, frozen=True):
    """Outcomes, and how many executions were left out since their events are in an archive."""

    outcomes: list[TaskOutcome]
    archived: int


class Outcomes:
    """Reads what became of breakdowns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, most: int = 1000) -> Found:
        """Give the outcomes of the newest ended executions, of all workspaces.

        Tasks with a subtask that never got an outcome, as in a cancelled execution, are left out;
        so are those whose plan was deleted, and executions whose events are in an archive: without
        them nobody knows who helped.

        Args:
            most: How many executions are read at most.
        """
        events = execution_events.c
        here = exists().where(events.execution_id == executions.c.execution_id)
        ended = (
            select(executions, here.label("has_events"))
            .where(executions.c.status.in_(_ENDED))
            .order_by(executions.c.created_at.desc(), executions.c.execution_id)
            .limit(most)
        )
        with transaction(self._engine, snapshot=True) as connection:
            found = connection.execute(ended).all()
            told = [one for one in found if one.has_events]
            outcomes = [task for one in told for task in _of_execution(connection, one)]
        return Found(outcomes, len(found) - len(told))


def _of_execution(connection: Connection, execution: Row[Any]) -> Iterator[TaskOutcome]:
    columns = execution_subtasks.c
    query = select(columns.task_id, columns.subtask_id, columns.status).where(
        columns.execution_id == execution.execution_id
    )
    rough = _rough(connection, execution.execution_id)
    by_task: dict[str, list[bool | None]] = {}
    for task_id, subtask_id, status in connection.execute(query):
        smooth = status == SubtaskStatus.COMPLETED and subtask_id not in rough
        by_task.setdefault(task_id, []).append(smooth if status in _JUDGED else None)
    for task_id, (strategy, confidence) in _promised(connection, execution).items():
        found = by_task.get(task_id, [None])
        if None not in found:
            smooth = sum(map(bool, found))
            yield TaskOutcome(
                execution.execution_id, task_id, strategy, confidence, len(found), smooth
            )


def _promised(connection: Connection, execution: Row[Any]) -> dict[str, tuple[str, float]]:
    """Give strategy and confidence by task, as of the version the execution was made of."""
    columns = plan_breakdowns.c
    rank = func.row_number().over(partition_by=columns.task_id, order_by=columns.version.desc())
    ranked = (
        select(columns.task_id, columns.strategy, columns.confidence, rank.label("rank"))
        .where(
            columns.workspace_id == execution.workspace_id,
            columns.plan_id == execution.plan_id,
            columns.version <= execution.plan_version,
        )
        .subquery()
    )
    query = select(ranked).where(ranked.c.rank == 1)
    return {row.task_id: (row.strategy, row.confidence) for row in connection.execute(query)}


def _rough(connection: Connection, execution_id: str) -> set[str]:
    """Name the subtasks that failed at an attempt or that a person had to help with.

    The bodies are read here and not by PostgreSQL, which refuses a NUL that an agent sent.
    """
    columns = execution_events.c
    telling = [EventType.BLOCKER_OPENED, EventType.TASK_COMPLETE, *_FAILURES]
    query = (
        select(columns.body)
        .where(columns.execution_id == execution_id, columns.event_type.in_(telling))
        .order_by(columns.seq)
    )
    persons: set[str] = set()
    rough: set[str] = set()
    for (body,) in connection.execute(query):
        event = parse_event(body)
        if _kind(event) is BlockerKind.HUMAN_TASK:
            persons.add(event.task_id or "")
        elif _is_rough(event, persons):
            rough.add(event.task_id or "")
    return rough


def _is_rough(event: Event, persons: set[str]) -> bool:
    """Tell whether an event is a failure, an unplanned blocker, or a person's work for an agent."""
    if event.event_type in _FAILURES:
        return True
    if kind := _kind(event):
        return kind not in _PLANNED
    return event.actor.startswith("user:") and event.task_id not in persons


def _kind(event: Event) -> BlockerKind | None:
    """Give the kind of the blocker that an event opened; None for any other event."""
    if event.event_type is not EventType.BLOCKER_OPENED:
        return None
    return BlockerKind(event.data["blocker"]["kind"])
