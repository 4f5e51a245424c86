"""States of executions, tasks and subtasks, and the one table of moves between them.

``docs/state-machine.md`` draws these tables; a test compares the two.
"""

import enum
from typing import Final


class ExecutionStatus(enum.StrEnum):
    """Where an execution stands."""

    CREATED = "CREATED"
    """Exists, not started. Entered by creation, left by a start or a cancel."""
    QUEUED = "QUEUED"
    """Started; first subtasks wait for an agent. Left when the first is dispatched."""
    RUNNING = "RUNNING"
    """Something is ready, leased or in back-off."""
    BLOCKED = "BLOCKED"
    """At least one open blocker, and nothing ready, leased or in back-off."""
    PAUSED = "PAUSED"
    """A person stopped dispatch. Left by resume or cancel."""
    COMPLETED = "COMPLETED"
    """Every subtask is completed or skipped. Final."""
    FAILED = "FAILED"
    """A person or a timeout gave it up. May be retried or cancelled."""
    CANCELLED = "CANCELLED"
    """A person called it off. Final."""

    @property
    def ended(self) -> bool:
        """No agent can add to it any more."""
        return self in _ENDED


class SubtaskStatus(enum.StrEnum):
    """Where a subtask stands. A task uses the same words for the sum of its subtasks."""

    QUEUED = "QUEUED"
    """Prerequisites are open, or its execution failed and gave it back. Entered at the start; left
    when the last prerequisite is done."""
    READY = "READY"
    """In the agent's work stream. Left by a claim."""
    RUNNING = "RUNNING"
    """Leased to an agent. Left by its report, a lost lease or a cancel."""
    RETRYING = "RETRYING"
    """In back-off after a failed attempt. Left when the back-off ends."""
    BLOCKED = "BLOCKED"
    """Waits for a person or the outside world. Left when its blocker is resolved."""
    COMPLETED = "COMPLETED"
    """Done; its result is stored. Final."""
    SKIPPED = "SKIPPED"
    """A person passed over it; counts as done. Final."""
    FAILED = "FAILED"
    """An attempt went wrong: left at once for back-off or a blocker. Stays where a person gave it
    up, until the execution is taken up again."""
    CANCELLED = "CANCELLED"
    """Its execution was called off. Final."""

    @property
    def done(self) -> bool:
        """Those that wait for it may go on."""
        return self in _DONE

    @property
    def ended(self) -> bool:
        """Nothing more happens to it by itself."""
        return self in _SUBTASK_ENDED


_ENDED: Final = frozenset(
    {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED}
)
_DONE: Final = frozenset({SubtaskStatus.COMPLETED, SubtaskStatus.SKIPPED})
_SUBTASK_ENDED: Final = _DONE | {SubtaskStatus.FAILED, SubtaskStatus.CANCELLED}

TIMED: Final = frozenset({SubtaskStatus.READY, SubtaskStatus.RUNNING, SubtaskStatus.RETRYING})
"""In these the time budget of a subtask's attempts runs, from the first dispatch on."""

_E = ExecutionStatus
EXECUTION_MOVES: Final[dict[ExecutionStatus, tuple[ExecutionStatus, ...]]] = {
    _E.CREATED: (_E.QUEUED, _E.CANCELLED),
    _E.QUEUED: (_E.RUNNING, _E.BLOCKED, _E.PAUSED, _E.COMPLETED, _E.FAILED, _E.CANCELLED),
    _E.RUNNING: (_E.BLOCKED, _E.PAUSED, _E.COMPLETED, _E.FAILED, _E.CANCELLED),
    _E.BLOCKED: (_E.RUNNING, _E.PAUSED, _E.COMPLETED, _E.FAILED, _E.CANCELLED),
    _E.PAUSED: (_E.QUEUED, _E.RUNNING, _E.COMPLETED, _E.FAILED, _E.CANCELLED),
    _E.COMPLETED: (),
    _E.FAILED: (_E.QUEUED, _E.RUNNING, _E.CANCELLED),
    _E.CANCELLED: (),
}

_S = SubtaskStatus
SUBTASK_MOVES: Final[dict[SubtaskStatus, tuple[SubtaskStatus, ...]]] = {
    _S.QUEUED: (_S.READY, _S.BLOCKED, _S.SKIPPED, _S.FAILED, _S.CANCELLED),
    _S.READY: (
        _S.QUEUED,
        _S.RUNNING,
        _S.BLOCKED,
        _S.COMPLETED,
        _S.SKIPPED,
        _S.FAILED,
        _S.CANCELLED,
    ),
    _S.RUNNING: (
        _S.QUEUED,
        _S.READY,
        _S.RETRYING,
        _S.BLOCKED,
        _S.COMPLETED,
        _S.SKIPPED,
        _S.FAILED,
        _S.CANCELLED,
    ),
    _S.RETRYING: (
        _S.QUEUED,
        _S.READY,
        _S.BLOCKED,
        _S.COMPLETED,
        _S.SKIPPED,
        _S.FAILED,
        _S.CANCELLED,
    ),
    _S.BLOCKED: (_S.QUEUED, _S.READY, _S.COMPLETED, _S.SKIPPED, _S.FAILED, _S.CANCELLED),
    _S.FAILED: (_S.QUEUED, _S.READY, _S.RETRYING, _S.BLOCKED),
    _S.COMPLETED: (),
    _S.SKIPPED: (),
    _S.CANCELLED: (),
}
