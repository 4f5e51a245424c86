"""What Larry's actions need from the world outside.

Each port has a real connector and a simulated twin that keep the same promises; configuration
chooses. Both raise ``Unreachable`` where the other side does not answer, which is worth another
attempt, and ``Refused`` where it will not have what was asked, which is not.

LarryError
├── Unreachable     the other side does not answer now: the server has it tried again
├── Refused         the other side will not have this: a person decides
├── NotebookError   Larry cannot begin: his notebook is in use or unreadable
└── SettingsError   Larry cannot begin: what was set cannot be used
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class LarryError(Exception):
    """Base of everything this package raises on purpose."""


class Unreachable(LarryError):
    """The other side does not answer now; try again later."""


class Refused(LarryError):
    """The other side will not have this; another attempt would fare no better."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Message:
    """An e-mail.

    Attributes:
        message_id: With its angle brackets; made by whoever sends it.
        in_reply_to: The ``message_id`` it answers; empty where none.
        references: The thread so far, oldest first.
    """

    message_id: str
    sender: str
    to: str
    subject: str
    body: str
    in_reply_to: str = ""
    references: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    sent_at: dt.datetime | None = None


class Mail(Protocol):
    """A mailbox that sends and receives."""

    def send(self, message: Message) -> None:
        """Hand a message over; sending the same ``message_id`` again is harmless."""
        ...

    def replies(self, message_id: str) -> Sequence[Message]:
        """Give the messages received in the thread of one that was sent, oldest first."""
        ...


@dataclass(frozen=True)
class Call:
    """A telephone call as far as it has come.

    Attributes:
        status: ``queued``, ``ringing``, ``in-progress``, ``completed``, ``busy``, ``no-answer``
            or ``failed``.
        transcript: What was said; empty until it is completed, or where nothing was recorded.
    """

    call_id: str
    to: str
    status: str
    duration_seconds: int = 0
    transcript: str = ""
    recording_url: str = ""


class Telephone(Protocol):
    """A line that calls out."""

    def dial(self, to: str, script: str, key: str) -> Call:
        """Begin a call that speaks a script; the same ``key`` gives the same call again."""
        ...

    def look(self, call_id: str) -> Call:
        """Look how far a call has come."""
        ...


@dataclass(frozen=True)
class Place:
    """A business as a directory of places knows it."""

    place_id: str
    name: str
    address: str = ""
    town: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    rating: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


class Places(Protocol):
    """A directory of places."""

    def search(self, query: str, near: str = "", limit: int = 20) -> Sequence[Place]:
        """Find places, best match first."""
        ...


@dataclass(frozen=True)
class Hit:
    """One answer of a web search."""

    title: str
    url: str
    snippet: str = ""


class WebSearch(Protocol):
    """A search engine."""

    def search(self, query: str, limit: int = 10) -> Sequence[Hit]:
        """Find pages, best match first."""
        ...


@dataclass(frozen=True)
class Answer:
    """What somebody does some time after he was written to; ``body`` is what he writes."""

    body: str
    delay_seconds: float


class World(Protocol):
    """The people at the other end of the simulated twins, and of the servers tests start.

    It knows no clock: delays are in seconds of the world, and whoever asks lets them pass, divided
    by its own time factor. The same questions in the same order get the same answers.
    """

    def written_to(self, message: Message) -> Sequence[Answer]:
        """Give what the addressee writes back, if anything."""
        ...

    def called(self, to: str, script: str) -> Call:
        """Give how a call to this number ends; ``duration_seconds`` is how long it takes."""
        ...

    def places(self, query: str, near: str) -> Sequence[Place]:
        """Give what a directory of places knows."""
        ...

    def pages(self, query: str) -> Sequence[Hit]:
        """Give what a search engine knows."""
        ...
