"""Taking in what agents report: single events and batches, in one commit each."""

import datetime as dt
import random
from collections.abc import Sequence

import msgspec

from app.domain import commands as c
from app.domain.agents import Agent
from app.domain.errors import DomainError, StaleLease
from app.domain.events import EventType
from app.domain.execution import Execution, Header
from app.domain.execution_graph import ExecutionGraph
from app.domain.ids import new_id
from app.domain.states import ExecutionStatus
from app.live.errors import AtCapacity, NotLive
from app.live.executions import LiveExecutions
from app.live.outcomes import Outcome, Receipt
from app.live.work import Work
from app.record.executions import Executions
from app.services.agents import AgentService
from app.services.clock import Clock
from app.services.errors import gone
from app.services.identity import Principal
from app.services.presence import Presence
from app.services.views import View, control_view, work_view
from app.services.work import Poll, WorkService, claimant_of


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the next work along with a report: as a poll would, without waiting."""

    actions: frozenset[str] | None = None
    instance: str = ""
    poll_id: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What came of one event: a view for the agent, or a refusal."""

    view: View | None = None
    refusal: DomainError | None = None


class ReportService:
    """Turns agents' events into commands and receipts into answers."""

    def __init__(
        self,
        live: LiveExecutions,
        work: Work,
        record: Executions,
        agents: AgentService,
        desk: WorkService,
        presence: Presence,
        lease: dt.timedelta,
        wait_policy: c.WaitPolicy,
        clock: Clock,
    ) -> None:
        self._live = live
        self._work = work
        self._desk = desk
        self._record = record
        self._agents = agents
        self._presence = presence
        self._lease = lease
        self._wait_policy = wait_policy
        self._clock = clock

    def report(
        self,
        principal: Principal,
        execution_id: str,
        reports: Sequence[c.Report],
        *,
        claim: Claim | None = None,
    ) -> list[Answer]:
        """Apply events in order; a refused one does not hold up the others.

        Args:
            principal: The agent.
            execution_id: What the events are about.
            reports: At least one, without ``event_id`` where the agent gave none.
            claim: Also lease what the last event unlocks, or else what a poll would give.

        Raises:
            NotFound: There is no such execution, or it is not this agent's.
            Terminal: The execution has ended and is no longer live.
            BeingRecovered: Redis has lost the execution; send the same again.
        """
        agent = self._agents.find(principal.workspace_id, principal.agent_id or "")
        commands = [self._prepare(one) for one in reports]
        if claim and agent.paused_at is None:
            claimant = claimant_of(agent, claim.actions, claim.instance, claim.poll_id)
            commands[-1] = msgspec.structs.replace(commands[-1], claimant=claimant)
        now = self._clock()
        limit = agent.max_concurrent_tasks if claim else 0
        try:
            result = self._live.execute(
                agent.workspace_id,
                execution_id,
                commands,
                now,
                lease_limit=limit,
                contact=agent.agent_id,
            )
        except NotLive as error:
            raise self._gone(principal, execution_id) from error
        except AtCapacity:
            return self.report(principal, execution_id, reports)
        self._extend(principal, execution_id, commands, result.outcomes, now)
        if result.was_offline:
            self._presence.welcome_back(agent)
        answers = [self._answer(agent, result.after, one, now) for one in result.outcomes]
        if claim and (view := answers[-1].view) and "next_task" not in view:
            view.update(self._next(principal, claim))
        return answers

    def _next(self, principal: Principal, claim: Claim) -> View:
        """Lease work that the report did not unlock, as a poll would."""
        poll = Poll(actions=claim.actions, instance=claim.instance, poll_id=claim.poll_id)
        found = self._desk.poll(principal, principal.agent_id or "", poll)
        if found is None:
            return {}
        task = found["next_task"]
        return {"next_task": task, "next_task_id": task["task_id"], "next_action": "execute"}

    def _prepare(self, report: c.Report) -> c.Report:
        # Back-off is spread by chance, not kept secret.
        return msgspec.structs.replace(
            report,
            event_id=report.event_id or new_id("evt"),
            wait_policy=self._wait_policy,
            jitter=random.random(),  # noqa: S311
        )

    def _gone(self, principal: Principal, execution_id: str) -> Exception:
        """Tell an execution that has left Redis from one that never was, or is another's."""
        header = self._record.get(principal.workspace_id, execution_id)
        if header and not self._involves(header, principal.agent_id or ""):
            header = None
        return gone(header, execution_id)

    def _involves(self, header: Header, agent_id: str) -> bool:
        if header.agent_id == agent_id:
            return True
        packed = self._record.graph(header.workspace_id, header.graph_id)
        return packed is not None and agent_id in ExecutionGraph.unpack(packed).agents

    def _extend(
        self,
        principal: Principal,
        execution_id: str,
        commands: Sequence[c.Report],
        outcomes: Sequence[Outcome],
        now: dt.datetime,
    ) -> None:
        """Extend what heartbeats name; events of other kinds do so in their own commit."""
        for report, outcome in zip(commands, outcomes, strict=True):
            if report.event_type is not EventType.HEARTBEAT or outcome.refusal:
                continue
            named = [(execution_id, report.task_id)] if report.task_id else []
            agent_id = principal.agent_id or ""
            self._work.extend(principal.workspace_id, agent_id, now, now + self._lease, named)

    def _answer(self, agent: Agent, after: Execution, outcome: Outcome, now: dt.datetime) -> Answer:
        receipt = outcome.receipt
        if outcome.refusal or receipt is None:
            return Answer(refusal=outcome.refusal or StaleLease("Nothing was done."))
        control = control_view(after.header)
        view: View = {
            "event_id": receipt.event_id,
            "execution_id": after.header.execution_id,
            "plan_id": after.header.plan_id,
            "seq": receipt.seq,
            "recorded_at": receipt.recorded_at,
            "status": receipt.status,
            "next_task_id": receipt.claimed or receipt.unlocked,
            "next_action": _next_action(receipt),
            "status_message": receipt.status_message,
            "force_pause": control["force_pause"],
            "force_cancel": control["force_cancel"],
            "lease_expires_at": now + self._lease,
        }
        if receipt.asks:
            view |= {"human_review_required": True, "next_step_options": receipt.asks}
        claimed = receipt.claimed
        state = after.subtasks.get(claimed or "")
        # A repeat may come when what was claimed along with it is another agent's by now.
        if claimed and state and state.lease and state.lease.agent_id == agent.agent_id:
            ends_at = receipt.recorded_at + self._lease
            view["next_task"] = work_view(after, claimed, ends_at, redelivered=outcome.repeated)
        return Answer(view)


def _next_action(receipt: Receipt) -> str:
    """Say in one word what an agent does next."""
    if receipt.status.ended:
        return "stop"
    if receipt.status is ExecutionStatus.PAUSED:
        return "pause"
    return "execute" if receipt.claimed else "poll"
