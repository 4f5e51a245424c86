"""Review: people accept breakdowns, or change them. Every change is a new version.

A change names the version it was made from, and is refused where that is no longer the newest. The
plan is held still while it is carried out, so no two changes meet. Executions keep the version they
were started with.
"""

import logging
from collections.abc import Mapping, Sequence

import msgspec

from app.domain.agents import Capability
from app.domain.errors import Conflict, Invalid, InvalidPlan, NotFound
from app.domain.execution_graph import compile_graph
from app.domain.operations import read_operations, read_steps
from app.domain.plan import Breakdown, Ordering, Plan, PlanStatus, Subtask, Task, Wish
from app.domain.revision import Revised, replace, revise, written
from app.record.decompositions import Wanted
from app.record.revisions import OpenPlan, Revisions
from app.services.clock import Clock
from app.services.decomposition import verdict
from app.services.errors import LiveUnavailable
from app.services.identity import Principal
from app.services.jobs import Jobs
from app.services.single_tasks import SingleTasks
from app.services.views import View, breakdown_view
from decomposer.revision import BY_HAND, Revision

logger = logging.getLogger(__name__)

_UNDER_WAY = frozenset({PlanStatus.IMPORTING, PlanStatus.DECOMPOSING})


class ReviewService:
    """Accepts, changes and replaces breakdowns of single tasks."""

    def __init__(
        self,
        revisions: Revisions,
        tasks: SingleTasks,
        jobs: Jobs,
        clock: Clock,
    ) -> None:
        self._revisions = revisions
        self._tasks = tasks
        self._jobs = jobs
        self._clock = clock

    def approve(
        self, principal: Principal, plan_id: str, task_id: str, version: int | None = None
    ) -> View:
        """Accept a breakdown that needs review; approving again changes nothing.

        Raises:
            NotFound: There is no such plan or task, or it has no breakdown yet.
            Conflict: ``version`` is not the newest: look at that one first.
        """
        with self._revisions.open(principal.workspace_id, plan_id) as plan:
            base = _newest(plan, task_id, version)
            if not base.version:
                raise NotFound(f"Task {task_id!r} of this plan has no breakdown.")
            plan.approve(task_id, principal.actor, self._clock())
            if plan.stored.status is PlanStatus.NEEDS_REVIEW:
                _settle(plan)
            return breakdown_view(plan.found[task_id])

    def revise(self, principal: Principal, plan_id: str, task_id: str, request: View) -> View:
        """Carry out operations on a breakdown, all or none.

        Raises:
            NotFound: There is no such plan or task.
            Invalid: An operation cannot be read or carried out; the faults name it.
            Conflict: Somebody changed the breakdown meanwhile, or it is being made.
        """
        operations = read_operations(request["operations"])
        known = self._known(principal, plan_id, task_id)
        with self._revisions.open(principal.workspace_id, plan_id) as plan:
            base = _changeable(plan, task_id, request.get("version"))
            reserved = _reserved(plan.stored.plan, task_id)
            done = revise(_steps(plan), task_id, operations, self._tasks.defaults, reserved)
            made = self._judged(plan, base, done, known)
            return self._keep(principal, plan, made, done, request)

    def write(self, principal: Principal, plan_id: str, task_id: str, request: View) -> View:
        """Put a manual breakdown in place of whatever there is.

        Raises:
            NotFound: There is no such plan or task.
            Invalid: A step cannot be read, or steps wait for what is not there or in a circle.
            Conflict: Somebody changed the breakdown meanwhile, or it is being made.
        """
        asked = read_steps(request["subtasks"])
        known = self._known(principal, plan_id, task_id)
        with self._revisions.open(principal.workspace_id, plan_id) as plan:
            old = _changeable(plan, task_id, request.get("version"))
            reserved = _reserved(plan.stored.plan, task_id)
            steps = _steps(plan)
            present = {step.subtask_id for step in old.subtasks}
            elsewhere = reserved | _elsewhere(steps, task_id)
            subtasks = written(asked, task_id, self._tasks.defaults, elsewhere, present)
            done = replace(steps, task_id, subtasks, reserved)
            base = Breakdown(task_id, BY_HAND, 0.0, [], [])
            made = self._judged(plan, base, done, known)
            return self._keep(principal, plan, made, done, request)

    def regenerate(
        self, principal: Principal, plan_id: str, task_id: str, request: View
    ) -> View | None:
        """Break one task down anew, with a note to whoever does it.

        A model does it through the queue, where one is set up and the request's ``strategy`` is
        not ``rules``, as another decomposition version: then the answer is None, and until it is
        done the plan is not changed. Rules do it at once; the plan is not held meanwhile, so a
        change that comes first wins.

        Raises:
            NotFound: There is no such plan or task.
            Conflict: Somebody changed the breakdown meanwhile, or it is being made.
        """
        note = request.get("message") or ""
        with self._revisions.open(principal.workspace_id, plan_id) as plan:
            version = _changeable(plan, task_id, request.get("version")).version
            task, whole = _task(plan.stored.plan, task_id), plan.stored.plan
            rules = request.get("strategy") == "rules"
            begun = None if rules else self._begin(principal, plan, task, note)
        if begun is not None:
            self._send(principal, plan_id, begun)
            return None
        known = self._tasks.capabilities(principal.workspace_id, task)
        made = self._tasks.again(whole, task, known, note)
        with self._revisions.open(principal.workspace_id, plan_id) as plan:
            _changeable(plan, task_id, version)
            done = replace(_steps(plan), task_id, made.subtasks, _reserved(whole, task_id))
            done = msgspec.structs.replace(done, told=made.changes)
            made = msgspec.structs.replace(made, subtasks=done.steps[task_id])
            return self._keep(principal, plan, made, done, {"note": note})

    def _begin(self, principal: Principal, plan: OpenPlan, task: Task, note: str) -> int | None:
        """Begin a version for one task; None where it takes no model."""
        if not self._tasks.asks_model(task):
            return None
        wish = Wish(task.task_id, note, principal.actor, self._clock())
        return plan.begin(Wanted(task_ids=[task.task_id], wish=wish), principal.actor)

    def _send(self, principal: Principal, plan_id: str, version: int) -> None:
        try:
            self._jobs.decompose(principal.workspace_id, plan_id, version)
        except LiveUnavailable:
            # It has begun, so it is accepted; maintenance asks for it again.
            logger.warning("breakdown is asked for later", extra={"plan_id": plan_id})

    def _known(self, principal: Principal, plan_id: str, task_id: str) -> Sequence[Capability]:
        with self._revisions.open(principal.workspace_id, plan_id) as plan:
            task = _task(plan.stored.plan, task_id)
        return self._tasks.capabilities(principal.workspace_id, task)

    def _judged(
        self, plan: OpenPlan, base: Breakdown, done: Revised, known: Sequence[Capability]
    ) -> Breakdown:
        whole, steps = plan.stored.plan, done.steps[base.task_id]
        elsewhere = _elsewhere(_steps(plan), base.task_id)
        revision = Revision(_task(whole, base.task_id), base, steps, elsewhere)
        return self._tasks.judged(whole, revision, known)

    def _keep(
        self, principal: Principal, plan: OpenPlan, made: Breakdown, done: Revised, request: View
    ) -> View:
        """Store the breakdown with those of other tasks that had to be mended, as one version."""
        by = {"edited_by": principal.actor, "edited_at": self._clock()}
        made = msgspec.structs.replace(
            made, **by, note=request.get("note") or "", changes=done.told
        )
        told = [f"Waits for other steps, since task {made.task_id!r} was changed."]
        mended = [
            msgspec.structs.replace(
                plan.found[name], **by, subtasks=steps, usage={}, note="", changes=told
            )
            for name, steps in done.steps.items()
            if name != made.task_id
        ]
        _refuse_invalid(plan, [made, *mended])
        plan.store([made, *mended])
        if request.get("approve"):
            plan.approve(made.task_id, principal.actor, self._clock())
        _settle(plan)
        also = [one.task_id for one in mended]
        return {**breakdown_view(plan.found[made.task_id]), "also_changed": also}


def _task(plan: Plan, task_id: str) -> Task:
    for task in plan.tasks:
        if task.task_id == task_id:
            return task
    raise NotFound(f"This plan has no task {task_id!r}.")


def _newest(plan: OpenPlan, task_id: str, version: int | None) -> Breakdown:
    """Give the newest breakdown, an empty one where there is none; it has to be that version."""
    _task(plan.stored.plan, task_id)
    newest = plan.found.get(task_id) or Breakdown(task_id, BY_HAND, 0.0, [], [])
    if version is not None and version != newest.version:
        told = f"Version {version} was replaced by version {newest.version}"
        by = f" of {newest.edited_by}" if newest.edited_by else ""
        raise Conflict(f"{told}{by}. Look at that one, then decide again.")
    return newest


def _changeable(plan: OpenPlan, task_id: str, version: int | None) -> Breakdown:
    if plan.stored.status in _UNDER_WAY:
        raise Conflict("The plan is still being broken down. Try again when that is done.")
    return _newest(plan, task_id, version)


def _steps(plan: OpenPlan) -> dict[str, list[Subtask]]:
    return {name: one.subtasks for name, one in plan.found.items()}


def _elsewhere(steps: Mapping[str, Sequence[Subtask]], task_id: str) -> frozenset[str]:
    others = (found for name, found in steps.items() if name != task_id)
    return frozenset(step.subtask_id for found in others for step in found)


def _reserved(plan: Plan, task_id: str) -> frozenset[str]:
    """Name the ids that the plan itself has, save those of the texts of one task."""
    texts = (task.written_subtasks for task in plan.tasks if task.task_id != task_id)
    return frozenset(
        [
            *(phase.phase_id for phase in plan.phases),
            *(task.task_id for task in plan.tasks),
            *(item.subtask_id for items in texts for item in items),
        ]
    )


def _refuse_invalid(plan: OpenPlan, made: Sequence[Breakdown]) -> None:
    """Refuse what could not be carried out as a whole: loose ends, circles over several tasks."""
    whole = plan.stored.plan
    # A task that has no breakdown yet is no fault of this one.
    found = {
        task.task_id: Breakdown(task.task_id, "", 0, [], [Subtask(f"{task.task_id} ", "", "")])
        for task in whole.tasks
    }
    found |= {**plan.found, **{one.task_id: one for one in made}}
    try:
        compile_graph(whole, found, Ordering.DEPENDENCIES)
    except InvalidPlan as error:
        raise Invalid(str(error), error.faults) from error


def _settle(plan: OpenPlan) -> None:
    missing = len(plan.stored.plan.tasks) - len(plan.found)
    if missing:
        plan.set_status(PlanStatus.FAILED, f"{missing} tasks have no subtasks yet.")
    else:
        plan.set_status(*verdict(plan.stored.plan, plan.found))
