"""The record of an execution against a fold over its own log."""

from collections.abc import Sequence
from typing import Any

import psycopg

from app.domain.events import FIRST_HASH, chain, parse_event
from app.domain.evolve import fold
from app.domain.execution import Execution, Header
from app.domain.execution_graph import ExecutionGraph
from app.record.engine import connect
from app.record.executions import Executions


def assert_record_proves_itself(database_url: str, workspace_id: str, execution_id: str) -> Header:
    """Fold all recorded events; fail unless they are gapless, chained, and give the stored rows.

    Returns:
        The stored header.
    """
    engine = connect(database_url)
    try:
        bodies = _bodies(database_url, execution_id)
        return assert_events_give_the_record(Executions(engine), workspace_id, execution_id, bodies)
    finally:
        engine.dispose()


def assert_events_give_the_record(
    record: Executions,
    workspace_id: str,
    execution_id: str,
    bodies: Sequence[tuple[int, bytes, str]],
) -> Header:
    """Do so with events that are at hand: seq, body and hash of each, in order."""
    header = record.get(workspace_id, execution_id)
    assert header
    packed = record.graph(workspace_id, header.graph_id)
    assert packed
    subtasks, tasks = record.states(execution_id)
    events = [parse_event(body) for _, body, _ in bodies]
    assert [seq for seq, _, _ in bodies] == list(range(1, header.seq + 1))
    assert [event.seq for event in events] == list(range(1, header.seq + 1))
    unborn = Execution.unborn(ExecutionGraph.unpack(packed), execution_id, workspace_id)
    folded = fold(unborn, events)
    folded.set_header(head_hash=_head_hash(bodies))
    assert folded.header == header
    assert folded.subtasks == subtasks
    assert folded.tasks == tasks
    return header


def _bodies(database_url: str, execution_id: str) -> list[tuple[int, bytes, str]]:
    with psycopg.connect(database_url) as connection:
        rows: list[Any] = connection.execute(
            "SELECT seq, body::text, hash FROM execution_events "
            "WHERE execution_id = %s ORDER BY seq",
            [execution_id],
        ).fetchall()
    return [(seq, body.encode(), digest) for seq, body, digest in rows]


def _head_hash(bodies: Sequence[tuple[int, bytes, str]]) -> str:
    head = FIRST_HASH
    for _, body, digest in bodies:
        head = chain(head, body)
        assert head == digest
    return head
