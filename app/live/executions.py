"""Live executions: load a neighbourhood, decide, commit; again where somebody was faster."""

import collections
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import redis

from app.domain import commands as c
from app.domain.decide import concerns_all, subject_of
from app.domain.events import seal
from app.domain.execution import Execution, Header, SubtaskState, TaskState
from app.domain.execution_graph import ExecutionGraph
from app.domain.states import ExecutionStatus
from app.live.change import Delays, describe, describe_whole, encode, milliseconds, not_before
from app.live.errors import Contended, NotLive
from app.live.keys import WORKSPACES, Keys, agent_timer, timer
from app.live.outcomes import Outcome, Receipt, Result, decide_all
from app.live.scripts import CONFLICT, NOT_DUE, Scripts, translated

TRIES: Final = 100
"""Each lost race means that somebody else's commit went through."""

GRAPHS_KEPT: Final = 128

_HEADER: Final = msgspec.json.Decoder(Header)
_SUBTASK: Final = msgspec.json.Decoder(SubtaskState)
_TASK: Final = msgspec.json.Decoder(TaskState)


class Strays(msgspec.Struct, frozen=True):
    """What stands in shared places for an execution although nothing calls for it.

    ``entries`` by key of the work stream and id, ``leases`` by key and field, ``untimed`` by name
    of the timer, ``closed`` by key of the list and id of the blocker, ``left`` by key of an agent's
    executions, ``graphs`` by key of the graph.
    """

    entries: Sequence[tuple[str, str]] = ()
    leases: Sequence[tuple[str, str]] = ()
    untimed: Sequence[str] = ()
    closed: Sequence[tuple[str, str]] = ()
    left: Sequence[str] = ()
    graphs: Sequence[str] = ()


NO_STRAYS: Final = Strays()


class _Loaded(msgspec.Struct, frozen=True):
    state: Execution
    seen: dict[str, Receipt]
    was_offline: bool = False


class LiveExecutions:
    """The executions that Redis holds."""

    def __init__(self, client: redis.Redis, scripts: Scripts, delays: Delays) -> None:
        self._client = client
        self._scripts = scripts
        self._delays = delays
        self._graphs: collections.OrderedDict[str, ExecutionGraph] = collections.OrderedDict()
        self._graph_of: collections.OrderedDict[str, str] = collections.OrderedDict()

    def create(
        self,
        workspace_id: str,
        execution_id: str,
        packed_graph: bytes,
        commands: Sequence[c.Command],
        now: dt.datetime,
    ) -> Execution:
        """Bring an execution into being by its first commands, and give its state.

        Creating the same execution again changes nothing.

        Raises:
            DomainError: A command was refused; nothing was stored.
        """
        keys = Keys(workspace_id)
        graph = ExecutionGraph.unpack(packed_graph)
        unborn = Execution.unborn(graph, execution_id, workspace_id)
        result = decide_all(unborn, {}, commands, now)
        for outcome in result.outcomes:
            if outcome.refusal:
                raise outcome.refusal
        with translated():
            self._client.sadd(WORKSPACES, workspace_id)
        code = self._commit(keys, unborn, result, now, packed_graph=packed_graph)
        if code == CONFLICT:
            self._scripts.confirm(keys.header(execution_id))
            return self.whole(workspace_id, execution_id)
        return result.after

    def execute(
        self,
        workspace_id: str,
        execution_id: str,
        commands: Sequence[c.Command],
        now: dt.datetime,
        *,
        lease_limit: int = 0,
        due: tuple[str, dt.datetime] | None = None,
        contact: str = "",
        atomic: bool = False,
    ) -> Result:
        """Carry commands out, in order, in one commit; a refused one does not hold up the others.

        Args:
            workspace_id: Whose execution it is.
            execution_id: Which.
            commands: At least one; a report whose ``event_id`` was seen before repeats its answer.
            now: The time of all their events.
            lease_limit: How many leases the claiming agent may hold at once; 0 for any number.
            due: A timer's name and a time: commit only if the timer is still due then.
            contact: The agent that was heard of by this, if any.
            atomic: Where one command is refused, do none of them.

        Raises:
            NotLive: Redis holds no such execution.
            Contended: Others were faster each time; nothing was changed.
            AtCapacity: ``lease_limit`` is reached; nothing was changed.
        """
        keys = Keys(workspace_id)
        whole = any(concerns_all(command) for command in commands)
        for _ in range(TRIES):
            loaded = self._load(keys, execution_id, commands, whole=whole, contact=contact)
            result = decide_all(
                loaded.state, loaded.seen, commands, now, was_offline=loaded.was_offline
            )
            if atomic and any(outcome.refusal for outcome in result.outcomes):
                return result
            if not any(outcome.events for outcome in result.outcomes):
                if any(outcome.repeated for outcome in result.outcomes):
                    self._scripts.confirm(keys.header(execution_id))
                return result
            if result.after.header.status is ExecutionStatus.FAILED and not whole:
                whole = True  # A failure gives back every subtask, so all of them are needed.
                continue
            code = self._commit(
                keys, loaded.state, result, now, lease_limit=lease_limit, due=due, contact=contact
            )
            if code == NOT_DUE:
                return Result([Outcome() for _ in commands], loaded.state)
            if code != CONFLICT:
                return result
        raise Contended(f"Execution {execution_id} changes too fast. Nothing was done; try again.")

    def header(self, workspace_id: str, execution_id: str) -> Header:
        """Read a header.

        Raises:
            NotLive: Redis holds no such execution.
        """
        found = self.headers(workspace_id, [execution_id])
        if execution_id not in found:
            raise NotLive(execution_id)
        return found[execution_id]

    def headers(self, workspace_id: str, execution_ids: Sequence[str]) -> dict[str, Header]:
        """Read many headers in one round trip; those that are not live are left out."""
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        for execution_id in execution_ids:
            pipeline.hget(keys.header(execution_id), "header")
        with translated():
            found: list[bytes | None] = pipeline.execute()
        pairs = zip(execution_ids, found, strict=True)
        return {execution_id: _HEADER.decode(raw) for execution_id, raw in pairs if raw}

    def whole(self, workspace_id: str, execution_id: str) -> Execution:
        """Read an execution with all its subtasks, as of one moment.

        Raises:
            NotLive: Redis holds no such execution.
        """
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hget(keys.header(execution_id), "header")
        pipeline.hgetall(keys.states(execution_id))
        with translated():
            raw, fields = pipeline.execute()
        if raw is None:
            raise NotLive(execution_id)
        header = _HEADER.decode(raw)
        return _assemble(self._graph(keys, header), header, fields)

    def part(
        self,
        workspace_id: str,
        execution_id: str,
        subtask_ids: Sequence[str],
        task_ids: Sequence[str] = (),
    ) -> Execution:
        """Read an execution with some of its subtasks and tasks; unknown ones are left out.

        Raises:
            NotLive: Redis holds no such execution.
        """
        fields = [f"s:{one}" for one in subtask_ids] + [f"t:{one}" for one in task_ids] or ["s:"]
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hget(keys.header(execution_id), "header")
        pipeline.hmget(keys.states(execution_id), fields)
        with translated():
            raw, values = pipeline.execute()
        if raw is None:
            raise NotLive(execution_id)
        header = _HEADER.decode(raw)
        named = dict(zip((field.encode() for field in fields), values, strict=True))
        return _assemble(self._graph(keys, header), header, named)

    def states(
        self, workspace_id: str, wanted: dict[str, tuple[list[str], list[str]]]
    ) -> dict[str, tuple[Header, dict[str, SubtaskState], dict[str, TaskState]]]:
        """Read named subtasks and tasks of many executions in one round trip.

        Args:
            workspace_id: Whose executions they are.
            wanted: By execution, the ids of subtasks and of tasks.
        """
        keys = Keys(workspace_id)
        pipeline = self._client.pipeline(transaction=False)
        for execution_id, (subtask_ids, task_ids) in wanted.items():
            names = [f"s:{one}" for one in subtask_ids] + [f"t:{one}" for one in task_ids]
            pipeline.hget(keys.header(execution_id), "header")
            pipeline.hmget(keys.states(execution_id), names or ["s:"])
        with translated():
            answers = iter(pipeline.execute())
        found: dict[str, tuple[Header, dict[str, SubtaskState], dict[str, TaskState]]] = {}
        for execution_id, (subtask_ids, task_ids) in wanted.items():
            raw, values = next(answers), next(answers)
            if raw is None:
                continue
            cut = len(subtask_ids)
            subtasks = zip(subtask_ids, values[:cut], strict=True)
            tasks = zip(task_ids, values[cut : cut + len(task_ids)], strict=True)
            found[execution_id] = (
                _HEADER.decode(raw),
                {one: _SUBTASK.decode(value) for one, value in subtasks if value},
                {one: _TASK.decode(value) for one, value in tasks if value},
            )
        return found

    def restore(self, execution: Execution, now: dt.datetime) -> None:
        """Bring an ended execution back from the record; one that is live stays as it is.

        It is put away again after its grace, unless it is taken up.
        """
        self.rebuild(execution, None, now)

    def rebuild(
        self,
        execution: Execution,
        expected: int | None,
        now: dt.datetime,
        *,
        receipts: Mapping[str, Receipt] | None = None,
        strays: Strays = NO_STRAYS,
    ) -> bool:
        """Set all that Redis holds of an execution from its whole state, in one step.

        Its events stay as they are: what the record holds of them is read there.

        Args:
            execution: With every subtask and task loaded.
            expected: The version Redis must hold, None for none at all.
            now: From when its leases and its grace count.
            receipts: What shall be known of earlier reports; None leaves them as they are.
            strays: What Redis holds of it in shared places although nothing calls for it.

        Returns:
            False where Redis holds another version; nothing was changed.
        """
        header = execution.header
        keys = Keys(header.workspace_id)
        change = describe_whole(keys, execution, now, self._delays)
        pairs = [(key, encode(one)) for key, one in (receipts or {}).items()]
        change |= {
            "seq": header.seq,
            "forget": receipts is not None,
            "receipts": [part for pair in pairs for part in pair],
            **msgspec.structs.asdict(strays),
        }
        with translated():
            # By a command of its own: this key lies on another node of a cluster.
            self._client.sadd(WORKSPACES, header.workspace_id)
        code = self._scripts.run(
            "rebuild",
            [
                keys.header(header.execution_id),
                keys.states(header.execution_id),
                keys.places(header.execution_id),
                keys.seen(header.execution_id),
                keys.timers,
                keys.graph(header.graph_id),
            ],
            [
                "" if expected is None else expected,
                msgspec.msgpack.encode(change),
                execution.graph.pack(),
            ],
        )
        if code != CONFLICT:
            _keep(self._graph_of, header.execution_id, header.graph_id, GRAPHS_KEPT * 100)
        return code != CONFLICT

    def forget(self, workspace_id: str, execution_id: str, strays: Strays) -> bool:
        """Remove what is left of an execution that Redis does not hold; False where it does."""
        keys = Keys(workspace_id)
        code = self._scripts.run(
            "forget",
            [
                keys.header(execution_id),
                keys.states(execution_id),
                keys.events(execution_id),
                keys.places(execution_id),
                keys.seen(execution_id),
                keys.timers,
            ],
            [execution_id, msgspec.msgpack.encode(strays)],
        )
        return code != CONFLICT

    def discard_all(self) -> int:
        """Delete every key of ours, in all workspaces; give their number."""
        with translated():
            keys = list(self._client.scan_iter("ax:*", count=5000))
            for begin in range(0, len(keys), 1000):
                self._client.unlink(*keys[begin : begin + 1000])
        return len(keys)

    def graph_of(self, header: Header) -> ExecutionGraph:
        """Give the graph of a live execution, from this process's memory where it has it.

        Raises:
            NotLive: Redis holds no such graph any more.
        """
        return self._graph(Keys(header.workspace_id), header)

    def assemble(self, header: Header, fields: Mapping[bytes, bytes]) -> Execution:
        """Make an execution of a header and the fields of the hash of states.

        Raises:
            NotLive: Redis holds no such graph any more.
        """
        return _assemble(self.graph_of(header), header, fields)

    def retire(self, workspace_id: str, header: Header) -> None:
        """Forget an ended execution; call it only once its record is complete up to its ``seq``."""
        keys = Keys(workspace_id)
        execution_id = header.execution_id
        name = timer("retire", execution_id)
        self._scripts.run(
            "retire",
            [
                keys.header(execution_id),
                keys.states(execution_id),
                keys.events(execution_id),
                keys.places(execution_id),
                keys.seen(execution_id),
                keys.timers,
                keys.graph(header.graph_id),
            ],
            [execution_id, header.seq, name],
        )

    def _load(
        self,
        keys: Keys,
        execution_id: str,
        commands: Sequence[c.Command],
        *,
        whole: bool,
        contact: str,
    ) -> _Loaded:
        reports = [command.receipt_key for command in commands if isinstance(command, c.Report)]
        graph = self._known_graph(keys, execution_id)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hget(keys.header(execution_id), "header")
        names: list[str] = []
        if whole:
            pipeline.hgetall(keys.states(execution_id))
        else:
            names = _neighbourhood(graph, commands)
            pipeline.hmget(keys.states(execution_id), names or ["s:"])
        if reports:
            pipeline.hmget(keys.seen(execution_id), reports)
        if contact:
            pipeline.hget(keys.agent(contact), "offline")
        with translated():
            raw, values, *rest = pipeline.execute()
        if raw is None:
            self._graph_of.pop(execution_id, None)
            raise NotLive(execution_id)
        if not whole:
            values = {name.encode(): value for name, value in zip(names, values, strict=False)}
        state = _assemble(graph, _HEADER.decode(raw), values)
        if not whole and state.is_too_narrow:
            return self._load(keys, execution_id, commands, whole=True, contact=contact)
        found = zip(reports, rest[0], strict=True) if reports else ()
        seen = {one: msgspec.json.decode(value, type=Receipt) for one, value in found if value}
        return _Loaded(state, seen, was_offline=bool(contact and rest[-1]))

    def _commit(
        self,
        keys: Keys,
        before: Execution,
        result: Result,
        now: dt.datetime,
        *,
        lease_limit: int = 0,
        due: tuple[str, dt.datetime] | None = None,
        contact: str = "",
        packed_graph: bytes = b"",
    ) -> int:
        after = result.after
        events = [event for outcome in result.outcomes for event in outcome.events]
        sealed = seal(events, before.header.head_hash)
        after.set_header(head_hash=sealed[-1].hash)
        change = describe(keys, before, after, sealed, now, self._delays)
        change["lease"] = [(*lease[:-1], lease_limit) for lease in change["lease"]]
        change["receipts"] = [
            part
            for outcome in result.outcomes
            if outcome.receipt and not outcome.repeated
            for part in (outcome.receipt.key, encode(outcome.receipt))
        ]
        if due:
            change["due"] = (due[0], milliseconds(due[1]))
        if contact:
            watched = (agent_timer(contact), not_before(now + self._delays.offline))
            change["contact"] = (keys.agent(contact), now.isoformat(), *watched)
        execution_id = after.header.execution_id
        return self._scripts.commit(
            "commit",
            [
                keys.header(execution_id),
                keys.states(execution_id),
                keys.events(execution_id),
                keys.places(execution_id),
                keys.seen(execution_id),
                keys.log,
                keys.timers,
                keys.graph(after.header.graph_id),
                keys.blockers,
            ],
            [before.header.seq, msgspec.msgpack.encode(change), packed_graph],
        )

    def _known_graph(self, keys: Keys, execution_id: str) -> ExecutionGraph:
        """Give the graph of an execution; costs round trips only the first time."""
        graph_id = self._graph_of.get(execution_id)
        if graph_id in self._graphs:
            return self._graphs[graph_id]
        return self._graph(keys, self.header(keys.workspace_id, execution_id))

    def _graph(self, keys: Keys, header: Header) -> ExecutionGraph:
        _keep(self._graph_of, header.execution_id, header.graph_id, GRAPHS_KEPT * 100)
        graph = self._graphs.get(header.graph_id)
        if graph is None:
            with translated():
                packed: Any = self._client.hget(keys.graph(header.graph_id), "packed")
            if packed is None:
                raise NotLive(header.execution_id)
            graph = ExecutionGraph.unpack(packed)
        _keep(self._graphs, header.graph_id, graph, GRAPHS_KEPT)
        return graph


def _keep(cache: collections.OrderedDict[str, Any], key: str, value: Any, most: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)


def _neighbourhood(graph: ExecutionGraph, commands: Sequence[c.Command]) -> list[str]:
    """Name the fields that these commands may read or change."""
    subtasks: set[str] = set()
    tasks: set[str] = set()
    for command in commands:
        subject = subject_of(command)
        if subject in graph.subtasks:
            near = graph.neighbourhood(subject)
            subtasks |= near[0]
            tasks |= near[1]
            subtasks.update(graph.inputs(subject))
            if isinstance(command, c.Report) and command.claimant:
                for dependent in near[0]:
                    subtasks.update(graph.inputs(dependent))
    return [f"s:{one}" for one in subtasks] + [f"t:{one}" for one in tasks]


def _assemble(
    graph: ExecutionGraph, header: Header, fields: Mapping[bytes, bytes | None]
) -> Execution:
    subtasks: dict[str, SubtaskState] = {}
    tasks: dict[str, TaskState] = {}
    for name, value in fields.items():
        if value is None:
            continue
        if name.startswith(b"s:"):
            subtasks[name[2:].decode()] = _SUBTASK.decode(value)
        else:
            tasks[name[2:].decode()] = _TASK.decode(value)
    return Execution(graph, header, subtasks, tasks)
