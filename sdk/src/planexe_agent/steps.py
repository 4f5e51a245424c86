"""The agent's protocol without input and output: what to do next, as steps that others carry out.

A function that returns ``Steps`` is a generator. It yields one step at a time, is given what came
of it, and raises or returns as any function. ``planexe_agent.threads`` carries steps out with
threads, ``planexe_agent.aio`` with asyncio; both follow the same protocol because there is one.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Protocol, TypeVar, Union

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.actions import Action
    from planexe_agent.task import Lease
    from planexe_agent.wire import Request

_T = TypeVar("_T")


class Alarm(Protocol):
    """Something to sleep on: an ``Event`` of threading, or of asyncio."""

    def set(self) -> None:
        """Wake whoever sleeps on it, now and later."""
        ...

    def clear(self) -> None:
        """Let further sleepers sleep."""
        ...

    def is_set(self) -> bool:
        """Tell whether it is set."""
        ...


class Line(Protocol):
    """A way to the server."""

    @property
    def ended(self) -> Alarm:
        """Set once nothing more may be sent on it."""
        ...


@dataclass(frozen=True)
class Attempt:
    """Send a request once: gives the ``Answer``, or raises what ``wire.read`` raises."""

    line: Line
    request: Request


@dataclass(frozen=True)
class Sleep:
    """Sleep until the alarm is set, at most so long (None: without end): gives whether it is."""

    alarm: Alarm
    seconds: float | None


@dataclass(frozen=True)
class Perform:
    """Perform a task: gives the event that tells how it ended, None where nobody is to know."""

    actions: Mapping[str, Action]
    task: Lease


@dataclass(frozen=True)
class OnDisk:
    """Call a function that waits for the disk: gives what it returns."""

    function: Callable[[], Any]


Step = Union[Attempt, Sleep, Perform, OnDisk]
Steps = Generator[Step, Any, _T]
