"""Reconciling live executions with their record, in both directions (``docs/recovery.md``)."""

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from app.domain.errors import NotFound
from app.domain.events import parse_event
from app.domain.execution import Execution, Header
from app.domain.execution_graph import ExecutionGraph
from app.domain.merging import Kept, Merged, merge
from app.domain.states import ExecutionStatus
from app.live.errors import LiveUnavailable, NotLive
from app.live.executions import LiveExecutions
from app.live.inventory import Copy, Found, Inventory, in_parts
from app.live.outcomes import Receipt
from app.live.receipts import fold_with_receipts
from app.record.batches import Batch, BatchWriter, LoggedEvent, SubtaskRow, TaskRow
from app.record.errors import RecordUnavailable
from app.record.mending import Mending, RecordedEnd
from app.services.clock import Clock
from app.services.comparison import Look, is_linked, needs_mending

logger = logging.getLogger(__name__)

AT_ONCE: Final = 100
"""Executions whose logs are held in memory at the same time."""

PERSON: Final = "needs a person"
_UNFINISHED: Final = frozenset(status for status in ExecutionStatus if not status.ended)


class Finding(msgspec.Struct, frozen=True, rename={"was": "from", "now": "to"}):
    """One difference: ``what``, how it ``was``, how it is ``now`` or would be, and the action."""

    workspace_id: str
    execution_id: str
    what: str
    was: str
    now: str
    action: str


class _Case(msgspec.Struct, frozen=True):
    """All that is known of one execution in which something differs."""

    workspace_id: str
    copy: Copy
    end: RecordedEnd
    merged: Merged
    recorded: frozenset[int]
    waiting: int | None
    leftovers: bool
    at: dt.datetime

    @property
    def execution_id(self) -> str:
        return self.copy.execution_id

    @property
    def news(self) -> list[Kept]:
        """Events that the record lacks."""
        both = (*self.merged.events, *self.merged.beyond)
        return [one for one in both if one.seq not in self.recorded]

    def finding(self, what: str, was: str, now: str, action: str) -> Finding:
        """Tell of a difference."""
        return Finding(self.workspace_id, self.execution_id, what, was, now, action)


class RecoveryService:
    """Compares Redis with PostgreSQL and mends the one that is behind from the other.

    Works while everything runs: what moves on meanwhile is left alone. Doing it again, or twice
    at once, changes nothing.
    """

    def __init__(
        self,
        live: LiveExecutions,
        inventory: Inventory,
        mending: Mending,
        writer: BatchWriter,
        clock: Clock,
    ) -> None:
        self._live = live
        self._inventory = inventory
        self._mending = mending
        self._writer = writer
        self._clock = clock

    def recover(self, *, dry_run: bool = False) -> list[Finding]:
        """Compare every execution that is not over; give what differed and what became of it.

        Args:
            dry_run: Only tell; nothing is changed in either store.
        """
        suspects = _by_workspace(self._mending.suspects())
        found = self._inventory.find()
        findings: list[Finding] = []
        for workspace_id in sorted({*found, *suspects}):
            here = found.get(workspace_id) or Found()
            troubled = self._troubled(workspace_id, here, suspects.get(workspace_id, []))
            findings += self._mend_all(workspace_id, sorted(troubled), dry_run=dry_run)
        return findings

    def revive(self) -> list[Finding]:
        """Bring back unfinished executions that Redis does not hold; cheap where there are none."""
        findings: list[Finding] = []
        for workspace_id, execution_ids in _by_workspace(self._mending.unfinished()).items():
            live = self._inventory.headers(workspace_id, execution_ids)
            missing = [one for one in execution_ids if one not in live]
            findings += self._mend_all(workspace_id, missing, dry_run=False)
        return findings

    def _troubled(self, workspace_id: str, found: Found, suspects: Iterable[str]) -> set[str]:
        """Name the executions that differ, so that only those are looked at event by event.

        The order of the reads matters: Redis, then what waits in its log, then the record. So an
        event which Redis had, and neither of the others has, is missing and not merely late.
        """
        looks = self._looks(workspace_id, found, suspects)
        waiting = self._inventory.unrecorded(workspace_id)
        ends = self._mending.ends(sorted(looks))
        troubled = {
            one
            for one, look in looks.items()
            if needs_mending(look, ends.get(one), waiting.get(one))
        }
        troubled |= self._unlinked(workspace_id, looks, ends)
        return troubled | self._disordered(workspace_id, looks)

    def _looks(self, workspace_id: str, found: Found, suspects: Iterable[str]) -> dict[str, Look]:
        named = {*found.executions, *suspects, *self._inventory.listed(workspace_id, found)}
        copies = self._inventory.copies(workspace_id, found, named, self._clock())
        return {one.execution_id: Look.of(one) for one in copies}

    def _unlinked(
        self, workspace_id: str, looks: Mapping[str, Look], ends: Mapping[str, RecordedEnd]
    ) -> set[str]:
        """Name those whose log in Redis does not go on from where the record ends."""
        ahead = {
            one: end
            for one, end in ends.items()
            if end.last and (looks[one].version or 0) > end.last
        }
        links = self._inventory.links(workspace_id, {one: end.last for one, end in ahead.items()})
        return {one for one, end in ahead.items() if not is_linked(end, links[one])}

    def _disordered(self, workspace_id: str, looks: Mapping[str, Look]) -> set[str]:
        """Name those whose places, timers or lists differ, at the same version, a second time."""
        seen = {one: look.version for one, look in looks.items() if look.differs}
        if not seen:
            return set()
        found = self._inventory.find().get(workspace_id) or Found()
        copies = self._inventory.copies(workspace_id, found, seen, self._clock())
        return {
            one.execution_id
            for one in copies
            if one.differences and one.version == seen[one.execution_id]
        }

    def _mend_all(
        self, workspace_id: str, execution_ids: Sequence[str], *, dry_run: bool
    ) -> list[Finding]:
        findings: list[Finding] = []
        for some in in_parts(execution_ids, AT_ONCE):
            for case in self._cases(workspace_id, some):
                findings += self._mend_one(case, dry_run=dry_run)
        return findings

    def _cases(self, workspace_id: str, execution_ids: Sequence[str]) -> Iterator[_Case]:
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
            yield _Case(
                workspace_id,
                copy,
                ends.get(one) or RecordedEnd(one, workspace_id, 0, "", "", ""),
                merge(recorded[one], logged[one]),
                frozenset(event.seq for event in recorded[one]),
                waiting.get(one),
                leftovers=one in found.executions or bool(copy.differences),
                at=now,
            )

    def _mend_one(self, case: _Case, *, dry_run: bool) -> list[Finding]:
        try:
            findings = list(self._mend(case, dry_run=dry_run))
        except (LiveUnavailable, RecordUnavailable):
            raise
        except NotFound as error:
            findings = [case.finding("unrecordable", str(error), "", PERSON)]
        except Exception as error:  # An edge: one broken execution must not keep all others down.
            logger.exception("recovery failed", extra={"execution_id": case.execution_id})
            findings = [case.finding("broken", f"{type(error).__name__}: {error}", "", PERSON)]
        for one in findings:
            level = logging.ERROR if one.action == PERSON else logging.WARNING
            told = msgspec.structs.asdict(one)
            logger.log(level, "recovery: %s", one.what, extra=told)
        return findings

    def _mend(self, case: _Case, *, dry_run: bool) -> Iterator[Finding]:
        header, merged = case.copy.header, case.merged
        fork = merged.fork
        if header and merged.hash_at(header.seq) not in (None, header.head_hash):
            fork = fork or header.seq
        if fork is not None:
            yield case.finding("fork", f"two histories from event {fork} on", "", PERSON)
            return
        for first, last in merged.gaps:
            yield case.finding("gap", f"events {first} to {last} are nowhere", "", PERSON)
        if header is None:
            yield from self._mend_missing(case, dry_run=dry_run)
        elif case.copy.execution is None or header.seq < len(merged.events):
            yield from self._mend_behind(case, header, dry_run=dry_run)
        else:
            yield from self._mend_record(case, case.copy.execution, dry_run=dry_run)
            yield from self._mend_order(case, case.copy.execution, dry_run=dry_run)

    def _mend_missing(self, case: _Case, *, dry_run: bool) -> Iterator[Finding]:
        """Bring an unfinished execution back; clear up after one that has ended or never was."""
        if case.merged.gaps:
            return
        if not case.merged.events:
            yield from self._mend_unknown(case, dry_run=dry_run)
            return
        state, receipts = self._fold(case)
        # Before agents find it: from then on the rows move.
        yield from self._set_rows(case, state, dry_run=dry_run)
        if state.header.status.ended:
            if case.leftovers:
                yield from self._forget(case, dry_run=dry_run)
        elif dry_run or self._live.rebuild(
            state, None, case.at, receipts=receipts, strays=case.copy.strays
        ):
            told = f"{state.header.status} at {state.header.seq}"
            yield case.finding("missing", "not in Redis", told, _did("rebuilt", dry_run=dry_run))

    def _mend_unknown(self, case: _Case, *, dry_run: bool) -> Iterator[Finding]:
        """Clear up after an execution without any event, which is over or never was."""
        if case.end.seq and case.end.status in _UNFINISHED:
            yield case.finding("lost", "its events are nowhere", "", PERSON)
        elif case.leftovers:
            yield from self._forget(case, dry_run=dry_run)

    def _mend_behind(self, case: _Case, header: Header, *, dry_run: bool) -> Iterator[Finding]:
        """Bring Redis up to the log, where it is behind or does not hold all of a state."""
        if len(case.merged.events) < header.seq:
            yield case.finding("incomplete", f"states missing at {header.seq}", "", PERSON)
            return
        state, receipts = self._fold(case)
        yield from self._set_rows(case, state, dry_run=dry_run)
        if dry_run or self._live.rebuild(
            state, header.seq, case.at, receipts=receipts, strays=case.copy.strays
        ):
            what = "behind" if header.seq < state.header.seq else "incomplete"
            action = _did("rebuilt", dry_run=dry_run)
            yield case.finding(what, f"Redis at {header.seq}", f"at {state.header.seq}", action)

    def _mend_record(
        self, case: _Case, execution: Execution, *, dry_run: bool
    ) -> Iterator[Finding]:
        """Write into the record what only Redis has, where the log will not bring it by itself."""
        end, header = case.end, execution.header
        if not case.news and end.seq >= end.last and end.status:
            return
        if end.status and not _lacks(case):
            return
        if not dry_run:
            packed = execution.graph.pack()
            owner = _creator(case.merged, header)
            self._writer.write(_events(case))
            self._mending.complete(header, owner, packed, _rows(execution))
        was = f"record at {end.last}" if end.status else "not in the record"
        action = _did("caught up", dry_run=dry_run)
        yield case.finding("ahead", was, f"at {header.seq}", action)

    def _mend_order(self, case: _Case, execution: Execution, *, dry_run: bool) -> Iterator[Finding]:
        """Set places, timers and lists anew from the live state."""
        differences = case.copy.differences
        if not differences:
            return
        version = execution.header.seq
        if dry_run or self._live.rebuild(execution, version, case.at, strays=case.copy.strays):
            kinds = ", ".join(sorted({kind for kind, *_ in differences}))
            told = f"{len(differences)} differ: {kinds}"
            action = _did("rebuilt", dry_run=dry_run)
            yield case.finding("disorder", told, f"as at {version}", action)

    def _set_rows(self, case: _Case, state: Execution, *, dry_run: bool) -> Iterator[Finding]:
        """Set the record to the fold of the log: its rows may be ahead, behind or missing."""
        rows, end = _rows(state), case.end
        if not case.news and (end.seq, end.head_hash) == (state.header.seq, state.header.head_hash):
            return
        if not dry_run:
            self._writer.write(_events(case))
            if end.status and not self._mending.reset(end, rows):
                return
            owner = _creator(case.merged, state.header)
            self._mending.complete(state.header, owner, state.graph.pack(), rows)
        was = f"{end.status} at {end.seq}" if end.status else "not in the record"
        told = f"{state.header.status} at {state.header.seq}"
        yield case.finding("rows", was, told, _did("mended", dry_run=dry_run))

    def _forget(self, case: _Case, *, dry_run: bool) -> Iterator[Finding]:
        workspace_id, strays = case.workspace_id, case.copy.strays
        if dry_run or self._live.forget(workspace_id, case.execution_id, strays):
            action = _did("removed", dry_run=dry_run)
            yield case.finding("orphan", "keys of no live execution", "none", action)

    def _fold(self, case: _Case) -> tuple[Execution, dict[str, Receipt]]:
        """Fold the log.

        Raises:
            NotFound: Its graph is nowhere.
        """
        events = [parse_event(one.body) for one in case.merged.events]
        graph = self._graph(case, events[0].data["header"]["graph_id"])
        unborn = Execution.unborn(graph, case.execution_id, case.workspace_id)
        state, receipts = fold_with_receipts(unborn, events)
        state.set_header(head_hash=case.merged.events[-1].hash)
        return state, receipts

    def _graph(self, case: _Case, graph_id: str) -> ExecutionGraph:
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


def _by_workspace(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for workspace_id, execution_id in pairs:
        found[workspace_id].append(execution_id)
    return found


def _did(action: str, *, dry_run: bool) -> str:
    return f"would be {action}" if dry_run else action


def _lacks(case: _Case) -> bool:
    """Tell whether the record lacks an event that does not wait in the log, or rows lag behind."""
    behind, waiting = case.end.seq < case.end.last, case.waiting
    return behind or any(waiting is None or one.seq < waiting for one in case.news)


def _creator(merged: Merged, header: Header) -> str:
    events = merged.events
    return parse_event(events[0].body).actor if events else header.owner


def _events(case: _Case) -> Batch:
    place = case.workspace_id, case.execution_id
    return Batch(events=[LoggedEvent(*place, one.body, one.hash) for one in case.news])


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
