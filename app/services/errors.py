"""What keeps a service from doing what was asked, though nothing is wrong with the request.

``LiveUnavailable`` and ``RecordUnavailable`` mean that a server does not answer; ``Contended``
that others were faster each time; ``BeingRecovered`` that Redis has lost an execution which is
not over; ``Full`` that Redis has too little room left for what was asked; ``ModelBusy``
that the model may answer later. All of them: nothing was changed, try again. ``NotConfigured``
means that trying again changes nothing.
"""

from app.domain.errors import DomainError, NotFound, Terminal
from app.domain.execution import Header
from app.live.errors import Contended as Busy
from app.live.errors import LiveUnavailable
from app.record.errors import RecordUnavailable
from decomposer.errors import ModelBusy

__all__ = [
    "BackupError",
    "BeingRecovered",
    "Busy",
    "Full",
    "LiveUnavailable",
    "ModelBusy",
    "NotConfigured",
    "RecordUnavailable",
    "gone",
]


class BeingRecovered(LiveUnavailable):
    """The execution is not over, but Redis does not hold it: recovery brings it back."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"Execution {execution_id} is being recovered. Try again in a moment.")


class Full(Exception):
    """Redis is nearly full; nothing was changed, try again later."""


class NotConfigured(Exception):
    """This installation lacks what the request needs; an operator can set it up."""


class BackupError(Exception):
    """A backup cannot be made or used; the message says why. Nothing was changed."""


def gone(header: Header | None, execution_id: str) -> DomainError | BeingRecovered:
    """Say what it means that Redis does not hold an execution, by what the record knows of it."""
    if header is None:
        return NotFound(f"There is no execution {execution_id!r}.")
    if not header.status.ended:
        return BeingRecovered(execution_id)
    return Terminal(f"The execution is {header.status}: nothing more can be done in it.")
