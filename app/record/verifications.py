"""What came of verifying executions, and which are to be verified next."""

import datetime as dt

import msgspec
from sqlalchemy import Engine, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.domain.proof import Difference
from app.record.engine import transaction
from app.record.tables import executions, verifications


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The last verification of an execution; ``ok`` is None where its events are archived."""

    execution_id: str
    workspace_id: str
    checked_at: dt.datetime
    seq: int
    head_hash: str
    ok: bool | None
    differences: list[Difference]


_COLUMNS = tuple(verifications.c[name] for name in Verification.__struct_fields__)


class Verifications:
    """The last verification of each execution."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, verification: Verification) -> None:
        """Keep what was found, in place of what was found before."""
        row = {name: getattr(verification, name) for name in verification.__struct_fields__}
        new = insert(verifications).values(row)
        changed = {name: new.excluded[name] for name in row if name != "execution_id"}
        with transaction(self._engine) as connection:
            connection.execute(
                new.on_conflict_do_update(index_elements=["execution_id"], set_=changed)
            )

    def get(self, workspace_id: str, execution_id: str) -> Verification | None:
        """Give the last one of an execution; None where it never was verified."""
        query = select(*_COLUMNS).where(
            verifications.c.execution_id == execution_id,
            verifications.c.workspace_id == workspace_id,
        )
        with transaction(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        return Verification(**row) if row else None

    def due(self, before: dt.datetime, *, changed: bool, limit: int) -> list[tuple[str, str]]:
        """Name workspace and id of executions to verify, longest not verified first.

        Args:
            before: Only those that have not been verified from then on: this run has had them.
            changed: Only those that have gone on since they were verified.
            limit: How many at most.
        """
        last = verifications.c
        wanted = last.checked_at < before
        if changed:
            wanted &= last.seq != executions.c.seq
        query = (
            select(executions.c.workspace_id, executions.c.execution_id)
            .outerjoin(verifications, last.execution_id == executions.c.execution_id)
            .where(or_(last.checked_at.is_(None), wanted))
            .order_by(last.checked_at.asc().nulls_first(), executions.c.execution_id)
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]
