"""All that is known of executions in which something differs, gathered many at a time."""

import contextlib
import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from app.domain.errors import NotFound
from app.domain.events import parse_event
from app.domain.execution import Execution, Header
from app.domain.execution_graph import ExecutionGraph
from app.domain.merging import Kept, Merged, merge
from app.live.errors import LiveUnavailable, NotLive
from app.live.executions import LiveExecutions
from app.live.inventory import Copy, Found, Inventory
from app.live.outcomes import Receipt
from app.live.receipts import fold_with_receipts
from app.record.batches import Batch, LoggedEvent, SubtaskRow, TaskRow
from app.record.errors import RecordUnavailable
from app.record.mending import Mending, RecordedEnd, Whole
from app.services.clock import Clock

logger = logging.getLogger(__name__)

EXECUTIONS_AT_ONCE: Final = 500
EVENTS_AT_ONCE: Final = 50_000
"""How much of the record is held in memory at the same time, but for one execution at least."""

PERSON: Final = "needs a person"


class Finding(msgspec.Struct, frozen=True, rename={"was": "from", "now": "to"}):
    """One difference: ``what``, how it ``was``, how it is ``now`` or would be, and the action."""

    workspace_id: str
    execution_id: str
    what: str
    was: str
    now: str
    action: str


class Case(msgspec.Struct):
    """All that is known of one execution.

    ``recorded`` are the numbers of its events in the record; ``waiting`` is the lowest that waits
    in the log. ``state`` and ``receipts`` are the fold of its log, where Redis is to get it.
    ``is_set`` tells that the record has been set to it; ``trouble`` is why nothing can be done.
    """

    workspace_id: str
    copy: Copy
    end: RecordedEnd
    merged: Merged
    recorded: frozenset[int]
    waiting: int | None
    leftovers: bool
    at: dt.datetime
    state: Execution | None = None
    receipts: Mapping[str, Receipt] = {}
    is_set: bool = False
    trouble: Finding | None = None

    @property
    def execution_id(self) -> str:
        """Name the execution."""
        return self.copy.execution_id

    @property
    def news(self) -> list[Kept]:
        """Events that the record lacks."""
        both = (*self.merged.events, *self.merged.beyond)
        return [one for one in both if one.seq not in self.recorded]

    @property
    def fork(self) -> int | None:
        """The first event of which there are two histories, Redis' state among them."""
        header = self.copy.header
        if header and self.merged.hash_at(header.seq) not in (None, header.head_hash):
            return self.merged.fork or header.seq
        return self.merged.fork

    @property
    def is_behind(self) -> bool:
        """Tell whether Redis lacks something, and the log holds as much as Redis had."""
        header, events = self.copy.header, self.merged.events
        if self.fork is not None or not events:
            return False
        if header is None:
            return not self.merged.gaps
        return len(events) >= header.seq and (
            self.copy.execution is None or header.seq < len(events)
        )

    @property
    def has_wrong_rows(self) -> bool:
        """Tell whether the record is not what the log folds to: ahead, behind or missing."""
        if self.state is None:
            return False
        header = self.state.header
        return bool(self.news) or (self.end.seq, self.end.head_hash) != (
            header.seq,
            header.head_hash,
        )

    @property
    def lacks(self) -> bool:
        """Tell whether the log will not bring all that the record lacks, or rows lag behind."""
        behind, waiting = self.end.seq < self.end.last, self.waiting
        return behind or any(waiting is None or one.seq < waiting for one in self.news)

    def missing_events(self) -> list[LoggedEvent]:
        """Give the events that the record lacks as it takes them."""
        place = self.workspace_id, self.execution_id
        return [LoggedEvent(*place, one.body, one.hash) for one in self.news]

    def whole(self, state: Execution) -> Whole:
        """Give what the record shall hold of the execution in this state."""
        events = self.merged.events
        owner = parse_event(events[0].body).actor if events else state.header.owner
        return Whole(state.header, owner, state.graph.pack(), _rows(state))

    def finding(self, what: str, was: str, now: str, action: str) -> Finding:
        """Tell of a difference."""
        return Finding(self.workspace_id, self.execution_id, what, was, now, action)

    @contextlib.contextmanager
    def guarded(self) -> Generator[None]:
        """Take down what goes wrong, so that one broken execution does not keep others down."""
        try:
            yield
        except (LiveUnavailable, RecordUnavailable):
            raise
        except NotFound as error:
            self.trouble = self.finding("unrecordable", str(error), "", PERSON)
        except Exception as error:
            logger.exception("recovery failed", extra={"execution_id": self.execution_id})
            told = f"{type(error).__name__}: {error}"
            self.trouble = self.finding("broken", told, "", PERSON)


class Cases:
    """Gathers what Redis, its log and the record hold of executions."""

    def __init__(
        self, live: LiveExecutions, inventory: Inventory, mending: Mending, clock: Clock
    ) -> None:
        self._live = live
        self._inventory = inventory
        self._mending = mending
        self._clock = clock

    def of(self, workspace_id: str, execution_ids: Sequence[str]) -> Iterator[list[Case]]:
        """Give the cases of some executions, as many at a time as memory may hold."""
        for some in self._parts(execution_ids):
            cases = list(self._gather(workspace_id, some))
            graphs: dict[str, ExecutionGraph] = {}
            for case in cases:
                if case.is_behind:
                    with case.guarded():
                        self._fold(case, graphs)
            yield cases

    def _parts(self, execution_ids: Sequence[str]) -> Iterator[list[str]]:
        """Cut a list, so that a few large executions or many small ones come together."""
        ends = self._mending.ends(execution_ids)
        part: list[str] = []
        held = 0
        for one in execution_ids:
            events = ends[one].events if one in ends else 0
            if part and (len(part) == EXECUTIONS_AT_ONCE or held + events > EVENTS_AT_ONCE):
                yield part
                part, held = [], 0
            part.append(one)
            held += events
        if part:
            yield part

    def _gather(self, workspace_id: str, execution_ids: Sequence[str]) -> Iterator[Case]:
        """Gather all that is known. An event leaves Redis only once it is recorded: Redis first."""
        logged = self._inventory.logged(workspace_id, execution_ids)
        waiting = self._inventory.unrecorded(workspace_id)
        ends = self._mending.ends(execution_ids)
        recorded: dict[str, list[Kept]] = defaultdict(list)
        for execution_id, event in self._mending.events(execution_ids):
            recorded[execution_id].append(event)
        found = self._inventory.find().get(workspace_id) or Found()
        now = self._clock()
        for copy in self._inventory.copies(workspace_id, found, execution_ids, now):
            one = copy.execution_id
            yield Case(
                workspace_id,
                copy,
                ends.get(one) or RecordedEnd(one, workspace_id, 0, "", "", ""),
                merge(recorded[one], logged[one]),
                frozenset(event.seq for event in recorded[one]),
                waiting.get(one),
                leftovers=one in found.executions or bool(copy.differences),
                at=now,
            )

    def _fold(self, case: Case, graphs: dict[str, ExecutionGraph]) -> None:
        """Fold the log.

        Raises:
            NotFound: Its graph is nowhere.
        """
        events = [parse_event(one.body) for one in case.merged.events]
        graph_id = events[0].data["header"]["graph_id"]
        if graph_id not in graphs:
            graphs[graph_id] = self._graph(case, graph_id)
        unborn = Execution.unborn(graphs[graph_id], case.execution_id, case.workspace_id)
        state, receipts = fold_with_receipts(unborn, events)
        state.set_header(head_hash=case.merged.events[-1].hash)
        case.state, case.receipts = state, receipts

    def _graph(self, case: Case, graph_id: str) -> ExecutionGraph:
        packed = self._mending.graph(case.workspace_id, graph_id)
        if packed is not None:
            return ExecutionGraph.unpack(packed)
        named = Header(
            execution_id=case.execution_id, workspace_id=case.workspace_id, graph_id=graph_id
        )
        try:
            return self._live.graph_of(named)
        except NotLive as error:
            raise NotFound(f"Its graph {graph_id} is nowhere.") from error


def _rows(state: Execution) -> Batch:
    place = state.header.workspace_id, state.header.execution_id
    return Batch(
        headers=[state.header],
        subtasks=[
            SubtaskRow(*place, state.graph.subtasks[one].task_id, one, subtask)
            for one, subtask in state.subtasks.items()
        ],
        tasks=[TaskRow(*place, one, task) for one, task in state.tasks.items()],
    )
