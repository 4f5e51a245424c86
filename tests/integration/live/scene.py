"""Executions in a real Redis, and what can be seen of them there."""

import datetime as dt
from typing import Any

import msgspec
import redis

from app.domain import commands as c
from app.domain.events import FIRST_HASH, EventType, chain, parse_event
from app.domain.evolve import evolve
from app.domain.execution import Execution, Lease
from app.domain.execution_graph import ExecutionGraph
from app.domain.states import TIMED, ExecutionStatus, SubtaskStatus
from app.live.blockers import OpenBlockers
from app.live.change import Delays
from app.live.executions import LiveExecutions
from app.live.keys import Keys
from app.live.log import Log
from app.live.outcomes import Outcome, Result
from app.live.scripts import Scripts
from app.live.timers import Timer, Timers
from app.live.work import Work
from tests.executions import (
    AGENT,
    EXECUTION,
    NOON,
    WORKSPACE,
    answer,
    check,
    claim,
    completion,
    creation,
    report,
)

LEASE = dt.timedelta(minutes=15)
GRACE = dt.timedelta(seconds=60)
LIMIT = dt.timedelta(hours=168)
OFFLINE = dt.timedelta(minutes=30)
DELAYS = Delays(LEASE, GRACE, LIMIT, OFFLINE)
E = ExecutionStatus
USER = {"actor": "user:1"}


class Scene:
    """One workspace in Redis, and a clock that stands until it is turned."""

    def __init__(self, client: redis.Redis, blocking: redis.Redis) -> None:
        self.client = client
        self.scripts = Scripts(client)
        self.live = LiveExecutions(client, self.scripts, DELAYS)
        self.work = Work(client, self.scripts, OFFLINE)
        self.blockers = OpenBlockers(client)
        self.timers = Timers(client, self.scripts)
        self.log = Log(client, blocking, self.scripts)
        self.keys = Keys(WORKSPACE)
        self.now = NOON

    def start(
        self, graph: ExecutionGraph, execution_id: str = EXECUTION, **unmatched: str
    ) -> Execution:
        """Create and start an execution; say why nobody performs some of its subtasks."""
        commands = [creation(graph), c.StartExecution(**USER, unmatched=unmatched)]
        return self.live.create(WORKSPACE, execution_id, graph.pack(), commands, self.now)

    def do(self, *commands: c.Command, execution_id: str = EXECUTION, **more: Any) -> Result:
        """Carry commands out in one commit."""
        return self.live.execute(WORKSPACE, execution_id, commands, self.now, **more)

    def one(self, command: c.Command, **more: Any) -> Outcome:
        """Carry one command out and give its outcome."""
        return self.do(command, **more).outcomes[0]

    def claim(self, *subtask_ids: str, execution_id: str = EXECUTION) -> None:
        """Lease subtasks to the usual agent."""
        for subtask_id in subtask_ids:
            assert self.one(claim(subtask_id), execution_id=execution_id).refusal is None

    def complete(self, *subtask_ids: str, execution_id: str = EXECUTION) -> None:
        """Claim and complete subtasks, one after the other."""
        for subtask_id in subtask_ids:
            self.claim(subtask_id, execution_id=execution_id)
            assert self.one(completion(subtask_id), execution_id=execution_id).refusal is None

    def answer(self, subtask_id: str, resolution: str, **fields: Any) -> Outcome:
        """Resolve the blocker of a subtask, or that of the execution where none is named."""
        state = self.whole()
        found = state.subtasks[subtask_id].blocker if subtask_id else state.header.blocker
        assert found
        return self.one(answer(found, resolution, **fields))

    def fail(self) -> None:
        """Fail the execution: a leased subtask is given up."""
        leased = next(one for one, state in self.whole().subtasks.items() if state.lease)
        self.do(report(EventType.TASK_ERROR, leased, error_type="permanent"))
        assert self.answer(leased, "fail").refusal is None

    def whole(self, execution_id: str = EXECUTION) -> Execution:
        """Read an execution."""
        return self.live.whole(WORKSPACE, execution_id)

    def lease(self, subtask_id: str) -> Lease:
        """Read a lease that must be there."""
        lease = self.whole().subtasks[subtask_id].lease
        assert lease
        return lease

    def queued(self, agent_id: str = AGENT) -> list[str]:
        """Name the subtasks in an agent's work stream, oldest first."""
        return [entry.subtask_id for entry in self.work.look(WORKSPACE, agent_id, self.now).entries]

    def held(self, agent_id: str = AGENT) -> list[str]:
        """Name the subtasks an agent has leases of."""
        desk = self.work.look(WORKSPACE, agent_id, self.now)
        return sorted(held.subtask_id for held in desk.leases)

    def timed(self, *kinds: str) -> dict[str, dt.datetime]:
        """Give the timers of some kinds, or all, and when they are due."""
        for_ever = self.now + dt.timedelta(days=9999)
        due = self.timers.due(WORKSPACE, for_ever, 10_000)
        return {one.name: one.due_at for one in due if not kinds or one.kind in kinds}

    def sweep(self) -> None:
        """Hand what is due to the rules, as the workers do; ends and agents are theirs."""
        for due in self.timers.due(WORKSPACE, self.now, 10_000):
            if due.kind in ("retire", "offline"):
                continue
            command = self._command_for(due)
            guard = (due.name, self.now)
            refused = (
                command is None
                or self.one(command, execution_id=due.execution_id, due=guard).refusal
            )
            if refused:
                self.timers.drop(WORKSPACE, due, self.now)

    def _command_for(self, due: Timer) -> c.Command | None:
        if due.kind == "delay":
            return c.EndDelay(subtask_id=due.subtask_id)
        if due.kind == "timeout":
            return c.TimeOutSubtask(subtask_id=due.subtask_id)
        if due.kind == "limit":
            return c.TimeOutExecution(hours=LIMIT.total_seconds() / 3600)
        lease = self.whole(due.execution_id).subtasks[due.subtask_id].lease
        return lease and c.ExpireLease(subtask_id=due.subtask_id, lease_token=lease.token)

    def dump(self) -> dict[bytes, bytes]:
        """Give everything Redis holds, to be compared."""
        return {key: self.client.dump(key) for key in self.client.scan_iter("*")}

    def stored_keys(self) -> set[str]:
        """Name every key of ours."""
        return {key.decode() for key in self.client.scan_iter("ax:*")}

    def events(self, execution_id: str = EXECUTION) -> list[tuple[int, bytes, str]]:
        """Read the whole log of an execution."""
        return self.log.events(WORKSPACE, execution_id, 0, 100_000)

    def verify(self, execution_id: str = EXECUTION) -> Execution:
        """Assert that log, chain, states, streams, leases, timers and lists all tell the same."""
        state = self.whole(execution_id)
        check(state)
        self._verify_log(state)
        self._verify_places(state)
        self._verify_timers(state)
        self._verify_lists(state)
        return state

    def _verify_log(self, state: Execution) -> None:
        header = state.header
        events = self.events(header.execution_id)
        assert [seq for seq, _, _ in events] == list(range(1, header.seq + 1))
        folded = Execution.unborn(state.graph, header.execution_id, WORKSPACE)
        head = FIRST_HASH
        for _, body, digest in events:
            head = chain(head, body)
            assert digest == head
            evolve(folded, parse_event(body))
        folded.set_header(head_hash=head)
        assert folded.header == header
        assert folded.subtasks == state.subtasks
        assert folded.tasks == state.tasks

    def _verify_places(self, state: Execution) -> None:
        header = state.header
        dispatches = header.status in (E.QUEUED, E.RUNNING, E.BLOCKED)
        for agent_id in self._agents(state):
            ready = [
                one
                for one, subtask in state.subtasks.items()
                if subtask.status is SubtaskStatus.READY and state.agent_of(one) == agent_id
            ]
            entries = [
                fields[b"s"].decode()
                for _, fields in self.client.xrange(self.keys.work(agent_id))
                if fields[b"x"].decode() == header.execution_id
            ]
            assert sorted(entries) == (sorted(ready) if dispatches else [])
            leases = {
                field.decode(): msgspec.json.decode(value, type=Lease)
                for field, value in self.client.hgetall(self.keys.leases(agent_id)).items()
                if field.decode().startswith(f"{header.execution_id}|")
            }
            assert leases == {
                f"{header.execution_id}|{one}": subtask.lease
                for one, subtask in state.subtasks.items()
                if subtask.lease and subtask.lease.agent_id == agent_id
            }

    def _agents(self, state: Execution) -> set[str]:
        return {*state.header.agents, *state.graph.agents}

    def _verify_timers(self, state: Execution) -> None:
        header = state.header
        timed = {name: due for name, due in self.timed().items() if self._is_of(state, name)}
        expected: dict[str, dt.datetime] = {}
        for one, subtask in state.subtasks.items():
            if subtask.due_at:
                expected[f"delay|{header.execution_id}|{one}"] = subtask.due_at
            if subtask.timing_since and subtask.status in TIMED:
                budget = dt.timedelta(hours=state.graph.subtasks[one].timeout_hours)
                expected[f"timeout|{header.execution_id}|{one}"] = subtask.timing_since + budget
        if header.status not in (E.CREATED, E.COMPLETED, E.FAILED, E.CANCELLED):
            assert header.queued_at
            expected[f"limit|{header.execution_id}|"] = header.queued_at + LIMIT
        for name, due in expected.items():
            late = timed[name] - due
            assert dt.timedelta() <= late < dt.timedelta(milliseconds=1), name
        leased = [one for one, subtask in state.subtasks.items() if subtask.lease]
        names = {*expected, *(f"lease|{header.execution_id}|{one}" for one in leased)}
        if header.status.ended:
            names.add(f"retire|{header.execution_id}|")
        assert set(timed) == names

    def _is_of(self, state: Execution, name: str) -> bool:
        kind, execution_id, _ = name.split("|", 2)
        return kind != "offline" and execution_id == state.header.execution_id

    def _verify_lists(self, state: Execution) -> None:
        header = state.header
        states = state.subtasks.values()
        blockers = [header.blocker, *(subtask.blocker for subtask in states)]
        listed = [
            one.blocker
            for one in self.blockers.all(WORKSPACE)
            if one.execution_id == header.execution_id
        ]
        assert {one.blocker_id: one for one in listed} == {
            one.blocker_id: one for one in blockers if one
        }
        members = {
            agent_id
            for agent_id in self._agents(state)
            if header.execution_id in self.work.executions(WORKSPACE, agent_id)
        }
        assert members == (set() if header.status.ended else header.members)
