"""The log of an execution, read over the seam between Redis and PostgreSQL without a gap."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from app.domain.errors import Fault, Invalid
from app.domain.events import Event, EventType, parse_event
from app.live.log import Log
from app.record.history import History
from app.record.pages import Page
from app.services.executions import ExecutionService
from app.services.views import View

UNRECORDED_AT_MOST: Final = 100_000
PAGE: Final = 1000
LONGEST_SEQ: Final = 15


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event with its hash."""

    event: Event
    hash: str


class HistoryService:
    """Reads events wherever they are.

    Redis is read first and PostgreSQL after it: an event leaves Redis only once it is recorded,
    so whatever the first read misses the second one has.
    """

    def __init__(self, log: Log, record: History, executions: ExecutionService) -> None:
        self._log = log
        self._record = record
        self._executions = executions

    def page(
        self,
        workspace_id: str,
        execution_id: str,
        after: int = 0,
        event_type: str | None = None,
        task_id: str | None = None,
        agent_id: str | None = None,
        order: str = "asc",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[View]:
        """List events by ``seq``. A task's id also finds the events of its subtasks.

        Raises:
            NotFound: This workspace has no such execution.
            Invalid: The cursor is none that a list gave.
        """
        graph = self._executions.execution(workspace_id, execution_id, whole=False).graph
        task_ids = None
        if task_id is not None:
            task = graph.tasks.get(task_id)
            task_ids = [task_id, *(task.subtasks if task else ())]
        descending = order == "desc"
        place = _parse(cursor)
        found = self._merged(
            workspace_id,
            execution_id,
            after=max(after, place or 0) if not descending else after,
            before=place if descending else None,
            wanted=_Filter(event_type, task_ids, agent_id),
            descending=descending,
            limit=limit + 1,
        )
        views = [event_view(one) for one in found[:limit]]
        return Page(views, str(views[-1]["seq"]) if len(found) > limit else None)

    def after(self, workspace_id: str, execution_id: str, seq: int) -> Iterator[LoggedEvent]:
        """Walk all events behind ``seq``, in order."""
        while True:
            found = self._merged(
                workspace_id,
                execution_id,
                after=seq,
                before=None,
                wanted=_Filter(None, None, None),
                descending=False,
                limit=PAGE,
            )
            yield from found
            if len(found) < PAGE:
                return
            seq = found[-1].event.seq

    def of_kinds(
        self, workspace_id: str, execution_id: str, kinds: Sequence[EventType]
    ) -> list[Event]:
        """Give all events of some kinds, in ``seq`` order; the kinds are read as they are named."""
        found = [one for kind in kinds for one in self._of_kind(workspace_id, execution_id, kind)]
        return sorted(found, key=lambda event: event.seq)

    def _of_kind(self, workspace_id: str, execution_id: str, kind: EventType) -> Iterator[Event]:
        seq = 0
        while True:
            found = self._merged(
                workspace_id,
                execution_id,
                after=seq,
                before=None,
                wanted=_Filter(kind, None, None),
                descending=False,
                limit=PAGE,
            )
            yield from (one.event for one in found)
            if len(found) < PAGE:
                return
            seq = found[-1].event.seq

    def _merged(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        after: int,
        before: int | None,
        wanted: "_Filter",
        descending: bool,
        limit: int,
    ) -> list[LoggedEvent]:
        # Redis keeps recorded events too; those it alone has lie behind the last recorded one.
        behind = max(after, self._record.last_seq(execution_id))
        live = self._log.events(workspace_id, execution_id, behind, UNRECORDED_AT_MOST)
        live += self._log.aside_events(workspace_id, execution_id, after)
        recorded = self._record.page(
            execution_id,
            after=after,
            before=before,
            event_type=wanted.event_type,
            task_ids=wanted.task_ids,
            agent_id=wanted.agent_id,
            newest_first=descending,
            limit=limit,
        )
        found = {one.seq: LoggedEvent(parse_event(one.body), one.hash) for one in recorded}
        for seq, body, digest in live:
            if seq not in found and (before is None or seq < before):
                event = parse_event(body)
                if wanted.takes(event):
                    found[seq] = LoggedEvent(event, digest)
        return [found[seq] for seq in sorted(found, reverse=descending)][:limit]


class _Filter(msgspec.Struct, frozen=True):
    event_type: str | None
    task_ids: Sequence[str] | None
    agent_id: str | None

    def takes(self, event: Event) -> bool:
        return (
            self.event_type in (None, event.event_type)
            and (self.task_ids is None or event.task_id in self.task_ids)
            and self.agent_id in (None, event.agent_id)
        )


def event_view(logged: LoggedEvent) -> View:
    """Give an event as the contract shows it."""
    event = logged.event
    return {
        "seq": event.seq,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "execution_id": event.execution_id,
        "task_id": event.task_id,
        "agent_id": event.agent_id,
        "actor": event.actor,
        "status": event.status,
        "message": event.message,
        "output_data": event.output_data,
        "error_type": event.error_type,
        "error_message": event.error_message,
        "progress_percent": event.progress_percent,
        "attempt": event.attempt,
        "suggestions": event.suggestions,
        "usage": event.usage,
        "evidence": event.data.get("evidence", []),
        "due_at": event.due_at,
        "recorded_at": event.recorded_at,
        "agent_timestamp": event.agent_timestamp,
        "hash": logged.hash,
    }


def _parse(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= LONGEST_SEQ):
        told = "is not a cursor that a list gave"
        raise Invalid(f"The cursor {told}.", [Fault("cursor", told)])
    return int(cursor)
