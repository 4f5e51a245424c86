"""The log of an execution, read over the seam between Redis and PostgreSQL without a gap."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from app.domain.errors import Fault, Invalid
from app.domain.events import Event, EventType, parse_event
from app.live.log import Log
from app.record.archives import Archives
from app.record.history import History
from app.record.pages import Page
from app.services.executions import ExecutionService
from app.services.views import View

PAGE: Final = 1000
LONGEST_SEQ: Final = 15

ERRORS: Final = frozenset[str](
    {
        EventType.TASK_ERROR,
        EventType.LEASE_EXPIRED,
        EventType.EXECUTION_FAILED,
        EventType.AGENT_OFFLINE,
    }
)
"""Kinds of events that tell of something that went wrong."""


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event with its hash."""

    event: Event
    hash: str


class HistoryService:
    """Reads events wherever they are.

    Redis is read first and PostgreSQL after it: an event leaves Redis only once it is recorded,
    so whatever the first read misses the second one has.
    """

    def __init__(
        self, log: Log, record: History, archives: Archives, executions: ExecutionService
    ) -> None:
        self._log = log
        self._record = record
        self._archives = archives
        self._executions = executions

    def page(
        self,
        workspace_id: str,
        execution_id: str,
        after: int = 0,
        before: int | None = None,
        event_type: str | None = None,
        task_id: str | None = None,
        agent_id: str | None = None,
        errors: bool = False,
        order: str = "asc",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[View]:
        """List events by ``seq``. A task's id also finds the events of its subtasks.

        Args:
            workspace_id: Whose execution.
            execution_id: Whose events.
            after: Only those with a higher ``seq``.
            before: Only those with a lower ``seq``.
            event_type: Only those of this kind.
            task_id: Only those about this task or subtask.
            agent_id: Only those of this agent.
            errors: Only those that tell of something that went wrong.
            order: asc or desc.
            limit: How many at most.
            cursor: Where the page before ended.

        Raises:
            NotFound: This workspace has no such execution.
            Invalid: The cursor is none that a list gave.
            Archived: Its events have been put away.
        """
        graph = self._executions.execution(workspace_id, execution_id, whole=False).graph
        task_ids = None
        if task_id is not None:
            task = graph.tasks.get(task_id)
            task_ids = [task_id, *(task.subtasks if task else ())]
        descending = order == "desc"
        place = _parse(cursor)
        wanted = _Wanted(
            after=max(after, place or 0) if not descending else after,
            before=_lower(before, place if descending else None),
            kinds=_kinds(event_type, errors=errors),
            task_ids=task_ids,
            agent_id=agent_id,
            descending=descending,
            limit=limit + 1,
        )
        found = self._merged(workspace_id, execution_id, wanted)
        if not found:
            self._archives.refuse_archived(execution_id)
        views = [event_view(one) for one in found[:limit]]
        return Page(views, str(views[-1]["seq"]) if len(found) > limit else None)

    def after(self, workspace_id: str, execution_id: str, seq: int) -> Iterator[LoggedEvent]:
        """Walk all events behind ``seq``, in order.

        Raises:
            Archived: They have been put away.
        """
        return self._walk(workspace_id, execution_id, _Wanted(after=seq))

    def of_kinds(
        self, workspace_id: str, execution_id: str, kinds: Sequence[EventType]
    ) -> list[Event]:
        """Give all events of some kinds, in ``seq`` order; the kinds are read as they are named.

        Raises:
            Archived: They have been put away.
        """
        found = [
            one.event
            for kind in kinds
            for one in self._pages(workspace_id, execution_id, _Wanted(kinds=[kind]))
        ]
        if not found:
            self._archives.refuse_archived(execution_id)
        return sorted(found, key=lambda event: event.seq)

    def _walk(
        self, workspace_id: str, execution_id: str, wanted: "_Wanted"
    ) -> Iterator[LoggedEvent]:
        events = self._pages(workspace_id, execution_id, wanted)
        first = next(events, None)
        if first is None:
            self._archives.refuse_archived(execution_id)
            return
        yield first
        yield from events

    def _pages(
        self, workspace_id: str, execution_id: str, wanted: "_Wanted"
    ) -> Iterator[LoggedEvent]:
        while True:
            found = self._merged(workspace_id, execution_id, wanted)
            yield from found
            if len(found) < wanted.limit:
                return
            wanted = msgspec.structs.replace(wanted, after=found[-1].event.seq)

    def _merged(self, workspace_id: str, execution_id: str, wanted: "_Wanted") -> list[LoggedEvent]:
        """Give the first events on either side of the seam; only those are decoded whole."""
        found = {
            seq: (body, digest)
            for seq, body, digest in self._live(workspace_id, execution_id, wanted)
        }
        recorded = self._record.page(
            execution_id,
            after=wanted.after,
            before=wanted.before,
            kinds=wanted.kinds,
            task_ids=wanted.task_ids,
            agent_id=wanted.agent_id,
            newest_first=wanted.descending,
            limit=wanted.limit,
        )
        found |= {one.seq: (one.body, one.hash) for one in recorded}
        first = sorted(found, reverse=wanted.descending)[: wanted.limit]
        return [LoggedEvent(parse_event(found[seq][0]), found[seq][1]) for seq in first]

    def _live(
        self, workspace_id: str, execution_id: str, wanted: "_Wanted"
    ) -> list[tuple[int, bytes, str]]:
        """Read from Redis until there are enough: what a filter leaves out has to be read too."""
        # Redis keeps recorded events too; those it alone has lie behind the last recorded one.
        after = max(wanted.after, self._record.last_seq(execution_id))
        before = wanted.before
        found: list[tuple[int, bytes, str]] = []
        most = PAGE if wanted.filters else wanted.limit
        while len(found) < wanted.limit:
            chunk = self._log.events(
                workspace_id,
                execution_id,
                after,
                most,
                before=before,
                newest_first=wanted.descending,
            )
            found += [one for one in chunk if wanted.takes(one[1])]
            if len(chunk) < most:
                break
            edge = chunk[-1][0]
            after, before = (after, edge) if wanted.descending else (edge, before)
        return found + self._aside(workspace_id, execution_id, wanted)

    def _aside(
        self, workspace_id: str, execution_id: str, wanted: "_Wanted"
    ) -> list[tuple[int, bytes, str]]:
        """Give what stands aside since the record refuses it."""
        return [
            (seq, body, digest)
            for seq, body, digest in self._log.aside_events(
                workspace_id, execution_id, wanted.after
            )
            if (wanted.before is None or seq < wanted.before) and wanted.takes(body)
        ]


class _Told(msgspec.Struct):
    """What of an event filters ask for."""

    event_type: str
    task_id: str | None = None
    agent_id: str | None = None


_TOLD: Final = msgspec.json.Decoder(_Told)


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    after: int = 0
    before: int | None = None
    kinds: Collection[str] | None = None
    task_ids: Sequence[str] | None = None
    agent_id: str | None = None
    descending: bool = False
    limit: int = PAGE

    @property
    def filters(self) -> bool:
        return (self.kinds, self.task_ids, self.agent_id) != (None, None, None)

    def takes(self, body: bytes) -> bool:
        if not self.filters:
            return True
        event = _TOLD.decode(body)
        return (
            (self.kinds is None or event.event_type in self.kinds)
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


def _kinds(event_type: str | None, *, errors: bool) -> Collection[str] | None:
    if not errors:
        return None if event_type is None else [event_type]
    return ERRORS if event_type is None else ERRORS & {event_type}


def _lower(one: int | None, other: int | None) -> int | None:
    return min(one, other) if one is not None and other is not None else one or other


def _parse(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= LONGEST_SEQ):
        told = "is not a cursor that a list gave"
        raise Invalid(f"The cursor {told}.", [Fault("cursor", told)])
    return int(cursor)
