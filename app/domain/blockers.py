"""Blockers: what holds a subtask or an execution up, who can clear it, and how."""

import datetime as dt
import enum
from typing import Final

import msgspec


class BlockerKind(enum.StrEnum):
    """Why something cannot go on by itself."""

    EXTERNAL_WAIT = "external_wait"
    """The outside world has to answer; looked at again with back-off, then a person is asked."""
    HUMAN_TASK = "human_task"
    """A person performs it."""
    APPROVAL = "approval"
    """A person allows it before it is done."""
    REVIEW = "review"
    """A breakdown waits for review."""
    HUMAN_INPUT = "human_input"
    """An agent, a wait that lasted too long or a rejected approval asks a person what to do."""
    NO_CAPABLE_AGENT = "no_capable_agent"
    """The agent it is assigned to cannot perform its action."""
    AGENT_OFFLINE = "agent_offline"
    """The agent of the execution or of a subtask has not been heard of for too long."""
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    """It failed as often as its policy allows, or its time is over."""
    DECOMPOSITION_FAILED = "decomposition_failed"
    """A task could not be broken down."""


class Resolution(enum.StrEnum):
    """What a person may answer to a blocker."""

    RETRY = "retry"
    SKIP = "skip"
    PROVIDE_INPUT = "provide_input"
    APPROVE = "approve"
    REJECT = "reject"
    ALTERNATIVE = "alternative"
    REASSIGN = "reassign"
    FAIL = "fail"


_R = Resolution
RESOLUTIONS: Final[dict[BlockerKind, tuple[Resolution, ...]]] = {
    BlockerKind.EXTERNAL_WAIT: (_R.RETRY, _R.PROVIDE_INPUT, _R.SKIP, _R.REASSIGN, _R.FAIL),
    BlockerKind.HUMAN_TASK: (_R.PROVIDE_INPUT, _R.SKIP, _R.FAIL),
    BlockerKind.APPROVAL: (_R.APPROVE, _R.REJECT, _R.ALTERNATIVE, _R.SKIP, _R.FAIL),
    BlockerKind.REVIEW: (_R.APPROVE, _R.FAIL),
    BlockerKind.HUMAN_INPUT: (
        _R.PROVIDE_INPUT,
        _R.RETRY,
        _R.ALTERNATIVE,
        _R.SKIP,
        _R.REASSIGN,
        _R.FAIL,
    ),
    BlockerKind.NO_CAPABLE_AGENT: (_R.REASSIGN, _R.RETRY, _R.SKIP, _R.FAIL),
    BlockerKind.AGENT_OFFLINE: (_R.REASSIGN, _R.SKIP, _R.FAIL),
    BlockerKind.ATTEMPTS_EXHAUSTED: (
        _R.RETRY,
        _R.PROVIDE_INPUT,
        _R.ALTERNATIVE,
        _R.SKIP,
        _R.REASSIGN,
        _R.FAIL,
    ),
    BlockerKind.DECOMPOSITION_FAILED: (_R.RETRY, _R.FAIL),
}
"""Which answers a kind accepts; the first is the one most likely meant."""

BLOCKS_BEFORE_LOOP: Final = 3
"""After so many blockers on one subtask the loop is broken: a person decides, without a retry."""


class Blocker(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One open blocker. ``holds_up`` counts the unfinished subtasks that wait behind it.

    ``owner`` is who can clear it: ``user:…`` or ``agent:…``. ``task_id`` is empty for one that
    holds up the whole execution.
    """

    blocker_id: str
    kind: BlockerKind
    owner: str
    opened_at: dt.datetime
    task_id: str = ""
    message: str = ""
    suggestions: list[str] = []
    options: list[Resolution] = []
    holds_up: int = 0
    next_check_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None

    @property
    def is_agents(self) -> bool:
        """It waits for an agent, not for a person."""
        return self.owner.startswith("agent:")
