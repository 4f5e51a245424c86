"""Decompositions of plans: what each version is to do, how far it is, and what it has used."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, Connection, Engine, Text, any_, func, insert, literal, select, update

from app.domain.errors import NotFound
from app.domain.plan import PlanStatus, Wish
from app.record.engine import transaction
from app.record.tables import plan_breakdowns, plan_decompositions, plan_tasks, plans


class Wanted(msgspec.Struct, frozen=True):
    """What a version is to do. ``task_ids`` empty: all tasks. A wish is for one of them."""

    strategy: str = "auto"
    agent_id: str | None = None
    task_ids: list[str] = []
    wish: Wish | None = None


class Spent(msgspec.Struct, frozen=True):
    """What models have used for a plan; ``cost_usd`` None where no price was known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    calls: int = 0


_AS_USUAL: Final = Wanted()


class Decompositions:
    """The decompositions of plans."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, workspace_id: str, plan_id: str, wanted: Wanted, created_by: str) -> int:
        """Count a plan's version up, note what it is to do, and set the plan to DECOMPOSING.

        Raises:
            NotFound: There is no such plan.
        """
        with transaction(self._engine) as connection:
            return begin_decomposition(connection, workspace_id, plan_id, wanted, created_by)

    def wanted(self, workspace_id: str, plan_id: str, version: int) -> Wanted:
        """Say what a version is to do: all tasks as usual, where nothing else was asked."""
        columns = plan_decompositions.c
        query = select(*(columns[name] for name in Wanted.__struct_fields__)).where(
            columns.workspace_id == workspace_id,
            columns.plan_id == plan_id,
            columns.version == version,
        )
        with transaction(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return Wanted(*row) if row else _AS_USUAL

    def made(self, workspace_id: str, plan_id: str, version: int) -> dict[str, str]:
        """Give the strategy of each task that was broken down in exactly this version."""
        columns = plan_breakdowns.c
        query = select(columns.task_id, columns.strategy).where(
            columns.workspace_id == workspace_id,
            columns.plan_id == plan_id,
            columns.version == version,
        )
        with transaction(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def progress(self, workspace_id: str, plan_id: str, version: int, tasks: Sequence[str]) -> int:
        """Note how far a version is, and give how many of these tasks have a breakdown in it.

        The plan's row is locked before counting: so the number never goes back, and whoever comes
        last sees all.
        """
        here = (plans.c.workspace_id == workspace_id) & (plans.c.plan_id == plan_id)
        lock = select(plans.c.decomposition_version, plans.c.status).where(here).with_for_update()
        columns = plan_breakdowns.c
        count = select(func.count()).where(
            columns.workspace_id == workspace_id,
            columns.plan_id == plan_id,
            columns.version == version,
            columns.task_id == any_(literal(list(tasks), ARRAY(Text))),
        )
        with transaction(self._engine) as connection:
            row = connection.execute(lock).one_or_none()
            done = connection.execute(count).scalar_one()
            if row and tuple(row) == (version, PlanStatus.DECOMPOSING.value):
                message = f"{done} of {len(tasks)} tasks broken down"
                note = update(plans).where(here).values(status_message=message)
                connection.execute(note.values(updated_at=func.now()))
        return done

    def finish(
        self, workspace_id: str, plan_id: str, version: int, status: PlanStatus, message: str
    ) -> bool:
        """Say how a version ended; tell whether this call was the one that said it."""
        columns = plans.c
        ended = (
            update(plans)
            .where(
                columns.workspace_id == workspace_id,
                columns.plan_id == plan_id,
                columns.decomposition_version == version,
                columns.status == PlanStatus.DECOMPOSING.value,
            )
            .values(status=status.value, status_message=message, updated_at=func.now())
        )
        with transaction(self._engine) as connection:
            return bool(connection.execute(ended).rowcount)

    def spent(self, workspace_id: str, plan_id: str) -> Spent:
        """Sum what models have used for a plan, over all its versions."""
        columns = plan_breakdowns.c
        query = select(columns.usage).where(
            columns.workspace_id == workspace_id, columns.plan_id == plan_id
        )
        total = Spent()
        with transaction(self._engine) as connection:
            for (usage,) in connection.execute(query):
                total = _plus(total, usage)
        return total


def begin_decomposition(
    connection: Connection, workspace_id: str, plan_id: str, wanted: Wanted, created_by: str
) -> int:
    """Begin another version of a plan in a transaction that is open.

    Tasks that have no breakdown yet are done besides those wanted: an earlier version that was to
    do them may never come to it.

    Raises:
        NotFound: There is no such plan.
    """
    place = {"workspace_id": workspace_id, "plan_id": plan_id}
    begun = (
        update(plans)
        .filter_by(**place)
        .values(
            decomposition_version=plans.c.decomposition_version + 1,
            status=PlanStatus.DECOMPOSING.value,
            status_message="",
            updated_at=func.now(),
        )
        .returning(plans.c.decomposition_version)
    )
    version = connection.execute(begun).scalar_one_or_none()
    if version is None:
        raise NotFound(f"There is no plan {plan_id!r}.")
    if wanted.task_ids:
        missing = _without_breakdown(connection, workspace_id, plan_id)
        tasks = [*dict.fromkeys([*wanted.task_ids, *missing])]
        wanted = msgspec.structs.replace(wanted, task_ids=tasks)
    values = msgspec.structs.asdict(wanted)
    connection.execute(
        insert(plan_decompositions).values(
            **place, version=version, created_by=created_by, **values
        )
    )
    return version


def _plus(total: Spent, usage: dict[str, Any]) -> Spent:
    cost = usage.get("cost_usd")
    return Spent(
        total.input_tokens + usage.get("input_tokens", 0),
        total.output_tokens + usage.get("output_tokens", 0),
        total.cost_usd if cost is None else (total.cost_usd or 0.0) + cost,
        total.calls + usage.get("calls", 0),
    )


def _without_breakdown(connection: Connection, workspace_id: str, plan_id: str) -> list[str]:
    made = select(plan_breakdowns.c.task_id).where(
        plan_breakdowns.c.workspace_id == workspace_id, plan_breakdowns.c.plan_id == plan_id
    )
    missing = select(plan_tasks.c.task_id).where(
        plan_tasks.c.workspace_id == workspace_id,
        plan_tasks.c.plan_id == plan_id,
        plan_tasks.c.task_id.not_in(made),
    )
    return list(connection.execute(missing.order_by(plan_tasks.c.position)).scalars())
