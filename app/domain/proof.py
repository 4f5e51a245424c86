"""Whether a log proves what is stored: its chain, its rows, and the fold over it.

Pure. What is stored is compared as of its own ``seq`` while the log is folded, so a row that lags
behind is judged by what it says, not by what has happened since.
"""

import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from app.domain.events import FIRST_HASH, Event, chain, parse_event
from app.domain.evolve import evolve
from app.domain.execution import Execution, Header, SubtaskState, TaskState

MOST_TOLD: Final = 100
"""Ceiling of the differences of each kind that are told; all of them are counted."""

LONGEST_VALUE: Final = 1000
"""Bytes of JSON; a longer value is told by its beginning."""

State: TypeAlias = Header | SubtaskState | TaskState

NO_FOLD: Final = (LookupError, ValueError, TypeError, AttributeError, msgspec.MsgspecError)
"""What ``parse_event`` and ``evolve`` raise for an event that nobody here has written."""


class Where(enum.StrEnum):
    """What a difference is found in."""

    CHAIN = "chain"
    """A hash does not follow from the one before and the event."""
    LOG = "log"
    """An event is missing, doubled, unreadable, or is not what its row says."""
    LIVE = "live"
    """Redis holds something else than the log gives."""
    RECORD = "record"
    """PostgreSQL holds something else than the log gives."""


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as the log says. ``seq`` is the last event that changed it."""

    seq: int
    where: Where
    what: str
    expected: Any
    found: Any


class Proof(msgspec.Struct, frozen=True):
    """What came of a check. ``differences`` stand in the order of their events.

    ``differences_total`` also counts those beyond ``MOST_TOLD``.
    """

    ok: bool
    events: int
    head_hash: str
    differences: list[Difference]
    differences_total: int


class EventColumns(msgspec.Struct, frozen=True):
    """What a row says of its event beside the body."""

    workspace_id: str
    event_id: str
    event_type: str
    task_id: str | None
    agent_id: str | None
    recorded_at: dt.datetime


class KeptEvent(msgspec.Struct, frozen=True):
    """An event as it is kept.

    ``columns`` are those of its row, where it comes from the record; ``copy`` is body and hash of
    the same event in Redis, where both have it.
    """

    seq: int
    body: bytes
    hash: str
    columns: EventColumns | None = None
    copy: tuple[bytes, str] | None = None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An execution as Redis or PostgreSQL holds it, each part as of its own ``seq``.

    ``unreadable`` holds by name (``header``, ``subtask s1``, ``task t1``) what cannot be decoded.
    """

    header: Header | None
    subtasks: Mapping[str, SubtaskState]
    tasks: Mapping[str, TaskState]
    unreadable: Mapping[str, str] = {}

    def parts(self) -> dict[str, State]:
        """Give all that can be read, by name."""
        named: dict[str, State] = {"header": self.header} if self.header else {}
        named |= {f"subtask {one}": state for one, state in self.subtasks.items()}
        named |= {f"task {one}": state for one, state in self.tasks.items()}
        return named


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored beside the log and has to follow from it.

    ``last`` is the ``seq`` up to which there must be events. ``recorded`` is that up to which the
    rows of ``record`` must have come; 0 means that nobody can say.
    """

    last: int
    live: Stored | None = None
    record: Stored | None = None
    recorded: int = 0


def prove(unborn: Execution, events: Iterable[KeptEvent], claims: Claims) -> tuple[Proof, bool]:
    """Fold events in ``seq`` order and compare; ``unborn`` becomes the state they lead to.

    Returns:
        What was found, and whether the fold came to the end.
    """
    prover = _Prover(unborn, claims)
    for kept in events:
        prover.read(kept)
    prover.finish()
    return prover.proof(), prover.folding


def add(proof: Proof, differences: Iterable[Difference]) -> Proof:
    """Give a proof with more differences."""
    more = list(differences)
    total = proof.differences_total + len(more)
    told = sorted([*proof.differences, *more[:MOST_TOLD]], key=lambda one: one.seq)
    return Proof(not total, proof.events, proof.head_hash, told, total)


class _Prover:
    """Reads event after event; ``folding`` ends with the first that cannot be applied."""

    def __init__(self, unborn: Execution, claims: Claims) -> None:
        self._state = unborn
        self._claims = claims
        self._rows = claims.record.parts() if claims.record else {}
        self._waiting = set(self._rows)
        self._found: dict[Where, list[Difference]] = {where: [] for where in Where}
        self._total = 0
        self._events = 0
        self._seq = 0
        self._head = FIRST_HASH
        self._heads: tuple[str, ...] = (FIRST_HASH,)
        self.folding = True

    def read(self, kept: KeptEvent) -> None:
        self._events += 1
        if kept.seq <= self._seq:
            self._tell(kept.seq, Where.LOG, "event", "once", "twice")
            return
        if kept.seq > self._seq + 1:
            self._miss(self._seq + 1, kept.seq - 1)
        self._seq = kept.seq
        self._link(kept)
        if kept.copy and kept.copy != (kept.body, kept.hash):
            self._tell(kept.seq, Where.LOG, "copy in Redis", kept.body, kept.copy[0])
        event = self._parse(kept)
        if event is not None:
            self._fold(event)

    def _miss(self, first: int, last: int) -> None:
        told = f"events {first} to {last}" if last > first else f"event {first}"
        self._tell(first, Where.LOG, "event", told, None)
        self._heads = ()
        self._stop(first)

    def _link(self, kept: KeptEvent) -> None:
        """Compare the hash; go on so that one changed byte is one difference.

        Behind a changed body the stored hash is right, behind a changed hash the computed one is.
        """
        follows = [chain(head, kept.body) for head in self._heads]
        self._head = kept.hash
        self._heads = (kept.hash,)
        if follows and kept.hash not in follows:
            self._tell(kept.seq, Where.CHAIN, "hash", follows[0], kept.hash)
            self._heads = (kept.hash, follows[0])

    def _parse(self, kept: KeptEvent) -> Event | None:
        try:
            event = parse_event(kept.body)
        except NO_FOLD as error:
            self._tell(kept.seq, Where.LOG, "body", "an event", f"unreadable: {error}")
            self._stop(kept.seq)
            return None
        header = self._state.header
        if event.seq != kept.seq or event.execution_id != header.execution_id:
            self._tell(kept.seq, Where.LOG, "seq", kept.seq, event.seq)
            expected, found = header.execution_id, event.execution_id
            self._tell_unequal(kept.seq, Where.LOG, "execution_id", expected, found)
            self._stop(kept.seq)
            return None
        if kept.columns:
            self._compare_columns(event, kept.columns)
        return event

    def _compare_columns(self, event: Event, columns: EventColumns) -> None:
        said = EventColumns(
            self._state.header.workspace_id,
            event.event_id,
            event.event_type,
            event.task_id,
            event.agent_id,
            event.recorded_at,
        )
        if said != columns:
            for name in EventColumns.__struct_fields__:
                expected, found = getattr(said, name), getattr(columns, name)
                self._tell_unequal(event.seq, Where.LOG, f"column {name}", expected, found)

    def _fold(self, event: Event) -> None:
        if not self.folding:
            return
        state = self._state
        state.changed_subtasks.clear()
        state.changed_tasks.clear()
        try:
            evolve(state, event)
        except NO_FOLD as error:
            self._tell(event.seq, Where.LOG, "body", "an event that can be applied", repr(error))
            self._stop(event.seq)
            return
        if self._waiting:
            self._compare_changed(event.seq)
        live = self._claims.live
        if live and live.header and live.header.seq == event.seq:
            self._compare_all(Where.LIVE, live)
        if event.seq == self._claims.recorded:
            self._look_for_late_rows()

    def _stop(self, seq: int) -> None:
        if self.folding:
            self.folding = False
            told = "Nothing behind it could be compared with what is stored."
            self._tell(seq, Where.LOG, "fold", "goes on", f"stops before this event. {told}")

    def _compare_changed(self, seq: int) -> None:
        """Compare the rows that say they are as of this event."""
        for name in self._changed():
            row = self._rows.get(name)
            if row is not None and row.seq == seq:
                self._waiting.discard(name)
                self._compare(Where.RECORD, name, self._folded(name), row)

    def _changed(self) -> Iterable[str]:
        yield "header"
        yield from (f"subtask {one}" for one in self._state.changed_subtasks)
        yield from (f"task {one}" for one in self._state.changed_tasks)

    def _folded(self, name: str) -> State | None:
        kind, _, one = name.partition(" ")
        if kind == "header":
            return msgspec.structs.replace(self._state.header, head_hash=self._head)
        return self._state.subtasks.get(one) if kind == "subtask" else self._state.tasks.get(one)

    def _names(self) -> Iterable[str]:
        yield "header"
        yield from (f"subtask {one}" for one in self._state.subtasks)
        yield from (f"task {one}" for one in self._state.tasks)

    def _compare_all(self, where: Where, stored: Stored) -> None:
        parts = stored.parts()
        for name in self._names():
            self._compare(where, name, self._folded(name), parts.pop(name, None), stored)
        for name, state in parts.items():
            self._tell(state.seq, where, name, None, state)

    def _look_for_late_rows(self) -> None:
        """Find what the record must know by now, since it has these events."""
        record = self._claims.record
        for name in self._names():
            folded, row = self._folded(name), self._rows.get(name)
            if folded and row is None:
                self._compare(Where.RECORD, name, folded, None, record)
            elif folded and row and row.seq < folded.seq:
                self._waiting.discard(name)
                self._tell(folded.seq, Where.RECORD, f"{name}.seq", folded.seq, row.seq)

    def _compare(
        self,
        where: Where,
        name: str,
        folded: State | None,
        found: State | None,
        stored: Stored | None = None,
    ) -> None:
        if folded == found or folded is None:
            return
        if found is None:
            told = stored.unreadable.get(name) if stored else None
            self._tell(folded.seq, where, name, folded, told)
            return
        for field in folded.__struct_fields__:
            expected, is_there = getattr(folded, field), getattr(found, field)
            self._tell_unequal(folded.seq, where, f"{name}.{field}", expected, is_there)

    def finish(self) -> None:
        """Look for what is missing at the end, and for what the fold never met."""
        last, live = self._claims.last, self._claims.live
        if self._seq < last:
            self._miss(self._seq + 1, last)
        if live and live.header and live.header.seq < self._seq:
            self._tell(live.header.seq, Where.LIVE, "header.seq", self._seq, live.header.seq)
        if live and live.header is None:
            self._tell(self._seq, Where.LIVE, "header", "readable", live.unreadable.get("header"))
        if self.folding:
            for name in sorted(self._waiting):
                self._judge_unmet(name, self._rows[name])

    def _judge_unmet(self, name: str, row: State) -> None:
        if name == "header" and not row.seq:
            return  # Noted before its first event.
        folded = self._folded(name)
        expected = folded.seq if folded else None
        self._tell(row.seq, Where.RECORD, f"{name}.seq", expected, row.seq)

    def proof(self) -> Proof:
        """Give what was found."""
        found = [one for told in self._found.values() for one in told]
        found.sort(key=lambda one: one.seq)
        return Proof(not self._total, self._events, self._head, found, self._total)

    def _tell_unequal(
        self, seq: int, where: Where, what: str, expected: object, found: object
    ) -> None:
        if expected != found:
            self._tell(seq, where, what, expected, found)

    def _tell(self, seq: int, where: Where, what: str, expected: object, found: object) -> None:
        self._total += 1
        if len(self._found[where]) < MOST_TOLD:
            difference = Difference(seq, where, what, shown(expected), shown(found))
            self._found[where].append(difference)


def shown(value: object) -> Any:
    """Give a value as JSON can hold it, a long one by its beginning."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    encoded = msgspec.json.encode(value)
    if len(encoded) > LONGEST_VALUE:
        return encoded[:LONGEST_VALUE].decode(errors="ignore") + "…"
    return msgspec.json.decode(encoded)
