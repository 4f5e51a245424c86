"""What the record says of an execution, read so that wrong rows are told and not stumbled over."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Engine, Select, Table, func, select, type_coerce

from app.domain.execution import Header, SubtaskState, TaskState
from app.domain.proof import Difference, EventColumns, KeptEvent, State, Stored, Where, shown
from app.record.column_types import RawJson
from app.record.engine import transaction
from app.record.executions import execution_row
from app.record.tables import execution_events, execution_subtasks, execution_tasks, executions

S = TypeVar("S", Header, SubtaskState, TaskState)

_HEADER: Final = msgspec.json.Decoder(Header)
_SUBTASK: Final = msgspec.json.Decoder(SubtaskState)
_TASK: Final = msgspec.json.Decoder(TaskState)

_NOT_THE_HEADERS: Final = ("header", "created_at")
"""The first is the header itself, the second may be that of an earlier try to begin."""

_EVENT: Final = tuple(
    execution_events.c[name] for name in ("seq", "body", "hash", *EventColumns.__struct_fields__)
)

_STATES: Final = (
    (executions, "header"),
    (execution_subtasks, "state"),
    (execution_tasks, "state"),
)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one execution, all as of one moment.

    ``contradictions`` are columns that differ from the JSON beside them. ``parents`` is the task
    of each subtask's row. ``last`` is the highest ``seq`` of the events; ``whole_up_to`` is the
    same where none before it is missing, else 0.
    """

    stored: Stored
    contradictions: list[Difference]
    parents: Mapping[str, str]
    last: int
    whole_up_to: int


class ProofRows:
    """Reads what a proof compares."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, workspace_id: str, execution_id: str) -> Recorded | None:
        """Give the rows of an execution; None where this workspace has none of its name."""
        seq = execution_events.c.seq
        extent = select(func.count(), func.max(seq)).where(
            execution_events.c.execution_id == execution_id
        )
        with transaction(self._engine, snapshot=True) as connection:
            of_header, of_subtasks, of_tasks = (
                connection.execute(_rows(table, document, execution_id)).mappings().all()
                for table, document in _STATES
            )
            count, last = connection.execute(extent).one()
        if not of_header or of_header[0]["workspace_id"] != workspace_id:
            return None
        reader = _Reader(workspace_id)
        subtasks = {row["subtask_id"]: reader.subtask(row) for row in of_subtasks}
        tasks = {row["task_id"]: reader.task(row) for row in of_tasks}
        return Recorded(
            stored=Stored(
                header=reader.header(of_header[0]),
                subtasks={name: state for name, state in subtasks.items() if state},
                tasks={name: state for name, state in tasks.items() if state},
                unreadable=reader.unreadable,
            ),
            contradictions=reader.contradictions,
            parents={row["subtask_id"]: row["task_id"] for row in of_subtasks},
            last=last or 0,
            whole_up_to=count if count == last else 0,
        )

    def workspace_of(self, execution_id: str) -> str | None:
        """Name the workspace of an execution; None where the record does not know it."""
        query = select(executions.c.workspace_id).where(executions.c.execution_id == execution_id)
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()

    def events(self, execution_id: str, after: int, up_to: int) -> list[KeptEvent]:
        """Give the events behind ``after`` up to ``up_to`` with what their rows say of them."""
        seq = execution_events.c.seq
        query = (
            select(*_EVENT)
            .where(execution_events.c.execution_id == execution_id, seq > after, seq <= up_to)
            .order_by(seq)
        )
        with transaction(self._engine) as connection:
            rows: Iterable[Any] = connection.execute(query)
            return [
                KeptEvent(seq, body, digest, EventColumns(*columns))
                for seq, body, digest, *columns in rows
            ]


class _Reader:
    """Decodes rows and gathers what is wrong with them in themselves."""

    def __init__(self, workspace_id: str) -> None:
        self._workspace_id = workspace_id
        self.unreadable: dict[str, str] = {}
        self.contradictions: list[Difference] = []

    def header(self, row: Mapping[Any, Any]) -> Header | None:
        header = self._decode("header", row["header"], _HEADER)
        if header:
            said = execution_row(header)
            for name in _NOT_THE_HEADERS:
                del said[name]
            if not header.seq:  # Noted before its first event: only the row was told the time.
                del said["updated_at"]
            self._compare("header", row, header, said)
        return header

    def subtask(self, row: Mapping[Any, Any]) -> SubtaskState | None:
        name = f"subtask {row['subtask_id']}"
        state = self._decode(name, row["state"], _SUBTASK)
        if state:
            said = {"seq": state.seq, "status": state.status, "agent_id": state.agent_id}
            self._compare(name, row, state, {**said, "attempt": state.attempt})
        return state

    def task(self, row: Mapping[Any, Any]) -> TaskState | None:
        name = f"task {row['task_id']}"
        state = self._decode(name, row["state"], _TASK)
        if state:
            self._compare(name, row, state, {"seq": state.seq, "status": state.status})
        return state

    def _decode(self, name: str, raw: bytes, decoder: msgspec.json.Decoder[S]) -> S | None:
        try:
            return decoder.decode(raw)
        except msgspec.MsgspecError:
            self.unreadable[name] = raw.decode(errors="replace")
            return None

    def _compare(
        self, name: str, row: Mapping[Any, Any], state: State, said: Mapping[str, Any]
    ) -> None:
        for column, expected in {**said, "workspace_id": self._workspace_id}.items():
            found = row[column]
            if found != expected:
                what = f"{name} column {column}"
                self.contradictions.append(
                    Difference(state.seq, Where.RECORD, what, shown(expected), shown(found))
                )


def _rows(table: Table, document: str, execution_id: str) -> Select[Any]:
    """Select whole rows with the document as it stands there, readable or not."""
    columns = [column for column in table.c if column.name != document]
    raw = type_coerce(table.c[document], RawJson()).label(document)
    return select(*columns, raw).where(table.c.execution_id == execution_id)
