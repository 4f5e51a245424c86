"""What the rules refuse.

DomainError
├── InvalidPlan            the plan cannot be stored: names every fault with its place
├── NotFound               no such thing, or somebody else's
├── Archived               the events are in an archive: names the month and the way back
├── Conflict               the request does not fit the present state
│   ├── IllegalMove        a status change outside the table; names the legal ones
│   ├── Terminal           the execution has ended
│   ├── StaleLease         the lease has passed to another attempt
│   └── ApprovalRequired   a gate or a review stands before the start
└── Invalid                a value that cannot be accepted
    └── UnknownTask        the execution has no such task or subtask
"""

from collections.abc import Sequence

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with an input: where it stands and what is wrong there."""

    where: str
    message: str


class DomainError(Exception):
    """Base of all refusals; ``str(error)`` is a sentence for the caller."""

    faults: Sequence[Fault]

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class InvalidPlan(DomainError):
    """The plan cannot be stored; nothing of it was."""


class NotFound(DomainError):
    """No such thing for this caller."""


class Archived(DomainError):
    """The events have been put away into an archive; a command brings the month back."""


class Conflict(DomainError):
    """The request does not fit the present state; load it again and decide again."""


class IllegalMove(Conflict):
    """The state machine has no such move."""

    def __init__(self, status: str, wanted: str, legal: Sequence[str]) -> None:
        self.legal = tuple(legal)
        choice = ", ".join(self.legal) if self.legal else "none: it has ended"
        super().__init__(f"{status} cannot become {wanted}. Legal from {status}: {choice}.")


class Terminal(Conflict):
    """The execution has ended and takes no more events."""


class StaleLease(Conflict):
    """The lease has passed to another attempt; the late result does not count."""


class ApprovalRequired(Conflict):
    """A gate or a review stands before the start; the faults name each."""


class Invalid(DomainError):
    """A value cannot be accepted; the faults name each field."""


class UnknownTask(Invalid):
    """The execution has no task or subtask of this id."""
