"""Agents: registration, and what is known of them."""

import contextlib
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from app.domain.agents import Agent, Capability
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.ids import is_own_id, new_id
from app.live.work import Work
from app.record.agents import NO_TRACK, Agents, TrackRecord
from app.record.errors import AlreadyExists, RecordUnavailable
from app.record.pages import Page
from app.services.clock import Clock
from app.services.identity import Identity, Principal, make_key
from app.services.remembered import Remembered
from app.services.views import View, agent_view

AGENTS_KNOWN_AT_MOST: Final = 20_000
NAMED_AT_MOST: Final = 3


class AgentTerms(msgspec.Struct, frozen=True):
    """What an agent is told when it registers. All in seconds."""

    poll_interval_seconds: int
    long_poll_max_seconds: int
    heartbeat_interval_seconds: int
    lease_seconds: int


class AgentService:
    """Registers agents and looks them up."""

    def __init__(
        self,
        agents: Agents,
        work: Work,
        identity: Identity,
        terms: AgentTerms,
        silence: dt.timedelta,
        clock: Clock,
    ) -> None:
        """Take what it needs; ``silence`` is how long an agent on line goes without a contact."""
        self._agents = agents
        self._work = work
        self._identity = identity
        self._terms = terms
        self._silence = silence
        self._clock = clock
        self._known = Remembered[tuple[str, str], Agent]("agents", AGENTS_KNOWN_AT_MOST, clock)

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

    def change(self, principal: Principal, agent_id: str, request: View) -> View:
        """Change an agent: its name, capabilities and so on; pause or resume it.

        A paused agent gets no work and keeps what it has; other processes know within 15 seconds.

        Raises:
            NotFound: This workspace has no such agent.
        """
        before = _existing(agent_id, self._agents.get(principal.workspace_id, agent_id))
        changes = {name: value for name, value in request.items() if name != "status"}
        if "capabilities" in changes:
            changes["capabilities"] = msgspec.convert(changes["capabilities"], list[Capability])
        if request.get("status") == "PAUSED" and before.paused_at is None:
            changes |= {"paused_at": self._clock(), "paused_by": principal.actor}
        elif request.get("status") == "ACTIVE":
            changes |= {"paused_at": None, "paused_by": None}
        self._agents.replace(msgspec.structs.replace(before, **changes))
        self._known.forget((principal.workspace_id, agent_id))
        self._work.wake(principal.workspace_id, agent_id)
        return self.get(principal.workspace_id, agent_id)

    def delete(self, principal: Principal, agent_id: str) -> None:
        """Delete an agent with its keys.

        Raises:
            NotFound: This workspace has no such agent.
            Conflict: It may still get work.
        """
        if found := self._work.executions(principal.workspace_id, agent_id):
            told = ", ".join(found[:NAMED_AT_MOST])
            more = f" and {len(found) - NAMED_AT_MOST} more" if len(found) > NAMED_AT_MOST else ""
            raise Conflict(
                f"{agent_id} may still get work in unfinished executions: {told}{more}. "
                "Reassign what is its, or cancel them, first."
            )
        if not self._agents.delete(principal.workspace_id, agent_id):
            raise NotFound(f"There is no agent {agent_id!r}.")
        self._known.forget((principal.workspace_id, agent_id))

    def find(self, workspace_id: str, agent_id: str) -> Agent:
        """Give an agent, at most 15 seconds old; older while PostgreSQL is away.

        Raises:
            NotFound: This workspace has no such agent.
            RecordUnavailable: PostgreSQL is away, and this process has not met the agent.
        """
        place = workspace_id, agent_id
        return _existing(agent_id, self._known.get(place, lambda: self._agents.get(*place)))

    def actions(self, workspace_id: str, agent_ids: Iterable[str]) -> dict[str, frozenset[str]]:
        """Say what each agent performs; unknown agents are left out."""
        found: dict[str, frozenset[str]] = {}
        for agent_id in agent_ids:
            with contextlib.suppress(NotFound):
                found[agent_id] = self.find(workspace_id, agent_id).actions
        return found

    def get(self, workspace_id: str, agent_id: str) -> View:
        """Give an agent with how it stands now."""
        return self._views(workspace_id, [self.find(workspace_id, agent_id)])[0]

    def page(self, workspace_id: str, limit: int = 50, cursor: str | None = None) -> Page[View]:
        """List agents with how they stand now, newest first."""
        page = self._agents.page(workspace_id, limit, cursor)
        return Page(self._views(workspace_id, page.items), page.next_cursor)

    def _views(self, workspace_id: str, agents: Sequence[Agent]) -> list[View]:
        agent_ids = [agent.agent_id for agent in agents]
        figures = self._work.figures(workspace_id, agent_ids)
        track: dict[str, TrackRecord] = {}
        with contextlib.suppress(RecordUnavailable):
            track = self._agents.track_records(workspace_id, agent_ids)
        heard_since = self._clock() - self._silence
        return [
            agent_view(agent, stands, track.get(agent.agent_id, NO_TRACK), heard_since)
            for agent, stands in zip(agents, figures, strict=True)
        ]

    def _welcome(self, agent_id: str, key: str) -> View:
        return {"agent_id": agent_id, "api_key": key, **msgspec.to_builtins(self._terms)}


def _existing(agent_id: str, agent: Agent | None) -> Agent:
    if agent is None:
        raise NotFound(f"There is no agent {agent_id!r}.")
    return agent
