"""What comes of commands: receipts and refusals, decided on one loaded state."""

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec

from app.domain import commands as c
from app.domain.blockers import BlockerKind, Resolution
from app.domain.decide import as_note, decide
from app.domain.errors import DomainError, StaleLease
from app.domain.events import Event
from app.domain.execution import Execution
from app.domain.states import ExecutionStatus, SubtaskStatus


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an event led to, kept until the execution ends so that a repeat gets the same.

    ``claimed`` is the subtask that was leased along with it, ``unlocked`` the first one it made
    ready. ``asks`` holds the answers a person may give, where the report made one be asked.
    ``refusal`` is set for a report that came too late.
    """

    key: str
    event_id: str
    seq: int
    recorded_at: dt.datetime
    status: ExecutionStatus
    status_message: str = ""
    claimed: str | None = None
    unlocked: str | None = None
    asks: list[Resolution] = []
    refusal: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What came of one command: a receipt, or a refusal; and the events that were committed."""

    receipt: Receipt | None = None
    refusal: DomainError | None = None
    events: Sequence[Event] = ()
    repeated: bool = False


class Result(msgspec.Struct, frozen=True):
    """What came of a batch: an outcome per command, in order, and the state after all of them.

    ``was_offline`` tells that who was heard of by it had been given up as off line.
    """

    outcomes: Sequence[Outcome]
    after: Execution
    was_offline: bool = False


def decide_all(
    before: Execution,
    known: Mapping[str, Receipt],
    commands: Sequence[c.Command],
    now: dt.datetime,
    *,
    was_offline: bool = False,
) -> Result:
    """Decide command after command on one state; gather what changed over all of them.

    A report whose ``event_id`` has a receipt repeats its answer; one that comes too late is kept
    as a note; a refused command does not hold up the others.
    """
    state, seen = before.copy(), dict(known)
    outcomes: list[Outcome] = []
    subtasks: set[str] = set()
    tasks: set[str] = set()
    for command in commands:
        outcome, state = _decide_one(state, command, now, seen)
        if outcome.receipt:
            seen[outcome.receipt.key] = outcome.receipt
        subtasks |= state.changed_subtasks
        tasks |= state.changed_tasks
        outcomes.append(outcome)
    state.changed_subtasks, state.changed_tasks = subtasks, tasks
    return Result(outcomes, state, was_offline)


def _decide_one(
    state: Execution, command: c.Command, now: dt.datetime, seen: dict[str, Receipt]
) -> tuple[Outcome, Execution]:
    report = command if isinstance(command, c.Report) else None
    if report and report.receipt_key in seen:
        receipt = seen[report.receipt_key]
        refusal = StaleLease(receipt.refusal) if receipt.refusal else None
        return Outcome(receipt, refusal, repeated=True), state
    try:
        decision = decide(state, command, now)
    except StaleLease as error:
        if report is None:
            return Outcome(refusal=error), state
        decision = decide(state, as_note(report, error), now)
        receipt = _receipt(report, state, decision.after, now, refusal=str(error))
        return Outcome(receipt, error, decision.events), decision.after
    except DomainError as error:
        return Outcome(refusal=error), state
    receipt = _receipt(report, state, decision.after, now) if report else None
    return Outcome(receipt, None, decision.events), decision.after


def _receipt(
    report: c.Report,
    before: Execution,
    after: Execution,
    now: dt.datetime,
    refusal: str | None = None,
) -> Receipt:
    changed = sorted(after.changed_subtasks, key=lambda one: after.graph.subtasks[one].position)
    claimed = [
        one
        for one in changed
        if after.subtasks[one].lease and after.subtasks[one].lease != before.subtasks[one].lease
    ]
    ready = [
        one
        for one in changed
        if after.subtasks[one].status is SubtaskStatus.READY is not before.subtasks[one].status
    ]
    return Receipt(
        key=report.receipt_key,
        event_id=report.event_id,
        seq=after.header.seq,
        recorded_at=now,
        status=after.header.status,
        status_message=after.header.status_message,
        claimed=claimed[0] if claimed else None,
        unlocked=ready[0] if ready else None,
        asks=asked(report.task_id, after),
        refusal=refusal,
    )


def asked(task_id: str | None, after: Execution) -> list[Resolution]:
    """Name the answers that a person may give about a subtask, where one is asked."""
    subtask = after.subtasks.get(task_id or "")
    blocker = subtask.blocker if subtask else None
    if blocker is None or blocker.kind is BlockerKind.EXTERNAL_WAIT:
        return []
    return blocker.options
