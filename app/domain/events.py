"""What has happened: the vocabulary of the log and its hash chain.

One flat shape serves the log, the wire and the table, so an event is encoded once and its bytes
are kept as they are: the hash is over exactly what is stored.
"""

import datetime as dt
import enum
import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

FIRST_HASH: Final = "0" * 64
"""Stands for the hash before the first event of an execution."""


class EventType(enum.StrEnum):
    """Every kind of event; the first group is what agents send."""

    HEARTBEAT = "heartbeat"
    TASK_STARTED = "task_started"
    TASK_PROGRESS = "task_progress"
    TASK_COMPLETE = "task_complete"
    TASK_ERROR = "task_error"
    TASK_BLOCKED = "task_blocked"
    NOTE = "note"

    EXECUTION_CREATED = "execution_created"
    EXECUTION_QUEUED = "execution_queued"
    EXECUTION_STARTED = "execution_started"
    EXECUTION_PAUSED = "execution_paused"
    EXECUTION_RESUMED = "execution_resumed"
    EXECUTION_BLOCKED = "execution_blocked"
    EXECUTION_COMPLETED = "execution_completed"
    EXECUTION_FAILED = "execution_failed"
    EXECUTION_CANCELLED = "execution_cancelled"
    EXECUTION_REASSIGNED = "execution_reassigned"
    TASK_DISPATCHED = "task_dispatched"
    LEASE_EXPIRED = "lease_expired"
    RETRY_SCHEDULED = "retry_scheduled"
    TASK_READY = "task_ready"
    TASK_RELEASED = "task_released"
    BLOCKER_OPENED = "blocker_opened"
    BLOCKER_RESOLVED = "blocker_resolved"
    TASK_SKIPPED = "task_skipped"
    AGENT_OFFLINE = "agent_offline"
    AGENT_ONLINE = "agent_online"


AGENT_EVENT_TYPES: Final = (
    EventType.HEARTBEAT,
    EventType.TASK_STARTED,
    EventType.TASK_PROGRESS,
    EventType.TASK_COMPLETE,
    EventType.TASK_ERROR,
    EventType.TASK_BLOCKED,
    EventType.NOTE,
)
"""What an agent may report; all others are made by the system."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One entry of an execution's log.

    ``seq`` counts 1, 2, 3 … per execution and is its version. ``status`` is that of the subtask
    or execution the event is about, after it. ``agent_timestamp`` is what the agent's clock said:
    stored, never used for ordering. ``data`` holds what folding the log needs and no field has.
    """

    seq: int
    event_id: str
    event_type: EventType
    execution_id: str
    recorded_at: dt.datetime
    actor: str
    status: str
    task_id: str | None = None
    agent_id: str | None = None
    attempt: int | None = None
    message: str | None = None
    output_data: Any = None
    progress_percent: float | None = None
    error_type: str | None = None
    error_message: str | None = None
    suggestions: list[str] = []
    usage: dict[str, Any] | None = None
    agent_timestamp: dt.datetime | None = None
    due_at: dt.datetime | None = None
    data: dict[str, Any] = {}


class SealedEvent(msgspec.Struct, frozen=True):
    """An event as it is kept: its canonical JSON and its link in the chain."""

    event: Event
    body: bytes
    hash: str


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(Event)


def seal(events: Iterable[Event], previous_hash: str) -> list[SealedEvent]:
    """Encode events and chain them: ``hash = SHA-256(previous hash + canonical event)``.

    Canonical means JSON with sorted keys, absent fields left out, UTF-8.
    """
    sealed: list[SealedEvent] = []
    for event in events:
        body = _ENCODER.encode(event)
        previous_hash = chain(previous_hash, body)
        sealed.append(SealedEvent(event, body, previous_hash))
    return sealed


def chain(previous_hash: str, body: bytes) -> str:
    """Give the hash of the event with this canonical body, in hexadecimal."""
    return hashlib.sha256(previous_hash.encode() + body).hexdigest()


def parse_event(body: bytes) -> Event:
    """Decode a canonical body."""
    return _DECODER.decode(body)
