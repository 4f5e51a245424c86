"""Plans from a PlanExe server: asked for, watched while they are written, then imported.

One message takes one step and asks for the next, so that a plan which takes an hour holds no
worker. What is known so far stands in the plan itself, under ``planexe`` in its context; a step
that finds the plan changed since it was read does nothing.
"""

import datetime as dt
from typing import Any, Final

import msgspec

from app.domain.errors import Conflict, Fault, Invalid, InvalidPlan
from app.domain.ids import is_own_id
from app.domain.plan import Plan, PlanStatus
from app.planexe.errors import SourceError, SourceRefused, SourceTroubled, SourceUnheard
from app.planexe.source import PlanSource as Server
from app.planexe.source import Stage
from app.record.errors import AlreadyExists
from app.record.plans import Plans, StoredPlan
from app.services.clock import Clock
from app.services.errors import NotConfigured
from app.services.identity import Principal
from app.services.jobs import Jobs
from app.services.plans import PlanService
from app.services.views import View
from decomposer.readers import PlanSource, ReadLimits, read_plan

MOST_FAILURES: Final = 8
FIRST_DELAY: Final = 5.0
LONGEST_DELAY: Final = 60.0
NOTE: Final = "planexe"


class Note(msgspec.Struct):
    """How far an import is. ``asked`` is set before a plan is ordered, as that must happen once."""

    prompt: str = ""
    run_id: str | None = None
    asked: bool = False
    failures: int = 0


class ImportService:
    """Imports plans from the one server that is configured, if any."""

    def __init__(
        self,
        server: Server | None,
        plans: Plans,
        views: PlanService,
        jobs: Jobs,
        limits: ReadLimits,
        poll: dt.timedelta,
        longest: dt.timedelta,
        clock: Clock,
    ) -> None:
        self._server = server
        self._plans = plans
        self._views = views
        self._jobs = jobs
        self._limits = limits
        self._poll = poll.total_seconds()
        self._longest = longest
        self._clock = clock

    @property
    def is_configured(self) -> bool:
        """Tell whether there is a server to ask."""
        return self._server is not None

    def begin(self, principal: Principal, request: dict[str, Any], made_id: str) -> View:
        """Note a plan as IMPORTING and have it fetched.

        A PlanExe plan has one id here; asked for again, the import under way is shown, and one
        that failed begins anew. ``made_id`` is the id here of a plan that is yet to be written.

        Raises:
            NotConfigured: There is no server to ask.
            Conflict: The plan was imported before.
            Invalid: The id is none.
        """
        if self._server is None:
            raise NotConfigured("No PlanExe server is configured: set PLANEXE_SOURCE_URL.")
        run_id, prompt = request.get("planexe_id"), request.get("prompt", "")
        if run_id is not None and (not is_own_id(run_id) or ".." in run_id or ":" in run_id):
            raise Invalid("This is no id of a plan.", [Fault("planexe_id", "not an id")])
        plan_id = f"plan_{run_id}" if run_id else made_id
        title = request.get("title") or (f"PlanExe {run_id}" if run_id else _headline(prompt))
        plan = Plan(
            plan_id, title, [], source_format="planexe-server", context=_noted(Note(prompt, run_id))
        )
        try:
            self._plans.add(principal.workspace_id, plan, PlanStatus.IMPORTING, principal.actor)
        except AlreadyExists as error:
            self._again(principal.workspace_id, plan, error)
        self._jobs.fetch(principal.workspace_id, plan_id, 0)
        return self._views.get(principal.workspace_id, plan_id)

    def _again(self, workspace_id: str, plan: Plan, error: Exception) -> None:
        stored = self._plans.get(workspace_id, plan.plan_id)
        if stored is None or stored.status is PlanStatus.IMPORTING:
            return
        if stored.status is not PlanStatus.FAILED or stored.plan.phases:
            raise Conflict(f"It was imported before, as {plan.plan_id!r}.") from error
        self._plans.rewrite(workspace_id, stored, plan, PlanStatus.IMPORTING)

    def carry_on(self, workspace_id: str, plan_id: str) -> None:
        """Take the next step of an import; a plan that is not being imported is left alone."""
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None or stored.status is not PlanStatus.IMPORTING or self._server is None:
            return
        note = msgspec.convert(stored.plan.context.get(NOTE, {}), Note)
        try:
            self._step(self._server, workspace_id, stored, note)
        except SourceTroubled as error:
            self._later(workspace_id, plan_id, error)
        except SourceError as error:
            self._fail(workspace_id, plan_id, str(error))
        except InvalidPlan as error:
            self._fail(workspace_id, plan_id, f"PlanExe's archive cannot be imported. {error}")

    def _step(self, server: Server, workspace_id: str, stored: StoredPlan, note: Note) -> None:
        if note.run_id is None:
            self._order(server, workspace_id, stored, note)
            return
        progress = server.progress(note.run_id)
        if progress.stage is Stage.COMPLETED:
            self._take(workspace_id, stored, note, server.archive(note.run_id, self._archive_limit))
        elif progress.stage is Stage.FAILED:
            raise SourceRefused(f"PlanExe did not finish the plan: {progress.told}.")
        elif self._clock() - stored.created_at > self._longest:
            hours = self._longest.total_seconds() / 3600
            raise SourceRefused(f"PlanExe did not finish within {hours:g} hours.")
        else:
            note.failures = 0
            self._wait(workspace_id, stored, note, f"PlanExe: {progress.told}.", self._poll)

    @property
    def _archive_limit(self) -> int:
        return self._limits.max_archive_bytes

    def _order(self, server: Server, workspace_id: str, stored: StoredPlan, note: Note) -> None:
        """Have the plan written, once: a plan costs its owner money and an hour."""
        if note.asked:
            raise SourceRefused(
                "Whether PlanExe began the plan is not known, as the answer was lost. Look there; "
                "a plan that was begun can be imported by its planexe_id."
            )
        note.asked = True
        if not self._save(workspace_id, stored, note, "Asking PlanExe for the plan."):
            return
        current = self._plans.get(workspace_id, stored.plan.plan_id)
        if current is None:
            return
        try:
            note.run_id = server.begin(note.prompt)
        except SourceUnheard:
            note.asked = False
            self._save(workspace_id, current, note, "PlanExe was not reached.")
            raise
        self._wait(workspace_id, current, note, f"PlanExe began plan {note.run_id}.", self._poll)

    def _take(self, workspace_id: str, stored: StoredPlan, note: Note, data: bytes) -> None:
        plan_id = stored.plan.plan_id
        plan = read_plan(PlanSource.from_upload(f"{note.run_id}.zip", data), self._limits, plan_id)
        kept = {**plan.context, **_noted(Note(run_id=note.run_id, prompt=note.prompt))}
        plan = msgspec.structs.replace(plan, context=kept)
        if self._plans.rewrite(workspace_id, stored, plan, PlanStatus.DECOMPOSING):
            version = self._plans.next_version(workspace_id, plan_id)
            self._jobs.decompose(workspace_id, plan_id, version)

    def _later(self, workspace_id: str, plan_id: str, error: SourceTroubled) -> None:
        """Try again after a delay that doubles; after too many failures in a row, give up."""
        stored = self._plans.get(workspace_id, plan_id)
        if stored is None or stored.status is not PlanStatus.IMPORTING:
            return
        note = msgspec.convert(stored.plan.context.get(NOTE, {}), Note)
        note.failures += 1
        if note.failures > MOST_FAILURES:
            self._fail(workspace_id, plan_id, f"{error} Tried {note.failures} times.")
            return
        delay = error.retry_after or FIRST_DELAY * 2 ** (note.failures - 1)
        self._wait(workspace_id, stored, note, f"{error} Trying again.", min(delay, LONGEST_DELAY))

    def _wait(
        self, workspace_id: str, stored: StoredPlan, note: Note, message: str, seconds: float
    ) -> None:
        if self._save(workspace_id, stored, note, message):
            self._jobs.fetch(workspace_id, stored.plan.plan_id, seconds)

    def _save(self, workspace_id: str, stored: StoredPlan, note: Note, message: str) -> bool:
        plan = msgspec.structs.replace(stored.plan, context=_noted(note))
        return self._plans.rewrite(workspace_id, stored, plan, PlanStatus.IMPORTING, message)

    def _fail(self, workspace_id: str, plan_id: str, message: str) -> None:
        stored = self._plans.get(workspace_id, plan_id)
        if stored is not None and stored.status is PlanStatus.IMPORTING:
            self._plans.rewrite(workspace_id, stored, stored.plan, PlanStatus.FAILED, message)


def _noted(note: Note) -> dict[str, Any]:
    return {NOTE: msgspec.to_builtins(note)}


def _headline(prompt: str) -> str:
    first = " ".join(prompt.split())
    return first if len(first) <= 80 else f"{first[:79]}…"  # noqa: PLR2004 a line on a page
