"""Executions in a real Redis, and what can be seen of them there."""

import datetime as dt
from typing import Any

import redis

from app.domain import commands as c
from app.domain.events import FIRST_HASH, chain, parse_event
from app.domain.execution import Execution, Lease, evolve
from app.domain.execution_graph import ExecutionGraph
from app.domain.states import ExecutionStatus, SubtaskStatus
from app.live.change import Delays
from app.live.executions import LiveExecutions, Outcome, Result
from app.live.keys import Keys
from app.live.log import Log
from app.live.scripts import Scripts
from app.live.timers import Timers
from app.live.work import Work
from tests.executions import (
    AGENT,
    EXECUTION,
    NOON,
    WORKSPACE,
    check,
    claim,
    completion,
    creation,
)

LEASE = dt.timedelta(minutes=15)
GRACE = dt.timedelta(seconds=60)
USER = {"actor": "user:1"}


class Scene:
    """One workspace in Redis, and a clock that stands until it is turned."""

    def __init__(self, client: redis.Redis, blocking: redis.Redis) -> None:
        self.client = client
        self.scripts = Scripts(client)
        self.live = LiveExecutions(client, self.scripts, Delays(LEASE, GRACE))
        self.work = Work(client, self.scripts)
        self.timers = Timers(client, self.scripts)
        self.log = Log(client, blocking)
        self.keys = Keys(WORKSPACE)
        self.now = NOON

    def start(self, graph: ExecutionGraph, execution_id: str = EXECUTION) -> Execution:
        """Create and start an execution."""
        commands = [creation(graph), c.StartExecution(**USER)]
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

    def timed(self) -> dict[str, dt.datetime]:
        """Give every timer and when it is due."""
        for_ever = self.now + dt.timedelta(days=9999)
        return {one.name: one.due_at for one in self.timers.due(WORKSPACE, for_ever, 10_000)}

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
        """Assert that log, chain, states, streams, leases and timers all tell the same."""
        state = self.whole(execution_id)
        check(state)
        self._verify_log(state)
        self._verify_places(state)
        self._verify_timers(state)
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
        dispatches = not header.status.ended and header.status is not ExecutionStatus.PAUSED
        for agent_id in {header.agent_id, *state.graph.agents}:
            mine = [one for one in state.subtasks if state.agent_of(one) == agent_id]
            desk = self.work.look(WORKSPACE, agent_id, self.now)
            entries = [
                entry.subtask_id
                for entry in desk.entries
                if entry.execution_id == header.execution_id
            ]
            ready = [one for one in mine if state.subtasks[one].status is SubtaskStatus.READY]
            assert sorted(entries) == (sorted(ready) if dispatches else [])
            leases = {
                held.subtask_id: held.lease
                for held in desk.leases
                if held.execution_id == header.execution_id
            }
            assert leases == {
                one: state.subtasks[one].lease for one in mine if state.subtasks[one].lease
            }

    def _verify_timers(self, state: Execution) -> None:
        execution_id = state.header.execution_id
        expected = {
            f"lease|{execution_id}|{one}" for one, s in state.subtasks.items() if s.lease
        } | {f"delay|{execution_id}|{one}" for one, s in state.subtasks.items() if s.due_at}
        if state.header.status.ended:
            expected.add(f"retire|{execution_id}|")
        assert {name for name in self.timed() if f"|{execution_id}|" in name} == expected
