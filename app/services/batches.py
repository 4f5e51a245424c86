"""Making batches of log entries: how many at once, and the rows they touch."""

from collections.abc import Sequence
from typing import Final

import msgspec

from app.domain.execution import Header
from app.domain.execution_graph import ExecutionGraph
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.live.log import LogEntry
from app.record.batches import Batch, LoggedEvent, SubtaskRow, TaskRow

FEWEST: Final = 100
MOST: Final = 5000
FAST_SECONDS: Final = 0.2
SLOW_SECONDS: Final = 0.5
MOST_BYTES: Final = 16 * 1024 * 1024


class BatchSize:
    """How many entries to take at once: more while batches go fast, fewer when they are slow.

    Between 100 and 5,000 entries; and whatever their number, no more after 16 MiB of events.
    """

    most_bytes: Final = MOST_BYTES

    def __init__(self) -> None:
        self.most = 500

    def took(self, entries: int, seconds: float) -> None:
        """Learn from the last batch."""
        if seconds > SLOW_SECONDS:
            self.most = max(self.most // 2, FEWEST)
        elif seconds < FAST_SECONDS and entries >= self.most:
            self.most = min(self.most * 2, MOST)


class _Numbered(msgspec.Struct):
    seq: int


_NUMBERED: Final = msgspec.json.Decoder(_Numbered)


def seqs_of(entries: Sequence[LogEntry]) -> dict[str, int]:
    """Give the highest ``seq`` of each execution; entries are in commit order."""
    last = {entry.execution_id: entry.body for entry in entries}
    return {execution_id: _NUMBERED.decode(body).seq for execution_id, body in last.items()}


def batch_of(live: LiveExecutions, workspace_id: str, entries: Sequence[LogEntry]) -> Batch:
    """Gather what entries are to write: the events, and what they touched as it stands now."""
    touched: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for entry in entries:
        subtasks, tasks = touched.setdefault(entry.execution_id, ({}, {}))
        if entry.changes:
            subtasks.update(dict.fromkeys(entry.changes.subtasks))
            tasks.update(dict.fromkeys(entry.changes.tasks))
    wanted = {one: (list(s), list(t)) for one, (s, t) in touched.items()}
    found = live.states(workspace_id, wanted)
    graphs = {one: _graph(live, header) for one, (header, _, _) in found.items()}
    return Batch(
        events=[
            LoggedEvent(workspace_id, entry.execution_id, entry.body, entry.hash)
            for entry in entries
        ],
        headers=[header for header, _, _ in found.values()],
        subtasks=[
            SubtaskRow(workspace_id, one, graph.subtasks[subtask_id].task_id, subtask_id, state)
            for one, (_, subtasks, _) in found.items()
            if (graph := graphs[one])
            for subtask_id, state in subtasks.items()
        ],
        tasks=[
            TaskRow(workspace_id, one, task_id, state)
            for one, (_, _, tasks) in found.items()
            for task_id, state in tasks.items()
        ],
    )


def _graph(live: LiveExecutions, header: Header) -> ExecutionGraph | None:
    """Give the graph; None where the execution has just been retired, with all its rows."""
    try:
        return live.graph_of(header)
    except NotLive:
        return None
