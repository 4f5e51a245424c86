"""A decision in the making: a copy of the state on which events are applied as they are decided."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from app.domain.behind import count_behind
from app.domain.blockers import RESOLUTIONS, Blocker, BlockerKind, Resolution
from app.domain.errors import Terminal, UnknownTask
from app.domain.events import Event, EventType
from app.domain.evolve import evolve
from app.domain.execution import Execution, SubtaskState
from app.domain.states import SubtaskStatus

BLOCKERS_COUNTED_SINGLY: Final = 30
"""With more than so many in one decision, what is behind is counted for all subtasks at once."""

SYSTEM: Final = "system"
"""The actor of what follows by itself: timeouts, completions, readiness."""


def stated_minutes(minutes: float | None) -> dict[str, Any]:
    """Give what an event's ``data`` holds of the minutes a person states."""
    return {} if minutes is None else {"minutes": minutes}


class Draft:
    """Collects events and keeps the state after them."""

    def __init__(self, state: Execution, now: dt.datetime) -> None:
        self.before = state
        self.state = state.copy()
        self.now = now
        self.events: list[Event] = []
        self._behind: Mapping[str, int] = {}
        self._counted = 0

    def emit(self, event_type: EventType, *, actor: str, status: str, **fields: Any) -> None:
        """Decide on one event and apply it."""
        fields.setdefault("event_id", self.next_id("evt"))
        event = Event(
            seq=self.state.header.seq + 1,
            event_type=event_type,
            execution_id=self.state.header.execution_id,
            recorded_at=self.now,
            actor=actor,
            status=status,
            **fields,
        )
        evolve(self.state, event)
        self.events.append(event)

    def next_id(self, kind: str) -> str:
        """Make an id from the execution's and the number of the next event: nothing at random."""
        header = self.state.header
        return f"{kind}_{header.execution_id.removeprefix('exec_')}.{header.seq + 1}"

    def subtask(self, subtask_id: str) -> SubtaskState:
        """Give a subtask.

        Raises:
            UnknownTask: There is none of this id.
        """
        if subtask_id not in self.state.subtasks:
            raise UnknownTask(f"This execution has no subtask {subtask_id!r}.")
        return self.state.subtasks[subtask_id]

    def refuse_ended(self) -> None:
        """Refuse what an execution that has ended does not take.

        Raises:
            Terminal: It has ended.
        """
        status = self.state.header.status
        if status.ended:
            raise Terminal(f"The execution is {status}: it takes no more events.")

    def open_blocker(
        self,
        kind: BlockerKind,
        subtask_id: str,
        message: str,
        options: tuple[Resolution, ...],
        *,
        suggestions: list[str] | None = None,
        owner: str = "",
        next_check_at: dt.datetime | None = None,
        expires_at: dt.datetime | None = None,
    ) -> None:
        """Open a blocker on a subtask, or on the execution where ``subtask_id`` is empty."""
        header = self.state.header
        unfinished = header.subtasks_total - header.subtasks_done
        blocker = Blocker(
            blocker_id=self.next_id("blk"),
            kind=kind,
            task_id=subtask_id,
            owner=owner or header.owner,
            opened_at=self.now,
            message=message,
            suggestions=suggestions or [],
            options=list(options),
            holds_up=self._count_behind(subtask_id) if subtask_id else unfinished,
            next_check_at=next_check_at,
            expires_at=expires_at,
        )
        self.emit(
            EventType.BLOCKER_OPENED,
            actor=SYSTEM,
            status=SubtaskStatus.BLOCKED,
            task_id=subtask_id or None,
            message=message,
            suggestions=blocker.suggestions,
            data={"blocker": blocker},
        )

    def say_unmatched(self, unmatched: dict[str, str]) -> None:
        """Block what would only lie in the stream of an agent that cannot do it."""
        for subtask_id, told in unmatched.items():
            subtask = self.state.subtasks.get(subtask_id)
            if subtask and not (subtask.status.ended or subtask.blocker or subtask.lease):
                self.open_blocker(
                    BlockerKind.NO_CAPABLE_AGENT,
                    subtask_id,
                    told,
                    RESOLUTIONS[BlockerKind.NO_CAPABLE_AGENT],
                    suggestions=[
                        "Reassign it to an agent that can.",
                        "Skip it, or do it yourself.",
                    ],
                )

    def release(self, subtask_id: str, actor: str, **changes: Any) -> None:
        """Put a subtask back to where its prerequisites decide."""
        waits = self.state.waits_for_others(subtask_id)
        self.emit(
            EventType.TASK_RELEASED,
            actor=actor,
            status=SubtaskStatus.QUEUED if waits else SubtaskStatus.READY,
            task_id=subtask_id,
            data=changes,
        )

    def close_blocker(
        self,
        blocker: Blocker,
        actor: str,
        resolution: str,
        message: str | None = None,
        minutes: float | None = None,
    ) -> None:
        """Close an open blocker; what becomes of its subtask is an event of its own.

        ``minutes`` is how long it took the person, where they said so.
        """
        self.emit(
            EventType.BLOCKER_RESOLVED,
            actor=actor,
            status="RESOLVED",
            task_id=blocker.task_id or None,
            message=message,
            data={
                "blocker_id": blocker.blocker_id,
                "kind": blocker.kind,
                "resolution": resolution,
                "opened_at": blocker.opened_at,
                **stated_minutes(minutes),
            },
        )

    def close_open_blocker(self, subtask_id: str, actor: str, resolution: str) -> None:
        """Close the blocker of a subtask, if it has one."""
        blocker = self.state.subtasks[subtask_id].blocker
        if blocker is not None:
            self.close_blocker(blocker, actor, resolution)

    def _count_behind(self, subtask_id: str) -> int:
        graph = self.state.graph
        self._counted += 1
        if self._counted > BLOCKERS_COUNTED_SINGLY:
            self._behind = self._behind or count_behind(graph)
        return self._behind[subtask_id] if self._behind else graph.behind(subtask_id)
