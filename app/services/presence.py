"""Agents that were given up as off line and are heard of again."""

import contextlib

from app.domain import commands as c
from app.domain.agents import Agent
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.live.work import Work
from app.services.clock import Clock


class Presence:
    """Lets the executions of an agent go on that is back."""

    def __init__(self, live: LiveExecutions, work: Work, clock: Clock) -> None:
        self._live = live
        self._work = work
        self._clock = clock

    def welcome_back(self, agent: Agent) -> None:
        """Resolve what its absence held up; doing it twice changes nothing."""
        command, now = c.NoteAgentOnline(agent_id=agent.agent_id), self._clock()
        for execution_id in self._work.executions(agent.workspace_id, agent.agent_id):
            with contextlib.suppress(NotLive):
                self._live.execute(agent.workspace_id, execution_id, [command], now)
        self._work.mark_online(agent.workspace_id, agent.agent_id, now)
