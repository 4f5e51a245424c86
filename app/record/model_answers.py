"""What models answered, by the digest of what they were asked."""

from typing import Any

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from app.record.engine import transaction
from app.record.tables import model_answers


class ModelAnswer(msgspec.Struct, frozen=True):
    """An answer that could be used, what it cost, and the task that was counted for."""

    answer: str
    usage: dict[str, Any]
    paid_for: str


class ModelAnswers:
    """The answers that workspaces have paid for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, workspace_id: str, digest: str) -> ModelAnswer | None:
        """Find an answer."""
        columns = model_answers.c
        query = select(columns.answer, columns.usage, columns.paid_for).where(
            columns.workspace_id == workspace_id, columns.digest == digest
        )
        with transaction(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return ModelAnswer(*row) if row else None

    def put(self, workspace_id: str, digest: str, answer: ModelAnswer) -> None:
        """Keep an answer in place of the one that may be there."""
        values = msgspec.structs.asdict(answer)
        place = {"workspace_id": workspace_id, "digest": digest}
        keep = insert(model_answers).values(**place, **values)
        with transaction(self._engine) as connection:
            connection.execute(keep.on_conflict_do_update(index_elements=list(place), set_=values))
