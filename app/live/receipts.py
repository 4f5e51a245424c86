"""Receipts made anew from the log, for an execution whose own were lost with Redis."""

from collections.abc import Iterable

from app.domain.events import AGENT_EVENT_TYPES, Event, EventType
from app.domain.evolve import evolve
from app.domain.execution import Execution
from app.domain.states import SubtaskStatus
from app.live.outcomes import Receipt, asked


def fold_with_receipts(
    state: Execution, events: Iterable[Event]
) -> tuple[Execution, dict[str, Receipt]]:
    """Apply all events of an execution, in place, and give the receipt of each report by its key.

    A report's receipt covers what followed from it: events of the system at the same moment, up
    to the lease of what it made ready.
    """
    receipts: dict[str, Receipt] = {}
    report: Event | None = None
    claimed: str | None = None
    for event in events:
        if event.event_type in AGENT_EVENT_TYPES and event.agent_id:
            report, claimed = event, None
            state.changed_subtasks.clear()
        elif report and (claimed or not _follows(event, report, state)):
            report = None
        evolve(state, event)
        if report is not None:
            if event.event_type is EventType.TASK_DISPATCHED:
                claimed = event.task_id
            receipt = _receipt(report, state, claimed)
            receipts[receipt.key] = receipt
    return state, receipts


def _follows(event: Event, report: Event, state: Execution) -> bool:
    if event.actor != "system" or event.recorded_at != report.recorded_at:
        return False
    # Along with a report only that is leased which it made ready.
    is_claim = event.event_type is EventType.TASK_DISPATCHED
    return not is_claim or event.task_id in state.changed_subtasks


def _receipt(report: Event, after: Execution, claimed: str | None) -> Receipt:
    ready = [
        one for one in after.changed_subtasks if after.subtasks[one].status is SubtaskStatus.READY
    ]
    first = min(ready, key=lambda one: after.graph.subtasks[one].position, default=None)
    return Receipt(
        key=f"{report.agent_id}\n{report.event_id}",
        event_id=report.event_id,
        seq=after.header.seq,
        recorded_at=report.recorded_at,
        status=after.header.status,
        status_message=after.header.status_message,
        claimed=claimed,
        unlocked=first,
        asks=asked(report.task_id, after),
        refusal=_refusal(report),
    )


def _refusal(report: Event) -> str | None:
    """Read out of a note that it was a report which came too late."""
    told, _, reported = (report.message or "").partition(" Reported: ")
    late = f"The lease of {report.task_id} has passed on: "
    if report.event_type is EventType.NOTE and reported and told.startswith(late):
        return told
    return None
