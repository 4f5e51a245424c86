"""Changing breakdowns by hand: the plan is held still meanwhile, and all or nothing is kept."""

import datetime as dt
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, update

from app.domain.errors import NotFound
from app.domain.plan import Breakdown, PlanStatus
from app.record.breakdowns import insert_breakdowns, read_breakdowns
from app.record.decompositions import Wanted, begin_decomposition
from app.record.engine import transaction
from app.record.plans import StoredPlan, read_plan, update_plan
from app.record.tables import plan_breakdowns


class OpenPlan:
    """A plan that nobody else changes until this is over, with its newest breakdowns."""

    def __init__(self, connection: Connection, workspace_id: str, stored: StoredPlan) -> None:
        self._connection = connection
        self._place = (workspace_id, stored.plan.plan_id)
        self.stored = stored
        self._version = stored.decomposition_version
        self.found: Mapping[str, Breakdown] = self._read()

    def store(self, breakdowns: Sequence[Breakdown]) -> None:
        """Keep breakdowns as a new decomposition version, and let ``found`` be as of it."""
        self._version += 1
        insert_breakdowns(self._connection, *self._place, self._version, breakdowns)
        self._update(decomposition_version=self._version)
        self.found = self._read()

    def begin(self, wanted: Wanted, created_by: str) -> int:
        """Begin another decomposition version, which workers are to make; give its number."""
        return begin_decomposition(self._connection, *self._place, wanted, created_by)

    def approve(self, task_id: str, approved_by: str, approved_at: dt.datetime) -> None:
        """Accept the newest breakdown of a task, where it waits for that."""
        workspace_id, plan_id = self._place
        approval = (
            update(plan_breakdowns)
            .where(
                plan_breakdowns.c.workspace_id == workspace_id,
                plan_breakdowns.c.plan_id == plan_id,
                plan_breakdowns.c.task_id == task_id,
                plan_breakdowns.c.version == self.found[task_id].version,
                plan_breakdowns.c.needs_review,
            )
            .values(needs_review=False, approved_by=approved_by, approved_at=approved_at)
        )
        self._connection.execute(approval)
        self.found = self._read()

    def set_status(self, status: PlanStatus, message: str) -> None:
        """Note where the plan stands, and why."""
        self._update(status=status.value, status_message=message)

    def _read(self) -> dict[str, Breakdown]:
        return read_breakdowns(self._connection, *self._place, self._version)

    def _update(self, **values: Any) -> None:
        update_plan(self._connection, *self._place, **values)


class Revisions:
    """Opens plans for changes by hand."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def open(self, workspace_id: str, plan_id: str) -> Generator[OpenPlan]:
        """Hold a plan while its breakdowns are looked at and changed; all is kept at the end.

        Whoever else changes it waits, so keep it short.

        Raises:
            NotFound: There is no such plan.
        """
        with transaction(self._engine) as connection:
            stored = read_plan(connection, workspace_id, plan_id, held=True)
            if stored is None:
                raise NotFound(f"There is no plan {plan_id!r}.")
            yield OpenPlan(connection, workspace_id, stored)
