"""Breaking plans down, as users ask for it and workers do it."""

import contextlib
import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from app.domain.agents import Capability
from app.domain.errors import DomainError, Fault, Invalid, NotFound
from app.domain.execution_graph import compile_graph
from app.domain.plan import Breakdown, Ordering, Plan, PlanStatus, Task
from app.domain.revision import mend
from app.live.locks import Locks
from app.record.agents import Agents
from app.record.breakdowns import Breakdowns
from app.record.decompositions import Decompositions, Wanted
from app.record.plans import Plans, StoredPlan
from app.services.frames import Frames
from app.services.identity import Principal
from app.services.jobs import Jobs
from app.services.model import Purpose
from app.services.plans import waiting_for_review
from app.services.single_tasks import made_anew
from app.services.strategies import Strategies
from app.services.views import View
from decomposer.breakdown import is_given
from decomposer.errors import ModelBusy
from decomposer.strategy import Defaults, Frame

_AGENTS_READ: Final = 500
_LOCK_LIFE: Final = dt.timedelta(hours=1)


class DecompositionService:
    """Turns every task of a plan into executable subtasks.

    By rules in one message; by a model in one message for each task, of which the last says how
    it ended.
    """

    def __init__(
        self,
        plans: Plans,
        breakdowns: Breakdowns,
        decompositions: Decompositions,
        agents: Agents,
        strategies: Strategies,
        defaults: Defaults,
        jobs: Jobs,
        locks: Locks,
    ) -> None:
        self._plans = plans
        self._breakdowns = breakdowns
        self._decompositions = decompositions
        self._agents = agents
        self._strategies = strategies
        self._defaults = defaults
        self._jobs = jobs
        self._locks = locks

    @property
    def has_model(self) -> bool:
        """Tell whether a model is set up."""
        return self._strategies.has_model

    def request(self, principal: Principal, plan_id: str, request: View) -> None:
        """Have a plan, or some of its tasks, broken down anew as another version.

        Raises:
            NotFound: There is no such plan.
            Invalid: It has no such task, there is no such agent, or no model is set up.
        """
        workspace_id = principal.workspace_id
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None:
            raise NotFound(f"There is no plan {plan_id!r}.")
        wanted = msgspec.convert(request, Wanted)
        if faults := self._faults(workspace_id, stored.plan, wanted):
            raise Invalid("This breakdown cannot be made.", faults)
        version = self._decompositions.begin(workspace_id, plan_id, wanted, principal.actor)
        self._jobs.decompose(workspace_id, plan_id, version)

    def _faults(self, workspace_id: str, plan: Plan, wanted: Wanted) -> list[Fault]:
        known = {task.task_id for task in plan.tasks}
        faults = [
            Fault("task_ids", f"the plan has no task {one!r}")
            for one in wanted.task_ids
            if one not in known
        ]
        if wanted.strategy == "llm" and not self._strategies.has_model:
            faults.append(Fault("strategy", "no model is set up: see PLANEXE_DECOMPOSITION_MODEL"))
        if wanted.agent_id and self._agents.get(workspace_id, wanted.agent_id) is None:
            faults.append(Fault("agent_id", f"there is no agent {wanted.agent_id!r}"))
        return faults

    def decompose(self, workspace_id: str, plan_id: str, version: int) -> None:
        """Break a plan down as this version; doing it again changes nothing.

        Where a model is to do it, this sends a message for each task that is left. A plan that
        cannot be broken down becomes FAILED and says why.
        """
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None or version < stored.decomposition_version:
            return
        wanted = self._decompositions.wanted(workspace_id, plan_id, version)
        made = self._decompositions.made(workspace_id, plan_id, version)
        tasks = [task for task in _asked(stored.plan, wanted) if task.task_id not in made]
        frames = self._frames(workspace_id, stored.plan, version, wanted)
        by_rules = self._strategies.by_rules()
        try:
            # Also where a model is to do it: what is wrong with the plan is found before it costs.
            found = [_as_wished(by_rules.task(task, frames.of(task)), wanted) for task in tasks]
            self._compile(workspace_id, stored, version, wanted, found)
        except DomainError as error:
            self._fail(workspace_id, plan_id, version, error)
            return
        left = [task for task in tasks if self._by_model(wanted) and not is_given(task)]
        waiting = {task.task_id for task in left}
        done = [one for one in found if one.task_id not in waiting]
        self._breakdowns.add(workspace_id, plan_id, version, done)
        for task in left:
            self._jobs.decompose_task(workspace_id, plan_id, version, task.task_id)
        self._settle(workspace_id, stored, version, wanted)

    def decompose_task(
        self,
        workspace_id: str,
        plan_id: str,
        version: int,
        task_id: str,
        holder: str,
        *,
        last_try: bool = False,
    ) -> None:
        """Have the model break one task down; doing it again, or twice at once, changes nothing.

        Args:
            workspace_id: Whose plan.
            plan_id: Which plan.
            version: As which version; nothing is done where another one has begun.
            task_id: Which task.
            holder: The message: while it is under way, another for the same task is let go.
            last_try: Take the rules where the model does not answer now.

        Raises:
            ModelBusy: Try again later.
        """
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None or version != stored.decomposition_version:
            return
        lock = f"decompose:{plan_id}:{version}:{task_id}"
        if not self._locks.take(workspace_id, lock, _LOCK_LIFE, holder):
            return
        wanted = self._decompositions.wanted(workspace_id, plan_id, version)
        try:
            if task_id not in self._decompositions.made(workspace_id, plan_id, version):
                task = next(one for one in stored.plan.tasks if one.task_id == task_id)
                frame = self._frames(workspace_id, stored.plan, version, wanted).of(task)
                purpose = Purpose(workspace_id, f"{plan_id}/{version}/{task_id}", plan_id)
                found = _as_wished(self._task(task, frame, purpose, last_try), wanted)
                with contextlib.suppress(NotFound):  # Deleted meanwhile.
                    self._breakdowns.add(workspace_id, plan_id, version, [found])
        finally:
            self._locks.release(workspace_id, lock)
        self._settle(workspace_id, stored, version, wanted)

    def _task(self, task: Task, frame: Frame, purpose: Purpose, last_try: bool) -> Breakdown:
        try:
            return self._strategies.by_model(purpose).task(task, frame)
        except ModelBusy as error:
            if not last_try:
                raise
            return self._strategies.instead(error).task(task, frame)

    def _by_model(self, wanted: Wanted) -> bool:
        return wanted.strategy != "rules" and self._strategies.has_model

    def _frames(self, workspace_id: str, plan: Plan, version: int, wanted: Wanted) -> Frames:
        before: Mapping[str, Breakdown] = {}
        if wanted.task_ids:
            before = self._breakdowns.of_plan(workspace_id, plan.plan_id, version - 1)
        known = functools.partial(self.capabilities, workspace_id)
        return Frames(plan, wanted, before, known, self._defaults)

    def capabilities(self, workspace_id: str, agent_id: str | None = None) -> list[Capability]:
        """Give what one agent can do, or what all of a workspace can; empty where none is known."""
        if agent_id is not None:
            agent = self._agents.get(workspace_id, agent_id)
            return agent.capabilities if agent else []
        agents = self._agents.page(workspace_id, _AGENTS_READ).items
        return [capability for agent in agents for capability in agent.capabilities]

    def _settle(self, workspace_id: str, stored: StoredPlan, version: int, wanted: Wanted) -> None:
        """Note the progress; whoever finds that nothing is left says how it ended."""
        plan_id = stored.plan.plan_id
        asked = [task.task_id for task in _asked(stored.plan, wanted)]
        if self._decompositions.progress(workspace_id, plan_id, version, asked) < len(asked):
            return
        try:
            found, mended = self._compile(workspace_id, stored, version, wanted)
        except DomainError as error:
            self._fail(workspace_id, plan_id, version, error)
            return
        self._breakdowns.add(workspace_id, plan_id, version, mended)
        ended = verdict(stored.plan, found)
        self._decompositions.finish(workspace_id, plan_id, version, *ended)

    def _compile(
        self,
        workspace_id: str,
        stored: StoredPlan,
        version: int,
        wanted: Wanted,
        new: Sequence[Breakdown] = (),
    ) -> tuple[dict[str, Breakdown], list[Breakdown]]:
        """Try whether all breakdowns fit together; give them, and those that had to be mended.

        Raises:
            DomainError: They do not, or one is missing.
        """
        plan_id = stored.plan.plan_id
        found = self._breakdowns.of_plan(workspace_id, plan_id, version)
        found |= {one.task_id: one for one in new}
        mended: list[Breakdown] = []
        if wanted.task_ids:
            before = self._breakdowns.of_plan(workspace_id, plan_id, version - 1)
            mended = _mended(before, found, wanted.task_ids)
        found |= {one.task_id: one for one in mended}
        compile_graph(stored.plan, found, Ordering.DEPENDENCIES)
        return found, mended

    def _fail(self, workspace_id: str, plan_id: str, version: int, error: DomainError) -> None:
        faults = "; ".join(f"{fault.where} {fault.message}" for fault in error.faults)
        message = f"{error} {faults}".strip()
        self._decompositions.finish(workspace_id, plan_id, version, PlanStatus.FAILED, message)


def _asked(plan: Plan, wanted: Wanted) -> list[Task]:
    chosen = set(wanted.task_ids)
    return [task for task in plan.tasks if not chosen or task.task_id in chosen]


def _as_wished(made: Breakdown, wanted: Wanted) -> Breakdown:
    wish = wanted.wish
    if wish is None or wish.task_id != made.task_id:
        return made
    return msgspec.structs.replace(made_anew(made, wish.note), edited_by=wish.by, edited_at=wish.at)


def _mended(
    before: Mapping[str, Breakdown], found: Mapping[str, Breakdown], asked: Sequence[str]
) -> list[Breakdown]:
    """Give the breakdowns of other tasks, where a step waited for one that is gone."""
    old, new = ({name: one.subtasks for name, one in all_.items()} for all_ in (before, found))
    told = ["Waits for other steps, since other tasks were broken down anew."]
    return [
        msgspec.structs.replace(found[name], subtasks=steps, usage={}, note="", changes=told)
        for name, steps in mend(old, new).items()
        if name not in set(asked)
    ]


def verdict(plan: Plan, found: Mapping[str, Breakdown]) -> tuple[PlanStatus, str]:
    """Say where a plan stands whose tasks are broken down, and why."""
    refusals = plan.gates.refusals
    if refusals:
        said = {"redline": plan.gates.redline, "go_no_go": plan.gates.go_no_go}
        told = ", ".join(f"{name} says {said[name]!r}" for name in refusals)
        return PlanStatus.REFUSED, f"The plan's own gates refuse it: {told}."
    waiting = waiting_for_review(found)
    if waiting:
        count = len(waiting)
        return PlanStatus.NEEDS_REVIEW, f"{count} of {len(found)} breakdowns wait for review."
    return PlanStatus.READY, ""
