"""All that anyone may ask of an execution as it stands: what random tests draw from."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any, Final

from app.domain import commands as c
from app.domain.blockers import BlockerKind, Resolution
from app.domain.events import EventType
from app.domain.execution import Execution, Lease
from app.domain.execution_graph import ExecutionGraph
from app.domain.plan import Assignee, RetryPolicy
from app.domain.states import TIMED, ExecutionStatus, SubtaskStatus

from .executions import AGENT, answer, claim, claimant, make_graph, report, step

AGENTS: Final = (AGENT, "agent_2", "agent_3")
USER: Final = {"actor": "user:1"}
OTHER_PARAMS: Final = {"depth": 9}
MINUTE: Final = dt.timedelta(minutes=1)

Pick = Callable[[int], int]
"""Draws an index below a number."""


def varied(width: int = 1) -> ExecutionGraph:
    """Make a plan with everything in it: people, approvals, two agents, short budgets, order."""
    tasks = {}
    after = {}
    for number in range(width):
        n = f"{number}"
        tasks |= {
            f"t{n}": [
                step(f"a{n}", retry_policy=RetryPolicy(max_attempts=2)),
                step(f"b{n}", f"a{n}", requires_approval=True),
                step(f"h{n}", f"a{n}", assignee=Assignee.HUMAN),
            ],
            f"u{n}": [step(f"d{n}", timeout_hours=0.5), step(f"e{n}", f"d{n}", action="sing")],
            f"v{n}": [step(f"f{n}"), step(f"g{n}", f"f{n}", requires_approval=True)],
        }
        after |= {f"v{n}": [f"t{n}", f"u{n}"]}
    return make_graph(tasks, after, {f"u{number}": "agent_2" for number in range(width)})


def draw_command(
    state: Execution, now: dt.datetime, pick: Pick, tag: str, *, ends: bool = True
) -> c.Command:
    """Draw one: mostly work, sometimes trouble and people, seldom an end.

    ``tag`` makes the report's id, so one tag gives one report.
    """
    asked = _ASKED if ends else _USUAL
    start = pick(len(asked))
    for ask in (*asked[start:], *asked[:start]):
        if commands := list(ask(state, now, tag)):
            return commands[pick(len(commands))]
    raise AssertionError("There is always a mistake to make.")


def finish(
    look: Callable[[], Execution], do: Callable[[c.Command, dt.datetime | None], object]
) -> None:
    """Bring an execution to its end as agents, people and time would; fail where it is stuck."""
    for _ in range(100):
        state = look()
        if state.header.status in (ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED):
            return
        for command, at in [*_whole_steps(state), *_steps(state)]:
            do(command, at)
    raise AssertionError(f"It does not end: {look().header}")


def _whole_steps(state: Execution) -> Iterator[tuple[c.Command, None]]:
    header = state.header
    if header.status is ExecutionStatus.CREATED:
        yield c.StartExecution(**USER), None
    if header.status in (ExecutionStatus.PAUSED, ExecutionStatus.FAILED):
        yield c.ResumeExecution(**USER), None
    for agent_id in header.absent:
        yield c.NoteAgentOnline(agent_id=agent_id), None


def _steps(state: Execution) -> Iterator[tuple[c.Command, dt.datetime | None]]:
    for one, subtask in state.subtasks.items():
        if subtask.status is SubtaskStatus.READY:
            yield claim(one, claimant(state.agent_of(one))), None
        elif subtask.lease:
            tag = f"finish:{one}:{subtask.lease.token}"
            yield _said(EventType.TASK_COMPLETE, one, subtask.lease, tag), None
        elif subtask.due_at:
            yield c.EndDelay(subtask_id=one), subtask.due_at
        elif subtask.blocker and subtask.blocker.kind is not BlockerKind.AGENT_OFFLINE:
            options = subtask.blocker.options
            wanted = [*_ANSWERS, *options]
            yield answer(subtask.blocker, next(one for one in wanted if one in options)), None


_ANSWERS: Final = (Resolution.APPROVE, Resolution.RETRY, Resolution.PROVIDE_INPUT)


def next_due(state: Execution) -> dt.datetime | None:
    """Give the first end of a delay or of a time budget."""
    ends = [one.due_at for one in state.subtasks.values() if one.due_at]
    for subtask_id, one in state.subtasks.items():
        if one.timing_since and one.status in TIMED:
            hours = state.graph.subtasks[subtask_id].timeout_hours
            ends.append(one.timing_since + dt.timedelta(hours=hours))
    return min(ends, default=None)


def _claims(state: Execution, _: dt.datetime, tag: str) -> Iterator[c.Command]:
    for one, subtask in state.subtasks.items():
        if subtask.status is SubtaskStatus.READY:
            yield claim(one, claimant(state.agent_of(one), poll_id=tag))


def _leased(state: Execution) -> Iterator[tuple[str, Lease]]:
    for one, subtask in state.subtasks.items():
        if subtask.lease:
            yield one, subtask.lease


def _completions(state: Execution, _: dt.datetime, tag: str) -> Iterator[c.Command]:
    for one, lease in _leased(state):
        for who in (None, claimant(lease.agent_id), claimant(lease.agent_id, "noop")):
            yield _said(EventType.TASK_COMPLETE, one, lease, tag, claimant=who, output_data=tag)


def _troubles(state: Execution, _: dt.datetime, tag: str) -> Iterator[c.Command]:
    for one, lease in _leased(state):
        yield _said(EventType.TASK_ERROR, one, lease, tag, error_message="slow", jitter=0.5)
        yield _said(EventType.TASK_ERROR, one, lease, tag, error_message="slow", jitter=0.0)
        yield _said(EventType.TASK_ERROR, one, lease, tag, error_type="permanent")
        yield _said(EventType.TASK_ERROR, one, lease, tag, human_review_required=True)
        yield _said(EventType.TASK_BLOCKED, one, lease, tag)
        yield _said(EventType.TASK_BLOCKED, one, lease, tag, max_wait_seconds=1.5)
        yield c.ExpireLease(subtask_id=one, lease_token=lease.token, jitter=0.25)


def _words(state: Execution, _: dt.datetime, tag: str) -> Iterator[c.Command]:
    for one, lease in _leased(state):
        yield _said(EventType.HEARTBEAT, one, lease, tag, progress_percent=len(tag) * 7.0)
        yield _said(EventType.TASK_PROGRESS, one, lease, tag, message="on it")
        yield _said(EventType.TASK_STARTED, one, lease, tag)
    yield report(EventType.NOTE, event_id=tag, message="hm")


def _said(event_type: EventType, one: str, lease: Lease, tag: str, **fields: Any) -> c.Report:
    given = {"event_id": tag, "agent_id": lease.agent_id, "lease_token": lease.token, **fields}
    return report(event_type, one, **given)


def _mistakes(state: Execution, _: dt.datetime, tag: str) -> Iterator[c.Command]:
    """Ask for what does not suit: late, foreign, unknown, too early."""
    for one, subtask in state.subtasks.items():
        yield claim(one, claimant("agent_3"))
        yield claim(one, claimant(AGENT))
        yield report(EventType.TASK_COMPLETE, one, event_id=tag, lease_token="1")
        if subtask.agent_id:
            yield report(EventType.TASK_ERROR, one, event_id=tag, agent_id=subtask.agent_id)
        yield c.ExpireLease(subtask_id=one, lease_token="1")
        yield c.EndDelay(subtask_id=one)
        yield c.TimeOutSubtask(subtask_id=one)
        yield c.SkipSubtask(**USER, subtask_id=one, reason="again")
        yield c.RetrySubtask(**USER, subtask_id=one)
        yield c.CompleteSubtask(**USER, subtask_id=one)
        for wrong in Resolution:
            yield c.ResolveBlocker(**USER, subtask_id=one, blocker_id="blk_0", resolution=wrong)
            if subtask.blocker and wrong not in subtask.blocker.options:
                yield answer(subtask.blocker, wrong)
    yield report(EventType.TASK_COMPLETE, "ghost", event_id=tag)
    yield report(EventType.NOTE, event_id=tag, agent_id="stranger")


def _ends_of_delays(state: Execution, now: dt.datetime, _: str) -> Iterator[c.Command]:
    for one, subtask in state.subtasks.items():
        if subtask.due_at and subtask.due_at <= now:
            yield c.EndDelay(subtask_id=one)
        if subtask.timing_since:
            yield c.TimeOutSubtask(subtask_id=one)


def _answers(state: Execution, _: dt.datetime, __: str) -> Iterator[c.Command]:
    for subtask in state.subtasks.values():
        if subtask.blocker is None:
            continue
        for one in subtask.blocker.options:
            if one is Resolution.FAIL:
                continue
            agent_id = "agent_3" if one is Resolution.REASSIGN else None
            yield answer(subtask.blocker, one, message="do", agent_id=agent_id)
            if one is Resolution.REASSIGN:
                yield answer(subtask.blocker, one, agent_id="agent_2")
            yield answer(subtask.blocker, one, agent_id=agent_id, unmatched="Nobody does it.")
            yield answer(subtask.blocker, one, agent_id=agent_id, params=OTHER_PARAMS)


def _people(state: Execution, _: dt.datetime, __: str) -> Iterator[c.Command]:
    for one, subtask in state.subtasks.items():
        if subtask.status.ended:
            continue
        yield c.SkipSubtask(**USER, subtask_id=one, reason="not needed", output_data={"n": 0})
        yield c.CompleteSubtask(**USER, subtask_id=one, notes="by hand")
        if subtask.status in (SubtaskStatus.BLOCKED, SubtaskStatus.RETRYING):
            yield c.RetrySubtask(**USER, subtask_id=one, message="again")
            yield c.RetrySubtask(**USER, subtask_id=one, unmatched="Nobody does it.")


def _controls(state: Execution, now: dt.datetime, _: str) -> Iterator[c.Command]:
    yield from [c.StartExecution(**USER, unmatched={"e0": "Nobody sings."})] * 3
    yield c.PauseExecution(**USER, reason="lunch")
    yield from [c.ResumeExecution(**USER)] * 4
    for agent_id in AGENTS:
        yield c.NoteAgentOffline(agent_id=agent_id, last_contact_at=now)
        yield from [c.NoteAgentOnline(agent_id=agent_id)] * 2
        yield c.ReassignExecution(**USER, agent_id=agent_id, reason="ill")
    yield c.ReassignExecution(**USER, agent_id=AGENT, unmatched={"f0": "It cannot."})


def _endings(state: Execution, _: dt.datetime, __: str) -> Iterator[c.Command]:
    yield c.CancelExecution(**USER, reason="enough")
    yield c.TimeOutExecution(hours=168)
    blockers = [state.header.blocker, *(one.blocker for one in state.subtasks.values())]
    for blocker in blockers:
        if blocker:
            yield from [answer(blocker, Resolution.FAIL, message="no use")] * 3


_Ask = Callable[[Execution, dt.datetime, str], Iterator[c.Command]]
_USUAL: Final[tuple[_Ask, ...]] = (
    *(_claims, _completions, _claims, _answers, _claims, _ends_of_delays, _claims, _troubles),
    *(_claims, _completions, _controls, _answers, _words, _ends_of_delays, _claims, _troubles),
    *(_claims, _completions, _people, _answers, _mistakes, _ends_of_delays, _controls, _troubles),
)
_ASKED: Final = (*_USUAL, *_USUAL, _endings)
"""Where one finds nothing to ask, the next is taken."""
