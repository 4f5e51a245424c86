"""Executions: create, start, look up, pause, resume, cancel."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from app.domain import commands as c
from app.domain.decide import legal_moves
from app.domain.errors import ApprovalRequired, Conflict, DomainError, Fault, IllegalMove, NotFound
from app.domain.execution import Execution, Header
from app.domain.execution_graph import ExecutionGraph, compile_graph, graph_id
from app.domain.ids import new_id
from app.domain.matching import unmatched
from app.domain.plan import Breakdown, Ordering, PlanStatus
from app.domain.schedule import Outlook, look_ahead
from app.domain.states import ExecutionStatus
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.record.archives import Archives
from app.record.breakdowns import Breakdowns
from app.record.errors import AlreadyExists
from app.record.executions import Executions, Sort
from app.record.pages import Page
from app.record.plans import Plans, StoredPlan
from app.services.agents import AgentService
from app.services.clock import Clock
from app.services.errors import BeingRecovered
from app.services.explainer import Explainer
from app.services.identity import Principal
from app.services.plans import waiting_for_review
from app.services.schedules import Schedules
from app.services.views import View, control_view, execution_view, tree_view

_LOOKS: Final = 10
"""How often a page is filled up where the record does not know of the latest moves yet."""

_CONTROLS = {
    ExecutionStatus.PAUSED: c.PauseExecution,
    ExecutionStatus.CANCELLED: c.CancelExecution,
}


class ExecutionService:
    """Creates and controls executions, and tells where they stand."""

    def __init__(
        self,
        live: LiveExecutions,
        record: Executions,
        archives: Archives,
        plans: Plans,
        breakdowns: Breakdowns,
        agents: AgentService,
        explainer: Explainer,
        clock: Clock,
        risky_words: Collection[str] = (),
    ) -> None:
        self._schedules = Schedules()
        self._live = live
        self._record = record
        self._archives = archives
        self._plans = plans
        self._breakdowns = breakdowns
        self._agents = agents
        self._explainer = explainer
        self._clock = clock
        self._risky_words = risky_words

    def create(self, principal: Principal, request: View, execution_id: str = "") -> View:
        """Create an execution of a plan's present version, and start it unless told not to.

        Creating one of the same ``execution_id`` again gives the first.

        Raises:
            NotFound: There is no such plan or agent.
            ApprovalRequired: A gate refuses the plan without an override, or a breakdown waits
                for review; the faults name each.
            Conflict: The plan is not broken down yet.
        """
        workspace_id, agent_id = principal.workspace_id, request["agent_id"]
        self._agents.find(workspace_id, agent_id)
        stored = self._plans.get(workspace_id, request["plan_id"])
        if stored is None:
            raise NotFound(f"There is no plan {request['plan_id']!r}.")
        approvals: dict[str, Any] = request.get("approvals") or {}
        version = stored.decomposition_version
        breakdowns = self._breakdowns.of_plan(workspace_id, stored.plan.plan_id, version)
        _refuse_unapproved(stored, breakdowns, approvals)
        ordering = Ordering(request.get("ordering", Ordering.DEPENDENCIES))
        graph = compile_graph(stored.plan, breakdowns, ordering, self._risky_words)
        packed = graph.pack()
        create = c.CreateExecution(
            actor=principal.actor,
            plan_id=stored.plan.plan_id,
            plan_version=version,
            graph_id=graph_id(packed),
            ordering=ordering,
            agent_id=agent_id,
            approvals=approvals,
            relaxed_actions=approvals.get("relaxed_actions") or [],
            targets=stored.plan.targets,
        )
        commands: list[c.Command] = [create]
        if request.get("start", True):
            unborn = Execution.unborn(graph, "", workspace_id)
            misfits = self._unmatched(unborn, agent_id)
            commands.append(c.StartExecution(actor=principal.actor, unmatched=misfits))
        born = self._bear(
            execution_id or new_id("exec"), workspace_id, packed, commands, create, stored
        )
        return execution_view(born)

    def _bear(
        self,
        execution_id: str,
        workspace_id: str,
        packed: bytes,
        commands: list[c.Command],
        create: c.CreateExecution,
        stored: StoredPlan,
    ) -> Header:
        """Note the execution in the record, then bring it to life: lists show it at once."""
        now = self._clock()
        unborn = Header(
            execution_id=execution_id,
            workspace_id=workspace_id,
            plan_id=create.plan_id,
            plan_version=create.plan_version,
            graph_id=create.graph_id,
            ordering=create.ordering,
            title=stored.plan.title,
            agent_id=create.agent_id,
            tasks_total=len(stored.plan.tasks),
            created_at=now,
            updated_at=now,
        )
        try:
            self._record.add(unborn, create.actor, packed)
        except AlreadyExists:  # An earlier try came so far, or further.
            earlier = self.header(workspace_id, execution_id)
            if earlier.status.ended:
                return earlier
            if earlier.seq and not self._live.headers(workspace_id, [execution_id]):
                raise BeingRecovered(execution_id) from None
        try:
            return self._live.create(
                workspace_id, unborn.execution_id, packed, commands, now
            ).header
        except DomainError:
            # Not for a lost connection: then it may have been born after all.
            self._record.forget_unborn(unborn.execution_id)
            raise

    def page(
        self,
        workspace_id: str,
        plan_id: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        text: str = "",
        among: Collection[str] | None = None,
        sort: str = Sort.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[View]:
        """List executions, each as it stands now.

        A page by status may be short although there is a next one.
        """
        shown: list[View] = []
        for _ in range(_LOOKS):
            page = self._record.page(
                workspace_id,
                plan_id=plan_id,
                agent_id=agent_id,
                status=ExecutionStatus(status) if status else None,
                or_live=True,
                text=text,
                among=among,
                sort=Sort(sort),
                limit=limit - len(shown),
                cursor=cursor,
            )
            live = self._live.headers(workspace_id, [one.execution_id for one in page.items])
            headers = [live.get(one.execution_id, one) for one in page.items]
            shown += [execution_view(one) for one in headers if status in (None, one.status)]
            cursor = page.next_cursor
            if cursor is None or len(shown) >= limit:
                break
        return Page(shown, cursor)

    def latest(self, workspace_id: str, plan_ids: Sequence[str]) -> dict[str, View]:
        """Give the newest execution of each plan as it stands now, by plan, where there is one."""
        found = self._record.latest(workspace_id, plan_ids)
        live = self._live.headers(workspace_id, [one.execution_id for one in found.values()])
        return {
            plan_id: execution_view(live.get(one.execution_id, one))
            for plan_id, one in found.items()
        }

    def header(self, workspace_id: str, execution_id: str) -> Header:
        """Give an execution's header, live or from the record.

        Raises:
            NotFound: This workspace has no such execution.
        """
        try:
            return self._live.header(workspace_id, execution_id)
        except NotLive:
            recorded = self._record.get(workspace_id, execution_id)
        if recorded is None:
            raise NotFound(f"There is no execution {execution_id!r}.")
        return recorded

    def get(self, workspace_id: str, execution_id: str) -> View:
        """Give an execution with its progress.

        Raises:
            NotFound: This workspace has no such execution.
        """
        return self.view_of(self.execution(workspace_id, execution_id))

    def view_of(self, execution: Execution) -> View:
        """Give an execution that is at hand, with everything loaded."""
        return execution_view(execution.header, self._outlook(execution).end)

    def status(self, principal: Principal, execution_id: str) -> View:
        """Tell an agent whether to go on.

        Raises:
            NotFound: There is none, or it is not this agent's.
        """
        if principal.agent_id is None:
            return control_view(self.header(principal.workspace_id, execution_id))
        execution = self.execution(principal.workspace_id, execution_id, whole=False)
        if not execution.involves(principal.agent_id):
            raise NotFound(f"There is no execution {execution_id!r}.")
        return control_view(execution.header)

    def execution(self, workspace_id: str, execution_id: str, *, whole: bool = True) -> Execution:
        """Give an execution, live or from the record; not ``whole`` means without subtasks.

        Raises:
            NotFound: This workspace has no such execution.
        """
        try:
            if whole:
                return self._live.whole(workspace_id, execution_id)
            return self._live.part(workspace_id, execution_id, ())
        except NotLive:
            return self._recorded(workspace_id, execution_id, whole=whole)

    def tree(self, workspace_id: str, execution_id: str) -> View:
        """Give phases → tasks → subtasks with their states, and why those not done do not run.

        Raises:
            NotFound: This workspace has no such execution.
        """
        return self.tree_of(self.execution(workspace_id, execution_id))

    def tree_of(self, execution: Execution) -> View:
        """Give the tree of an execution that is at hand, with everything loaded."""
        outlook = self._outlook(execution)
        return tree_view(execution, self._explainer.lines(execution), outlook)

    def _outlook(self, execution: Execution) -> Outlook:
        return look_ahead(self._schedules.of(execution), execution, self._clock())

    def control(self, principal: Principal, execution_id: str, request: View) -> View:
        """Pause, resume (or start, or take up again after a failure), cancel, reassign.

        Raises:
            NotFound: This workspace has no such execution or agent.
            IllegalMove: The execution's status does not allow it; names what it allows.
            Terminal: It has ended and cannot be reassigned.
            BeingRecovered: Redis has lost it.
            Archived: It failed long ago: its events have to be brought back first.
        """
        workspace_id = principal.workspace_id
        execution = self.execution(workspace_id, execution_id)
        commands = self._commands(principal, execution, request)
        now = self._clock()
        status = execution.header.status
        if status is ExecutionStatus.FAILED:
            self._archives.refuse_archived(execution_id)
            self._live.restore(execution, now)
        try:
            result = self._live.execute(workspace_id, execution_id, commands, now, atomic=True)
        except NotLive as error:
            if not status.ended:
                raise BeingRecovered(execution_id) from error
            wanted = request.get("status") or "reassigned"
            raise IllegalMove(status, wanted, legal_moves(status)) from error
        for outcome in result.outcomes:
            if outcome.refusal:
                raise outcome.refusal
        return execution_view(result.after.header)

    def _commands(
        self, principal: Principal, execution: Execution, request: View
    ) -> list[c.Command]:
        """Say in commands what a PATCH asks for: another agent, another status, or both.

        A failed execution is taken up again first, since nothing else can be asked of it.
        """
        actor, reason = principal.actor, request.get("reason") or ""
        agent_id: str = request.get("agent_id") or ""
        if agent_id:
            self._agents.find(principal.workspace_id, agent_id)
        # A pause or a cancel asks nothing of PostgreSQL, which may be away just then.
        matched = agent_id or request.get("status") == ExecutionStatus.RUNNING
        misfits = self._unmatched(execution, agent_id) if matched else {}
        commands: list[c.Command] = []
        if agent_id:
            commands.append(
                c.ReassignExecution(
                    actor=actor, agent_id=agent_id, reason=reason, unmatched=misfits
                )
            )
        if status := request.get("status"):
            wanted = ExecutionStatus(status)
            starts = wanted is ExecutionStatus.RUNNING
            if starts and execution.header.status is ExecutionStatus.CREATED:
                commands.append(c.StartExecution(actor=actor, unmatched=misfits))
            elif starts:
                commands.append(c.ResumeExecution(actor=actor, reason=reason, unmatched=misfits))
            else:
                commands.append(_CONTROLS[wanted](actor=actor, reason=reason))
        if execution.header.status is ExecutionStatus.FAILED:
            commands.reverse()
        return commands

    def _unmatched(self, execution: Execution, agent_id: str) -> dict[str, str]:
        workspace_id = execution.header.workspace_id
        assigned = {one.assigned_to for one in execution.subtasks.values() if one.assigned_to}
        named = {agent_id or execution.header.agent_id, *execution.graph.agents, *assigned}
        return unmatched(execution, self._agents.actions(workspace_id, named), agent_id)

    def _recorded(self, workspace_id: str, execution_id: str, *, whole: bool) -> Execution:
        header = self._record.get(workspace_id, execution_id)
        packed = self._record.graph(workspace_id, header.graph_id) if header else None
        if header is None or packed is None:
            raise NotFound(f"There is no execution {execution_id!r}.")
        subtasks, tasks = self._record.states(execution_id) if whole else ({}, {})
        return Execution(ExecutionGraph.unpack(packed), header, subtasks, tasks)


def _refuse_unapproved(
    stored: StoredPlan, breakdowns: dict[str, Breakdown], approvals: dict[str, Any]
) -> None:
    """Let nothing start that a gate or a missing review holds back."""
    if stored.status in (PlanStatus.IMPORTING, PlanStatus.DECOMPOSING):
        raise Conflict("The plan is still being broken down.")
    if stored.status is PlanStatus.FAILED:
        raise Conflict(f"The plan could not be broken down: {stored.status_message}")
    faults = [
        Fault(f"approvals.{gate}", "this gate refuses the plan; give a reason to override it")
        for gate in stored.plan.gates.refusals
        if not (approvals.get(gate) or {}).get("reason")
    ]
    faults += [
        Fault(f"tasks.{task_id}", "this breakdown waits for review; approve it first")
        for task_id in waiting_for_review(breakdowns)
    ]
    if faults:
        raise ApprovalRequired("The plan may not start yet: something needs approval.", faults)
