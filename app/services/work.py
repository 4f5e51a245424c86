"""Handing out work: the poll of an agent."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec

from app.domain import commands as c
from app.domain.agents import Agent
from app.domain.execution import Execution
from app.live.errors import AtCapacity, NotLive
from app.live.executions import LiveExecutions
from app.live.wakeups import Wakeups
from app.live.work import AgentDesk, HeldLease, Work, WorkEntry
from app.services.agents import AgentService
from app.services.clock import Clock
from app.services.identity import Principal
from app.services.presence import Presence
from app.services.views import View, control_view, work_view


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent asks.

    ``actions`` None means all it is registered for; ``wait_seconds`` 0 answers at once; ``most``
    is how many subtasks at a time. ``is_heard`` tells whether the caller is still there: an agent
    that died while it waited gets no lease.
    """

    actions: frozenset[str] | None = None
    wait_seconds: float = 0
    most: int = 1
    instance: str = ""
    poll_id: str = ""
    is_heard: Callable[[], bool] = lambda: True


class WorkService:
    """Leases ready subtasks to agents that ask, and lets them wait for more."""

    def __init__(
        self,
        live: LiveExecutions,
        work: Work,
        wakeups: Wakeups,
        agents: AgentService,
        presence: Presence,
        lease: dt.timedelta,
        clock: Clock,
    ) -> None:
        self._live = live
        self._work = work
        self._wakeups = wakeups
        self._agents = agents
        self._presence = presence
        self._lease = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._in_hand: set[tuple[str, str]] = set()

    def stop(self) -> None:
        """Answer every waiting poll, for the end of the process."""
        self._wakeups.stop()

    def waiting(self) -> int:
        """Count the waiting polls of this process."""
        return self._wakeups.waiting()

    def poll(self, principal: Principal, agent_id: str, poll: Poll) -> View | None:
        """Give work, or None where none came within the time.

        Raises:
            NotFound: This workspace has no such agent.
        """
        agent = self._agents.find(principal.workspace_id, agent_id)
        deadline = self._clock() + dt.timedelta(seconds=poll.wait_seconds)
        with self._wakeups.waiter(agent.workspace_id, agent_id) as waiter:
            while poll.is_heard():
                found = self._take(agent, poll)
                left = (deadline - self._clock()).total_seconds()
                if found or left <= 0 or self._wakeups.stopped:
                    return found
                waiter.wait(left)
        return None

    def _take(self, agent: Agent, poll: Poll) -> View | None:
        desk = self._work.look(agent.workspace_id, agent.agent_id, self._clock())
        if desk.was_offline:
            self._presence.welcome_back(agent)
            # What its absence held up has come into its stream only now.
            desk = self._work.look(agent.workspace_id, agent.agent_id, self._clock())
        if agent.paused_at is not None:
            return None
        held = _redeliverable(agent, poll, desk.leases)[: poll.most]
        given = [one for one in (self._redeliver(agent, lease) for lease in held) if one]
        if given:
            return _answer(given)
        room = agent.max_concurrent_tasks - len(desk.leases)
        taken = self._claim(agent, poll, desk, min(poll.most, room))
        return _answer(taken)

    def _redeliver(self, agent: Agent, held: HeldLease) -> tuple[Execution, View] | None:
        """Give a lease again that its holder seems not to know of."""
        try:
            subtask_ids = self._with_inputs(agent.workspace_id, held)
            execution = self._live.part(agent.workspace_id, held.execution_id, subtask_ids)
        except NotLive:
            return None
        state = execution.subtasks.get(held.subtask_id)
        if state is None or state.lease != held.lease:
            return None
        place = (held.execution_id, held.subtask_id)
        ends_at = self._work.lease_end(agent.workspace_id, *place) or self._clock()
        return execution, work_view(execution, place[1], ends_at, redelivered=True)

    def _with_inputs(self, workspace_id: str, held: HeldLease) -> list[str]:
        graph = self._live.part(workspace_id, held.execution_id, ()).graph
        return [held.subtask_id, *graph.inputs(held.subtask_id)]

    def _claim(
        self, agent: Agent, poll: Poll, desk: AgentDesk, most: int
    ) -> list[tuple[Execution, View]]:
        claimant = claimant_of(agent, poll.actions, poll.instance, poll.poll_id)
        taken: list[tuple[Execution, View]] = []
        if most <= 0:
            return taken
        for entry in self._entries(agent, desk):
            if claimant.performs(entry.action) and self._reserve(entry):
                try:
                    taken += self._lease_out(agent, claimant, entry)
                except AtCapacity:
                    break
                finally:
                    self._release(entry)
            if len(taken) >= most:
                break
        return taken

    def _entries(self, agent: Agent, desk: AgentDesk) -> Iterator[WorkEntry]:
        yield from desk.entries
        if desk.entries:
            last = desk.entries[-1]
            yield from self._work.beyond(agent.workspace_id, agent.agent_id, last)

    def _lease_out(
        self, agent: Agent, claimant: c.Claimant, entry: WorkEntry
    ) -> Sequence[tuple[Execution, View]]:
        now = self._clock()
        command = c.ClaimSubtask(subtask_id=entry.subtask_id, claimant=claimant)
        try:
            result = self._live.execute(
                agent.workspace_id,
                entry.execution_id,
                [command],
                now,
                lease_limit=agent.max_concurrent_tasks,
            )
        except NotLive:
            return ()
        if result.outcomes[0].refusal:
            return ()  # Somebody was faster, or it was paused just now.
        view = work_view(result.after, entry.subtask_id, now + self._lease, redelivered=False)
        return [(result.after, view)]

    def _reserve(self, entry: WorkEntry) -> bool:
        """Keep two polls of this process from racing for one entry."""
        with self._lock:
            place = (entry.execution_id, entry.subtask_id)
            if place in self._in_hand:
                return False
            self._in_hand.add(place)
            return True

    def _release(self, entry: WorkEntry) -> None:
        with self._lock:
            self._in_hand.discard((entry.execution_id, entry.subtask_id))


def claimant_of(
    agent: Agent, actions: frozenset[str] | None = None, instance: str = "", poll_id: str = ""
) -> c.Claimant:
    """Name an agent that asks for work, with what it can do now."""
    return c.Claimant(
        agent_id=agent.agent_id,
        actions=agent.actions if actions is None else actions,
        instance=instance,
        poll_id=poll_id,
    )


def _redeliverable(agent: Agent, poll: Poll, leases: Sequence[HeldLease]) -> Sequence[HeldLease]:
    """Choose the leases to give again: those of this very poll, or the one of a one-task agent."""
    same = [one for one in leases if poll.poll_id and one.lease.poll_id == poll.poll_id]
    return same or (leases[:1] if agent.max_concurrent_tasks == 1 else ())


def _answer(taken: Sequence[tuple[Execution, View]]) -> View | None:
    if not taken:
        return None
    header = taken[0][0].header
    control = control_view(header)
    tasks = [view for _, view in taken]
    return {
        "work_available": True,
        "execution_id": header.execution_id,
        "plan_id": header.plan_id,
        "next_task": tasks[0],
        "tasks": tasks,
        "force_pause": control["force_pause"],
        "force_cancel": control["force_cancel"],
    }
