"""The record of an execution against a fold over its own log."""

from collections.abc import Iterable, Sequence

from app.domain.execution import Execution, Header
from app.domain.execution_graph import ExecutionGraph
from app.domain.proof import Claims, KeptEvent, Stored, prove
from app.record.engine import connect
from app.record.executions import Executions
from app.record.proof import ProofRows


def assert_record_proves_itself(database_url: str, workspace_id: str, execution_id: str) -> Header:
    """Fold all recorded events; fail unless they are gapless, chained, and give the stored rows.

    Returns:
        The stored header.
    """
    engine = connect(database_url)
    try:
        rows = ProofRows(engine)
        recorded = rows.read(workspace_id, execution_id)
        assert recorded
        assert recorded.contradictions == []
        events = rows.events(execution_id, 0, recorded.last)
        return _assert_proven(Executions(engine), workspace_id, recorded.stored, events)
    finally:
        engine.dispose()


def assert_events_give_the_record(
    record: Executions,
    workspace_id: str,
    execution_id: str,
    bodies: Sequence[tuple[int, bytes, str]],
) -> Header:
    """Do so with events that are at hand: seq, body and hash of each, in order."""
    subtasks, tasks = record.states(execution_id)
    header = record.get(workspace_id, execution_id)
    stored = Stored(header=header, subtasks=subtasks, tasks=tasks)
    return _assert_proven(record, workspace_id, stored, [KeptEvent(*one) for one in bodies])


def _assert_proven(
    record: Executions, workspace_id: str, stored: Stored, events: Iterable[KeptEvent]
) -> Header:
    header = stored.header
    assert header
    packed = record.graph(workspace_id, header.graph_id)
    assert packed
    graph = ExecutionGraph.unpack(packed)
    unborn = Execution.unborn(graph, header.execution_id, workspace_id)
    claims = Claims(last=header.seq, record=stored, recorded=header.seq)
    proof, _ = prove(unborn, events, claims)
    assert proof.differences == []
    assert proof.events == header.seq
    assert (len(stored.subtasks), len(stored.tasks)) == (len(graph.subtasks), len(graph.tasks))
    return header
