"""What Redis holds of executions, found by looking at all of it: for recovery.

Nothing here writes. The reads are not of one moment: a difference counts only where it is found
again while the version stayed the same.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec
import redis

from app.domain.execution import Execution, Header
from app.domain.merging import Kept
from app.live.change import Delays, describe_whole, milliseconds
from app.live.errors import NotLive
from app.live.executions import LiveExecutions, Strays
from app.live.keys import TIMER_SEPARATOR, Keys, workspace_of
from app.live.log import GROUP
from app.live.scripts import translated

KEYS_AT_ONCE: Final = 5000
EXECUTIONS_AT_ONCE: Final = 500
ENTRIES_AT_ONCE: Final = 5000
FIRST_ENTRIES: Final = 100
LATE: Final = dt.timedelta(minutes=2)
"""How long after its time a timer may stand: upkeep puts off what it could not carry out."""

Fact: TypeAlias = tuple[str, ...]
"""One thing that stands, or should: its kind, then where, then what."""


class Found(msgspec.Struct):
    """Of what there are keys in one workspace."""

    executions: set[str] = msgspec.field(default_factory=set[str])
    agents: set[str] = msgspec.field(default_factory=set[str])
    graphs: set[str] = msgspec.field(default_factory=set[str])


class Copy(msgspec.Struct, frozen=True):
    """What Redis holds of one execution.

    ``execution`` is None where its header, its graph or some of its states are missing.
    ``differences`` are what its state calls for and is not there, and the other way round.
    """

    execution_id: str
    header: Header | None = None
    execution: Execution | None = None
    differences: Sequence[Fact] = ()
    strays: Strays = Strays()

    @property
    def version(self) -> int | None:
        """The ``seq`` it stands at; None where it has no header."""
        return self.header.seq if self.header else None


class _Lists(msgspec.Struct):
    """What all executions share, taken apart: facts, timers and queue entries by execution."""

    facts: dict[str, set[Fact]]
    timers: dict[str, dict[str, float]]
    entries: dict[str, dict[tuple[str, str], str]]


class Inventory:
    """Looks at all that Redis holds of executions."""

    def __init__(self, client: redis.Redis, live: LiveExecutions, delays: Delays) -> None:
        self._client = client
        self._live = live
        self._delays = delays

    def find(self) -> dict[str, Found]:
        """Name by workspace everything of which there is a key."""
        found: dict[str, Found] = defaultdict(Found)
        with translated():
            for key in self._client.scan_iter("ax:{*}:*", count=KEYS_AT_ONCE):
                _sort(key.decode(), found)
        return found

    def headers(self, workspace_id: str, execution_ids: Sequence[str]) -> dict[str, Header]:
        """Read the headers that are there, hundreds in each round trip."""
        found: dict[str, Header] = {}
        for some in in_parts(execution_ids, EXECUTIONS_AT_ONCE):
            found |= self._live.headers(workspace_id, some)
        return found

    def copies(
        self, workspace_id: str, found: Found, execution_ids: Iterable[str], now: dt.datetime
    ) -> Iterator[Copy]:
        """Read executions whole, with what stands of them in lists that all share."""
        keys = Keys(workspace_id)
        lists = self._lists(keys, found)
        for some in in_parts(sorted(execution_ids), EXECUTIONS_AT_ONCE):
            pipeline = self._client.pipeline(transaction=False)
            for execution_id in some:
                pipeline.hgetall(keys.states(execution_id))
                pipeline.hgetall(keys.places(execution_id))
                # Last: a header of the same version vouches for what was read before it.
                pipeline.hget(keys.header(execution_id), "header")
            with translated():
                answers = iter(pipeline.execute())
            for execution_id in some:
                fields, places, raw = next(answers), next(answers), next(answers)
                header = msgspec.json.decode(raw, type=Header) if raw else None
                execution = self._assembled(header, fields) if header else None
                facts = _of_places(places, lists.entries.get(execution_id, {}))
                facts |= lists.facts.get(execution_id, set())
                yield self._copy(
                    execution_id, header, execution, facts, lists.timers.get(execution_id, {}), now
                )

    def listed(self, workspace_id: str, found: Found) -> set[str]:
        """Name every execution that stands in one of the shared lists."""
        lists = self._lists(Keys(workspace_id), found)
        return {*lists.facts, *lists.timers, *lists.entries}

    def unrecorded(self, workspace_id: str) -> dict[str, int]:
        """Tell for each execution of which events wait in the log the lowest ``seq`` of them."""
        log = Keys(workspace_id).log
        first: dict[str, int] = {}
        for fields in self._pages(log, self._begin(log)):
            first.setdefault(fields[b"x"].decode(), _seq(fields[b"e"]))
        return first

    def is_recorded(self, workspace_id: str, position: str) -> bool:
        """Tell whether everything in the log up to an entry is recorded."""
        log = Keys(workspace_id).log
        with translated():
            return not self._client.xrange(log, self._begin(log), position, count=1)

    def logged(self, workspace_id: str, execution_ids: Sequence[str]) -> dict[str, list[Kept]]:
        """Give what the streams of these executions and the log hold of their events."""
        keys = Keys(workspace_id)
        found: dict[str, list[Kept]] = {one: [] for one in execution_ids}
        for fields in self._pages(keys.log, "-"):
            if (kept := found.get(fields[b"x"].decode())) is not None:
                kept.append(_event(fields))
        for some in in_parts(execution_ids, EXECUTIONS_AT_ONCE):
            for execution_id, page in self._begins(keys, some):
                kept = found[execution_id]
                kept += [_event(fields) for _, fields in page]
                if len(page) == FIRST_ENTRIES:
                    begin, stream = f"({page[-1][0].decode()}", keys.events(execution_id)
                    kept += [_event(fields) for fields in self._pages(stream, begin)]
        return found

    def _begins(self, keys: Keys, execution_ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Give the beginning of many streams in one round trip; most are short, or gone."""
        pipeline = self._client.pipeline(transaction=False)
        for one in execution_ids:
            pipeline.xrange(keys.events(one), "-", "+", count=FIRST_ENTRIES)
        with translated():
            return zip(execution_ids, pipeline.execute(), strict=True)

    def links(self, workspace_id: str, ends: Mapping[str, int]) -> dict[str, list[Kept]]:
        """Give of each execution the event of a ``seq`` and the next, as far as they are there."""
        keys = Keys(workspace_id)
        found: dict[str, list[Kept]] = {}
        for some in in_parts(sorted(ends), EXECUTIONS_AT_ONCE):
            pipeline = self._client.pipeline(transaction=False)
            for one in some:
                pipeline.xrange(keys.events(one), f"0-{ends[one]}", f"0-{ends[one] + 1}")
            with translated():
                answers = pipeline.execute()
            for one, raw in zip(some, answers, strict=True):
                found[one] = [_event(fields) for _, fields in raw]
        return found

    def _begin(self, log: str) -> str:
        """Name the first entry of the log that may not be recorded yet."""
        with translated():
            groups: Any = self._client.xinfo_groups(log) if self._client.exists(log) else []
            last = [one["last-delivered-id"] for one in groups if one["name"] == GROUP.encode()]
            if not last:
                return "-"
            held: Any = self._client.xpending(log, GROUP)
        return held["min"].decode() if held["pending"] else f"({last[0].decode()}"

    def _pages(self, stream: str, begin: str) -> Iterator[dict[bytes, bytes]]:
        while True:
            with translated():
                page: Any = self._client.xrange(stream, begin, "+", count=ENTRIES_AT_ONCE)
            yield from (fields for _, fields in page)
            if len(page) < ENTRIES_AT_ONCE:
                return
            begin = f"({page[-1][0].decode()}"

    def _assembled(self, header: Header, fields: dict[bytes, bytes]) -> Execution | None:
        try:
            execution = self._live.assemble(header, fields)
        except NotLive:
            return None
        graph = execution.graph
        whole = execution.subtasks.keys() == graph.subtasks.keys()
        return execution if whole and execution.tasks.keys() == graph.tasks.keys() else None

    def _copy(
        self,
        execution_id: str,
        header: Header | None,
        execution: Execution | None,
        facts: set[Fact],
        timers: Mapping[str, float],
        now: dt.datetime,
    ) -> Copy:
        wanted: set[Fact] = set()
        due: dict[str, int] = {}
        if execution is not None:
            keys = Keys(execution.header.workspace_id)
            change = describe_whole(keys, execution, now, self._delays)
            wanted, due = _wanted(keys, execution, change), dict(change["timers"])
        latest = milliseconds(now + LATE)
        for name, score in timers.items():
            is_late = name in due and score > max(due[name], latest)
            facts.add(("late timer" if is_late else "timer", name))
        return Copy(
            execution_id, header, execution, sorted(facts ^ wanted), _strays(facts - wanted)
        )

    def _lists(self, keys: Keys, found: Found) -> _Lists:
        agents, graphs = sorted(found.agents), sorted(found.graphs)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zrange(keys.timers, 0, -1, withscores=True)
        pipeline.hgetall(keys.blockers)
        pipeline.hgetall(keys.waits)
        for agent_id in agents:
            pipeline.xrange(keys.work(agent_id))
            pipeline.hgetall(keys.leases(agent_id))
            pipeline.smembers(keys.executions(agent_id))
        for graph_id in graphs:
            pipeline.hkeys(keys.graph(graph_id))
        with translated():
            timers, blockers, waits, *rest = pipeline.execute()
        answers = iter(rest)
        lists = _Lists(defaultdict(set), defaultdict(dict), defaultdict(dict))
        _take_timers(lists, timers)
        _take_blockers(lists, keys.blockers, blockers)
        _take_blockers(lists, keys.waits, waits)
        for agent_id in agents:
            _take_entries(lists, keys.work(agent_id), next(answers))
            _take_leases(lists, keys.leases(agent_id), next(answers))
            _take_members(lists, "member", keys.executions(agent_id), next(answers))
        for graph_id in graphs:
            users = {*next(answers)} - {b"packed"}
            _take_members(lists, "graph", keys.graph(graph_id), users)
        return lists


def in_parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Cut a list into parts of at most so many."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def _sort(key: str, found: dict[str, Found]) -> None:
    kind, _, name = key.partition("}:")[2].partition(":")
    if not name:
        return
    of_workspace = found[workspace_of(key)]
    if kind in ("x", "seen"):
        of_workspace.executions.add(name.partition(":")[0])
    elif kind in ("work", "leases", "executions"):
        of_workspace.agents.add(name)
    elif kind == "g":
        of_workspace.graphs.add(name)


def _take_timers(lists: _Lists, timers: Iterable[tuple[bytes, float]]) -> None:
    for raw, score in timers:
        kind, execution_id, _ = raw.decode().split(TIMER_SEPARATOR, 2)
        if kind != "offline":
            lists.timers[execution_id][raw.decode()] = score


def _take_blockers(lists: _Lists, key: str, blockers: Mapping[bytes, bytes]) -> None:
    for blocker_id, raw in blockers.items():
        execution_id = msgspec.json.decode(raw)["execution_id"]
        lists.facts[execution_id].add(("blocker", key, blocker_id.decode(), raw.decode()))


def _take_entries(
    lists: _Lists, stream: str, entries: Iterable[tuple[bytes, dict[bytes, bytes]]]
) -> None:
    for entry_id, fields in entries:
        subtask_id = fields[b"s"].decode()
        lists.entries[fields[b"x"].decode()][stream, entry_id.decode()] = subtask_id


def _take_leases(lists: _Lists, key: str, leases: Mapping[bytes, bytes]) -> None:
    for field, raw in leases.items():
        execution_id = field.decode().partition(TIMER_SEPARATOR)[0]
        lists.facts[execution_id].add(("leased", key, field.decode(), raw.decode()))


def _take_members(lists: _Lists, kind: str, key: str, members: Iterable[bytes]) -> None:
    for one in members:
        lists.facts[one.decode()].add((kind, key))


def _of_places(places: Mapping[bytes, bytes], entries: Mapping[tuple[str, str], str]) -> set[Fact]:
    """Say where subtasks stand; an entry that no place names stands for nothing."""
    facts: set[Fact] = set()
    unnamed = dict(entries)
    for raw, packed in places.items():
        subtask_id, place = raw.decode(), cast("list[str]", msgspec.msgpack.decode(packed))
        if place[0] == "l":
            facts.add(("place of lease", *place[3:5]))
        elif unnamed.pop((place[2], place[3]), None) == subtask_id:
            facts.add(("queued", place[2], subtask_id))
        else:
            facts.add(("place of nothing", subtask_id))
    facts |= {("entry", *where) for where in unnamed}
    return facts


def _wanted(keys: Keys, execution: Execution, change: Mapping[str, Any]) -> set[Fact]:
    facts: set[Fact] = {("timer", name) for name, _ in change["timers"]}
    facts |= {("queued", stream, subtask_id) for subtask_id, _, stream, _ in change["enqueue"]}
    facts |= {("blocker", *blocker) for blocker in change["opened"]}
    facts |= {("member", key) for key, *_ in change["joined"]}
    for _, _, key, _, field, raw, _ in change["lease"]:
        facts |= {("leased", key, field, raw), ("place of lease", key, field)}
    return facts | {("graph", keys.graph(execution.header.graph_id))}


def _strays(facts: Iterable[Fact]) -> Strays:
    of_kind: dict[str, list[Any]] = defaultdict(list)
    for kind, *rest in sorted(facts):
        of_kind[kind].append(rest)
    return Strays(
        entries=[(one[0], one[1]) for one in of_kind["entry"]],
        leases=[(one[0], one[1]) for one in of_kind["leased"]],
        untimed=[one[0] for one in of_kind["timer"]],
        closed=[(one[0], one[1]) for one in of_kind["blocker"]],
        left=[one[0] for one in of_kind["member"]],
        graphs=[one[0] for one in of_kind["graph"]],
    )


class _Numbered(msgspec.Struct):
    seq: int


_NUMBERED: Final = msgspec.json.Decoder(_Numbered)


def _seq(body: bytes) -> int:
    return _NUMBERED.decode(body).seq


def _event(fields: Mapping[bytes, bytes]) -> Kept:
    return Kept(_seq(fields[b"e"]), fields[b"e"], fields[b"h"].decode())
