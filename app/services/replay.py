"""Executions as they were at any event, and what their logs tell: both from the log alone."""

from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from app.domain.errors import Fault, Invalid, NotFound
from app.domain.events import Event
from app.domain.evolve import evolve
from app.domain.execution import Execution
from app.domain.execution_report import Chronicle, ExecutionReport
from app.domain.proof import NO_FOLD
from app.services.executions import ExecutionService
from app.services.kept_events import KeptEvents, broken
from app.services.views import View, execution_view


class Replayed(msgspec.Struct, frozen=True):
    """An execution after ``event``, which is one of ``events`` in its log."""

    execution: Execution
    event: Event
    events: int


class ReplayService:
    """Folds logs."""

    def __init__(self, executions: ExecutionService, events: KeptEvents) -> None:
        self._executions = executions
        self._events = events

    def replay(self, workspace_id: str, execution_id: str, until: int | None = None) -> Replayed:
        """Give an execution as it was after event ``until``, by default the last.

        Raises:
            NotFound: This workspace has no such execution, or it has no event yet.
            Invalid: The log has no such event.
            Conflict: The log is broken.
            Archived: The events have been put away.
        """
        unborn, last = self._unborn(workspace_id, execution_id)
        wanted = last if until is None else until
        if not 1 <= wanted <= last:
            told = f"is out of range: the log has the events 1 to {last}"
            raise Invalid(f"Event {wanted} {told}.", [Fault("until", told)])
        kept: list[Event] = []
        with _told(unborn):
            for event, digest in self._events.parsed(workspace_id, execution_id, wanted):
                evolve(unborn, event)
                unborn.set_header(head_hash=digest)
                kept[:] = [event]
        return Replayed(unborn, kept[0], last)

    def report(self, workspace_id: str, execution_id: str) -> ExecutionReport:
        """Tell what was done in an execution.

        Raises:
            NotFound: This workspace has no such execution, or it has no event yet.
            Conflict: The log is broken.
            Archived: The events have been put away.
        """
        unborn, last = self._unborn(workspace_id, execution_id)
        chronicle = Chronicle(unborn)
        with _told(unborn):
            for event, digest in self._events.parsed(workspace_id, execution_id, last):
                chronicle.read(event, digest)
        return chronicle.report()

    def _unborn(self, workspace_id: str, execution_id: str) -> tuple[Execution, int]:
        stored = self._executions.execution(workspace_id, execution_id, whole=False)
        if not stored.header.seq:
            raise NotFound(f"The execution {execution_id!r} has not begun.")
        unborn = Execution.unborn(stored.graph, execution_id, workspace_id)
        return unborn, stored.header.seq


@contextmanager
def _told(folding: Execution) -> Generator[None]:
    """Tell where a log stops that holds what no decision has made."""
    try:
        yield
    except NO_FOLD as error:
        raise broken(folding.header.seq + 1) from error


def replay_view(replayed: Replayed) -> View:
    """Give the whole state as plain values."""
    execution = replayed.execution
    return {
        "execution": execution_view(execution.header),
        "event": replayed.event,
        "events": replayed.events,
        "header": execution.header,
        "tasks": execution.tasks,
        "subtasks": execution.subtasks,
    }
