"""Verifying executions: the log folded anew, held against all that is stored beside it."""

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from app.domain.errors import Archived, NotFound
from app.domain.events import parse_event
from app.domain.execution import Execution, Header
from app.domain.execution_graph import ExecutionGraph, graph_id
from app.domain.proof import NO_FOLD, Claims, Difference, Proof, Where, add, prove
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.live.locks import Locks
from app.live.log import Log
from app.live.proof import ProofReader, Reading, compare
from app.record.executions import Executions
from app.record.proof import ProofRows, Recorded
from app.record.verifications import Verification, Verifications
from app.services.clock import Clock
from app.services.kept_events import KeptEvents
from app.services.views import View

logger = logging.getLogger(__name__)

AT_ONCE: Final = 100
AT_A_TIME: Final = dt.timedelta(seconds=50)
"""How long a run of the night begins with another one; the next run goes on."""

NIGHT: Final = dt.timedelta(hours=6)
"""What was verified no longer ago is not verified again by the same night."""

LOCK: Final = "verify"
LOCK_LIFE: Final = dt.timedelta(minutes=10)
INSTALLATION: Final = "-"
"""Stands for a workspace in a lock that is for all of them."""

_EMPTY: Final = ExecutionGraph("", "", [], {}, {})


class Verified(msgspec.Struct, frozen=True):
    """One execution of many; one whose events are archived has no proof, but a reason."""

    workspace_id: str
    execution_id: str
    proof: Proof | None
    skipped: str = ""


class VerificationService:
    """Tells whether logs prove what is stored, and keeps what was found.

    The rows are read before the live state, and that before the events: so each is no older than
    the one before it, and work that goes on meanwhile is no difference.
    """

    def __init__(
        self,
        live: LiveExecutions,
        reader: ProofReader,
        executions: Executions,
        rows: ProofRows,
        log: Log,
        events: KeptEvents,
        verifications: Verifications,
        locks: Locks,
        clock: Clock,
    ) -> None:
        self._live = live
        self._reader = reader
        self._executions = executions
        self._rows = rows
        self._log = log
        self._events = events
        self._verifications = verifications
        self._locks = locks
        self._clock = clock

    def verify(self, workspace_id: str, execution_id: str) -> Proof:
        """Verify one execution and keep what was found.

        Raises:
            NotFound: This workspace has no such execution.
            Archived: Its events have been put away: nobody can say.
        """
        checked_at = self._clock()
        proof, seq = self._prove(workspace_id, execution_id)
        self._keep(workspace_id, execution_id, checked_at, seq, proof)
        if not proof.ok:
            logger.error(
                "The log does not prove execution %s: %s",
                execution_id,
                sentence(proof.differences[0]),
                extra={"execution_id": execution_id, "workspace_id": workspace_id},
            )
        return proof

    def verify_all(self, *, everything: bool) -> Iterator[Verified]:
        """Verify executions of all workspaces, longest not verified first.

        Those that have not gone on since they were verified are left out, unless ``everything``.
        """
        return self._verify(self._clock(), everything=everything)

    def verify_for_the_night(self) -> int:
        """Verify for a while what has gone on since the last night; give how many.

        Called again, it goes on; it is done when it gives 0. One of several at once does it.
        """
        if not self._locks.take(INSTALLATION, LOCK, LOCK_LIFE):
            return 0
        try:
            began = self._clock()
            verified = self._verify(began - NIGHT, everything=False)
            done = 0
            while self._clock() - began < AT_A_TIME and next(verified, None):
                done += 1
            return done
        finally:
            self._locks.release(INSTALLATION, LOCK)

    def workspace_of(self, execution_id: str) -> str:
        """Name the workspace of an execution, for operators, who know only its id.

        Raises:
            NotFound: There is no such execution.
        """
        found = self._rows.workspace_of(execution_id)
        if found is None:
            live = (one for one in self._log.workspaces() if self._reader.header(one, execution_id))
            found = next(live, None)
        if found is None:
            raise NotFound(f"There is no execution {execution_id!r}.")
        return found

    def last(self, workspace_id: str, execution_id: str) -> Verification | None:
        """Give the last verification of an execution; None where it never was verified."""
        return self._verifications.get(workspace_id, execution_id)

    def trouble(self, workspace_id: str, execution_id: str) -> str:
        """Say in a sentence what the last verification found wrong; empty where nothing."""
        last = self.last(workspace_id, execution_id)
        if last is None or last.ok is not False:
            return ""
        first = last.differences[0].seq if last.differences else last.seq
        return f"The log does not prove this execution: first difference at event {first}."

    def _verify(self, before: dt.datetime, *, everything: bool) -> Iterator[Verified]:
        for workspace_id, execution_id in self._due(before, everything=everything):
            try:
                proof = self.verify(workspace_id, execution_id)
                yield Verified(workspace_id, execution_id, proof)
            except NotFound:
                continue  # It was never born, and has been forgotten meanwhile.
            except Archived as error:
                self._skip(workspace_id, execution_id)
                yield Verified(workspace_id, execution_id, None, str(error))

    def _skip(self, workspace_id: str, execution_id: str) -> None:
        header = self._executions.get(workspace_id, execution_id)
        seq = header.seq if header else 0
        self._keep(workspace_id, execution_id, self._clock(), seq, None)

    def _keep(
        self,
        workspace_id: str,
        execution_id: str,
        checked_at: dt.datetime,
        seq: int,
        proof: Proof | None,
    ) -> None:
        self._verifications.save(
            Verification(
                execution_id=execution_id,
                workspace_id=workspace_id,
                checked_at=checked_at,
                seq=seq,
                head_hash=proof.head_hash if proof else "",
                ok=proof.ok if proof else None,
                differences=proof.differences if proof else [],
            )
        )

    def _due(self, before: dt.datetime, *, everything: bool) -> Iterator[tuple[str, str]]:
        for workspace_id in self._log.workspaces():
            for execution_id in self._reader.names(workspace_id):
                if self._executions.get(workspace_id, execution_id) is None:
                    yield workspace_id, execution_id
        changed = not everything
        while due := self._verifications.due(before, changed=changed, limit=AT_ONCE):
            yield from due

    def _prove(self, workspace_id: str, execution_id: str) -> tuple[Proof, int]:
        recorded = self._rows.read(workspace_id, execution_id)
        header = self._reader.header(workspace_id, execution_id)
        graph, faults = self._graph(workspace_id, execution_id, header, recorded)
        reading = self._reader.read(workspace_id, execution_id, graph)
        if reading is None:
            # It may have been put away between the two: then the record has more now.
            recorded = self._rows.read(workspace_id, execution_id)
        if reading is None and recorded is None:
            raise NotFound(f"There is no execution {execution_id!r}.")
        claims = _claims(reading, recorded)
        state = Execution.unborn(graph, execution_id, workspace_id)
        events = self._events.of(workspace_id, execution_id, claims.last)
        proof, folded = prove(state, events, claims)
        faults += _contradictions(graph, recorded)
        faults += _absences(reading, recorded, claims.last)
        live = reading.stored.header if reading else None
        if reading and live and folded and live.seq == state.header.seq:
            faults += compare(state, reading)
        return add(proof, faults), claims.last

    def _graph(
        self,
        workspace_id: str,
        execution_id: str,
        live: Header | None,
        recorded: Recorded | None,
    ) -> tuple[ExecutionGraph, list[Difference]]:
        """Give the graph, and what is wrong with it; an empty one where it is lost."""
        header = live or (recorded.stored.header if recorded else None)
        name = header.graph_id if header else self._first_graph(workspace_id, execution_id)
        packed = self._executions.graph(workspace_id, name)
        if packed is None:
            try:
                named = header or _named_only(workspace_id, execution_id, name)
                return self._live.graph_of(named), []
            except NotLive:
                return _EMPTY, [Difference(0, Where.RECORD, "graph", name, None)]
        if graph_id(packed) != name:
            return _EMPTY, [Difference(0, Where.RECORD, "graph", name, graph_id(packed))]
        return ExecutionGraph.unpack(packed), []

    def _first_graph(self, workspace_id: str, execution_id: str) -> str:
        """Read the graph's name out of the first event: no header can be read."""
        for kept in self._events.of(workspace_id, execution_id, 1):
            try:
                return str(parse_event(kept.body).data["header"]["graph_id"])
            except NO_FOLD:
                break
        return ""


def sentence(difference: Difference) -> str:
    """Tell a difference in a line."""
    found = "missing" if difference.found is None else f"found {_short(difference.found)}"
    return (
        f"event {difference.seq}, {difference.where}, {difference.what}: "
        f"expected {_short(difference.expected)}, {found}"
    )


def proof_view(execution_id: str, proof: Proof) -> View:
    """Give a proof as the contract shows it."""
    return {"execution_id": execution_id, **msgspec.structs.asdict(proof)}


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST: Final = 120


def _claims(reading: Reading | None, recorded: Recorded | None) -> Claims:
    ends = [0]
    if reading:
        live = reading.stored.header
        ends.append(live.seq if live else int(reading.version or 0))
    if recorded:
        row = recorded.stored.header
        ends += [recorded.last, row.seq if row else 0]
    return Claims(
        last=max(ends),
        live=reading.stored if reading else None,
        record=recorded.stored if recorded else None,
        recorded=recorded.whole_up_to if recorded else 0,
    )


def _contradictions(graph: ExecutionGraph, recorded: Recorded | None) -> list[Difference]:
    """Name the columns that differ from what stands beside them, or from the graph."""
    if recorded is None:
        return []
    found = list(recorded.contradictions)
    for subtask_id, task_id in recorded.parents.items():
        node, state = graph.subtasks.get(subtask_id), recorded.stored.subtasks.get(subtask_id)
        if node and state and node.task_id != task_id:
            what = f"subtask {subtask_id} column task_id"
            found.append(Difference(state.seq, Where.RECORD, what, node.task_id, task_id))
    return found


def _absences(reading: Reading | None, recorded: Recorded | None, last: int) -> list[Difference]:
    """Say where an execution ought to be and is not."""
    if recorded is None:
        return [Difference(1, Where.RECORD, "execution", "a row", None)]
    header = recorded.stored.header
    if reading is None and header and header.seq and not header.status.ended:
        return [Difference(last, Where.LIVE, "execution", header.status, None)]
    return []


def _named_only(workspace_id: str, execution_id: str, name: str) -> Header:
    return Header(execution_id=execution_id, workspace_id=workspace_id, graph_id=name)
