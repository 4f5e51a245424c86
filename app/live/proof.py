"""What Redis says of an execution, and whether what follows from its state is there."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
import redis

from app.domain.execution import Execution, Header, Lease, SubtaskState, TaskState
from app.domain.execution_graph import ExecutionGraph
from app.domain.proof import Difference, Stored, Where, shown
from app.live.blockers import OpenBlocker
from app.live.change import Delays, describe
from app.live.keys import Keys, timer
from app.live.scripts import translated

S = TypeVar("S", Header, SubtaskState, TaskState)

ROUNDS: Final = 5
"""How often the places are looked up again where the execution has moved on meanwhile."""

_HEADER: Final = msgspec.json.Decoder(Header)
_SUBTASK: Final = msgspec.json.Decoder(SubtaskState)
_TASK: Final = msgspec.json.Decoder(TaskState)
_OF_SUBTASK: Final = ("lease", "delay", "timeout")
_OF_EXECUTION: Final = ("limit", "retire")
# How long things last does not matter here: only whether their timers are set.
_ANY_DELAYS: Final = Delays(lease=dt.timedelta(), grace=dt.timedelta())
_ANY_TIME: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

Place = tuple[str, ...]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """All that Redis holds of one execution beside its events, as of one moment.

    ``version`` is the field the scripts compare. ``places`` says by subtask where it is queued or
    leased, ``there`` what lies in that place; None where others were too fast to tell.
    ``blockers`` gives by id the key of the list and what is listed.
    """

    version: str
    stored: Stored
    places: Mapping[str, Place]
    there: Mapping[str, Any] | None
    timers: frozenset[str]
    blockers: Mapping[str, Any]


class ProofReader:
    """Reads what a proof compares."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def names(self, workspace_id: str) -> list[str]:
        """Name the executions that Redis holds of a workspace; walks all keys."""
        start = Keys(workspace_id).header("")
        with translated():
            found = [key.decode() for key in self._client.scan_iter(f"{_literal(start)}*", 1000)]
        names = (key.removeprefix(start) for key in found)
        return sorted({name.partition(":")[0] for name in names})

    def header(self, workspace_id: str, execution_id: str) -> Header | None:
        """Give the header; None where there is none or it cannot be read."""
        with translated():
            raw: Any = self._client.hget(Keys(workspace_id).header(execution_id), "header")
        return _decode("header", raw, _HEADER, {}) if raw else None

    def read(self, workspace_id: str, execution_id: str, graph: ExecutionGraph) -> Reading | None:
        """Read one execution; None where Redis does not hold it."""
        keys = Keys(workspace_id)
        reading = self._read(keys, execution_id, graph)
        for _ in range(ROUNDS):
            if reading is None or reading.there is not None:
                break
            reading = self._read(keys, execution_id, graph)
        return reading

    def _read(self, keys: Keys, execution_id: str, graph: ExecutionGraph) -> Reading | None:
        names = _timer_names(execution_id, graph)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hgetall(keys.header(execution_id))
        pipeline.hgetall(keys.states(execution_id))
        pipeline.hgetall(keys.places(execution_id))
        pipeline.zmscore(keys.timers, names)
        pipeline.hvals(keys.blockers)
        pipeline.hvals(keys.waits)
        with translated():
            head, states, places, scores, blockers, waits = pipeline.execute()
        if not head:
            return None
        version = head.get(b"seq", b"").decode()
        unpacked = {name.decode(): _place(raw) for name, raw in places.items()}
        timers = zip(names, scores, strict=True)
        return Reading(
            version=version,
            stored=_stored(head.get(b"header", b""), states),
            places=unpacked,
            there=self._there(keys.header(execution_id), version, unpacked),
            timers=frozenset(name for name, score in timers if score is not None),
            blockers=_blockers_of(execution_id, {keys.blockers: blockers, keys.waits: waits}),
        )

    def _there(
        self, header: str, version: str, places: Mapping[str, Place]
    ) -> Mapping[str, Any] | None:
        """Look what lies in each place; None where the execution has moved on."""
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hget(header, "seq")
        known = {one: place for one, place in places.items() if len(place) == _LENGTH.get(place[0])}
        for place in known.values():
            if place[0] == "q":
                pipeline.xrange(place[2], min=place[3], max=place[3])
            else:
                pipeline.hget(place[3], place[4])
        with translated():
            now, *found = pipeline.execute()
        if now is None or now.decode() != version:
            return None
        return dict(zip(known, found, strict=True))


_LENGTH: Final = {"q": 4, "l": 5}


def compare(state: Execution, reading: Reading) -> list[Difference]:
    """Hold what follows from a state against what is there: places, timers, blockers, version.

    ``state`` is what the log leads to, as of the same event as the reading.
    """
    header = state.header
    keys = Keys(header.workspace_id)
    whole = state.copy()
    whole.changed_subtasks.update(whole.subtasks)
    unborn = Execution.unborn(state.graph, header.execution_id, header.workspace_id)
    follows = describe(keys, unborn, whole, [], _ANY_TIME, _ANY_DELAYS)
    differences = _Differences(state)
    differences.tell("header field seq", header.seq, _number(reading.version))
    _compare_places(differences, follows, reading, header.execution_id)
    _compare_timers(differences, follows, reading, header.execution_id)
    opened = {
        name: (listed, msgspec.json.decode(raw)["blocker"])
        for listed, name, raw in follows["opened"]
    }
    for name in sorted({*opened, *reading.blockers}):
        differences.tell(f"blocker {name}", opened.get(name), reading.blockers.get(name))
    return differences.told


class _Differences:
    def __init__(self, state: Execution) -> None:
        self._state = state
        self.told: list[Difference] = []

    def tell(self, what: str, expected: object, found: object, subtask_id: str = "") -> None:
        if expected != found:
            subtask = self._state.subtasks.get(subtask_id)
            seq = subtask.seq if subtask else self._state.header.seq
            self.told.append(Difference(seq, Where.LIVE, what, shown(expected), shown(found)))


def _compare_places(
    differences: _Differences, follows: Mapping[str, Any], reading: Reading, execution_id: str
) -> None:
    expected: dict[str, Place] = {}
    lying: dict[str, Any] = {}
    for subtask_id, agent_id, work, action in follows["enqueue"]:
        expected[subtask_id] = ("q", agent_id, work)
        lying[subtask_id] = {"x": execution_id, "s": subtask_id, "a": action}
    for subtask_id, agent_id, leases, work, field, lease, _ in follows["lease"]:
        expected[subtask_id] = ("l", agent_id, work, leases, field)
        lying[subtask_id] = msgspec.json.decode(lease)
    for one in sorted({*expected, *reading.places}):
        wanted, found = expected.get(one), reading.places.get(one)
        # The id of an entry is Redis' own: whether it is there is looked up below.
        differences.tell(
            f"place of {one}", wanted, found[:3] if found and found[0] == "q" else found, one
        )
        if wanted and found and reading.there is not None:
            differences.tell(f"work of {one}", lying[one], _lying(reading.there.get(one)), one)


def _compare_timers(
    differences: _Differences, follows: Mapping[str, Any], reading: Reading, execution_id: str
) -> None:
    leased = {timer("lease", execution_id, lease[0]) for lease in follows["lease"]}
    expected = {name for name, _ in follows["timers"]} | leased
    for name in sorted(expected ^ reading.timers):
        kind, _, subtask_id = name.split("|", 2)
        what = f"timer {kind} of {subtask_id or 'the execution'}"
        told = ("set", None) if name in expected else (None, "set")
        differences.tell(what, *told, subtask_id)


def _timer_names(execution_id: str, graph: ExecutionGraph) -> list[str]:
    names = [timer(kind, execution_id) for kind in _OF_EXECUTION]
    return names + [
        timer(kind, execution_id, one) for one in graph.subtasks for kind in _OF_SUBTASK
    ]


def _stored(raw_header: bytes, fields: Mapping[bytes, bytes]) -> Stored:
    unreadable: dict[str, str] = {}
    subtasks: dict[str, SubtaskState] = {}
    tasks: dict[str, TaskState] = {}
    header = _decode("header", raw_header, _HEADER, unreadable)
    for field, raw in fields.items():
        kind, _, one = field.decode(errors="replace").partition(":")
        if kind == "s" and (subtask := _decode(f"subtask {one}", raw, _SUBTASK, unreadable)):
            subtasks[one] = subtask
        elif kind == "t" and (task := _decode(f"task {one}", raw, _TASK, unreadable)):
            tasks[one] = task
    return Stored(header=header, subtasks=subtasks, tasks=tasks, unreadable=unreadable)


def _decode(
    name: str, raw: bytes, decoder: msgspec.json.Decoder[S], unreadable: dict[str, str]
) -> S | None:
    try:
        return decoder.decode(raw)
    except msgspec.MsgspecError:
        unreadable[name] = raw.decode(errors="replace")
        return None


def _place(raw: bytes) -> Place:
    try:
        return msgspec.msgpack.decode(raw, type=tuple[str, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ("unreadable", raw.decode(errors="replace"))


def _lying(found: Any) -> Any:
    """Give a work entry's fields, or a lease, as plain values; None where nothing is there."""
    if isinstance(found, list):
        return (
            {name.decode(): value.decode() for name, value in found[0][1].items()}
            if found
            else None
        )
    if found is None:
        return None
    try:
        return msgspec.to_builtins(msgspec.json.decode(found, type=Lease))
    except msgspec.MsgspecError:
        return found.decode(errors="replace")


def _blockers_of(execution_id: str, lists: Mapping[str, Iterable[bytes]]) -> dict[str, Any]:
    """Give the listed blockers of one execution as plain values with their list, by id."""
    of_it = [(key, raw) for key, listed in lists.items() for raw in listed]
    found: dict[str, Any] = {}
    for key, raw in of_it:
        if execution_id.encode() not in raw:
            continue
        try:
            one = msgspec.json.decode(raw, type=OpenBlocker)
        except msgspec.MsgspecError:
            found["unreadable"] = raw.decode(errors="replace")
            continue
        if one.execution_id == execution_id:
            found[one.blocker.blocker_id] = (key, msgspec.to_builtins(one.blocker))
    return found


def _number(version: str) -> int | str:
    return int(version) if version.isascii() and version.isdigit() else version


def _literal(text: str) -> str:
    """Escape what has a meaning in Redis' patterns."""
    return "".join(f"\\{one}" if one in "*?[]^\\" else one for one in text)
