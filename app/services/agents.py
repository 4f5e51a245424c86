"""Agents: registration, and what is known of them."""

import datetime as dt
import threading
from typing import Final

import msgspec

from app.domain.agents import Agent, Capability
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.ids import is_own_id, new_id
from app.live.work import Work
from app.record.agents import Agents
from app.record.errors import AlreadyExists
from app.record.pages import Page
from app.services.clock import Clock
from app.services.identity import Identity, Principal, make_key
from app.services.views import View, agent_view

AGENT_CACHE_LIFE: Final = dt.timedelta(seconds=15)
AGENTS_KNOWN_AT_MOST: Final = 20_000


class AgentTerms(msgspec.Struct, frozen=True):
    """What an agent is told when it registers. All in seconds."""

    poll_interval_seconds: int
    long_poll_max_seconds: int
    heartbeat_interval_seconds: int
    lease_seconds: int


class AgentService:
    """Registers agents and looks them up."""

    def __init__(
        self, agents: Agents, work: Work, identity: Identity, terms: AgentTerms, clock: Clock
    ) -> None:
        self._agents = agents
        self._work = work
        self._identity = identity
        self._terms = terms
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[dt.datetime, Agent]] = {}

    def register(self, principal: Principal, request: View) -> View:
        """Register an agent and give its key, which is shown this once.

        Raises:
            Invalid: The id cannot be one.
            Conflict: An agent of this id exists; a fresh key comes from ``new_key``.
        """
        agent_id: str = request.get("agent_id") or new_id("agent")
        if not is_own_id(agent_id):
            raise Invalid(f"agent_id {agent_id!r} may hold letters, digits and . _ : - only.")
        agent = Agent(
            agent_id=agent_id,
            workspace_id=principal.workspace_id,
            name=request["name"],
            capabilities=msgspec.convert(request["capabilities"], list[Capability]),
            created_at=self._clock(),
            role=request.get("role", ""),
            max_concurrent_tasks=request.get("max_concurrent_tasks", 1),
            webhook_url=request.get("webhook_url"),
        )
        key, stored = make_key("agent")
        try:
            self._agents.add(agent, stored)
        except AlreadyExists as error:
            message = f"Agent {agent_id!r} exists. POST /api/agents/{agent_id}/keys renews its key."
            raise Conflict(message) from error
        return self._welcome(agent_id, key)

    def new_key(self, principal: Principal, agent_id: str) -> View:
        """Give an agent another key; those it has keep working."""
        self.find(principal.workspace_id, agent_id)
        key = self._identity.new_agent_key(principal.workspace_id, agent_id)
        return self._welcome(agent_id, key)

    def find(self, workspace_id: str, agent_id: str) -> Agent:
        """Give an agent, at most 15 seconds old.

        Raises:
            NotFound: This workspace has no such agent.
        """
        now = self._clock()
        found = self._known.get((workspace_id, agent_id))
        if found and now - found[0] < AGENT_CACHE_LIFE:
            return found[1]
        agent = self._agents.get(workspace_id, agent_id)
        if agent is None:
            raise NotFound(f"There is no agent {agent_id!r}.")
        with self._lock:
            if len(self._known) > AGENTS_KNOWN_AT_MOST:
                self._known.clear()
            self._known[workspace_id, agent_id] = (now, agent)
        return agent

    def get(self, workspace_id: str, agent_id: str) -> View:
        """Give an agent with its last contact."""
        agent = self.find(workspace_id, agent_id)
        contacts = self._work.last_contacts(workspace_id, [agent_id])
        return agent_view(agent, contacts.get(agent_id))

    def page(self, workspace_id: str, limit: int = 50, cursor: str | None = None) -> Page[View]:
        """List agents with their last contact, newest first."""
        page = self._agents.page(workspace_id, limit, cursor)
        contacts = self._work.last_contacts(workspace_id, [one.agent_id for one in page.items])
        views = [agent_view(one, contacts.get(one.agent_id)) for one in page.items]
        return Page(views, page.next_cursor)

    def _welcome(self, agent_id: str, key: str) -> View:
        return {"agent_id": agent_id, "api_key": key, **msgspec.to_builtins(self._terms)}
