"""Every kind of blocker with every answer to it: what it leads to, or that it is refused."""

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from app.domain import commands as c
from app.domain.blockers import BLOCKS_BEFORE_LOOP, RESOLUTIONS, Blocker, BlockerKind, Resolution
from app.domain.decide.draft import Draft
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.events import EventType
from app.domain.plan import Assignee, RetryPolicy
from tests.executions import (
    AGENT,
    NOON,
    Play,
    answer,
    chain,
    check,
    facts,
    make_graph,
    report,
    started,
    step,
    types,
)

K, R = BlockerKind, Resolution
USER = {"actor": "user:1"}
PARAMS = {"depth": 9}


def of_one(**fields: Any) -> Play:
    """Start an execution in which ``b`` waits for ``a``."""
    return started(make_graph({"t": [step("a", **fields), step("b", "a")]}))


def external_wait() -> Play:
    play = of_one()
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a", message="no reply"))
    return play


def human_input() -> Play:
    play = of_one()
    play.claim("a")
    play.fail("a", human_review_required=True)
    return play


def attempts_exhausted() -> Play:
    play = of_one(retry_policy=RetryPolicy(max_attempts=1))
    play.exhaust("a")
    return play


def no_capable_agent() -> Play:
    play = Play(make_graph({"t": [step("a"), step("b", "a")]}))
    play.start(a="agent_1 does not perform 'noop'.")
    return play


def agent_offline() -> Play:
    play = started(make_graph({"t": [step("a"), step("b", "a")]}, agents={"t": "agent_3"}))
    play.do(c.NoteAgentOffline(agent_id="agent_3", last_contact_at=NOON))
    return play


def opened(kind: BlockerKind) -> Play:
    """Open a blocker that no command of an execution opens by itself."""
    play = of_one()
    draft = Draft(play.state, play.now)
    draft.open_blocker(kind, "a", "look at it", RESOLUTIONS[kind])
    play.state = draft.state
    play.events += draft.events
    return play


BLOCKED: dict[BlockerKind, Callable[[], Play]] = {
    K.EXTERNAL_WAIT: external_wait,
    K.HUMAN_TASK: lambda: of_one(assignee=Assignee.HUMAN),
    K.APPROVAL: lambda: of_one(requires_approval=True),
    K.REVIEW: lambda: opened(K.REVIEW),
    K.HUMAN_INPUT: human_input,
    K.NO_CAPABLE_AGENT: no_capable_agent,
    K.AGENT_OFFLINE: agent_offline,
    K.ATTEMPTS_EXHAUSTED: attempts_exhausted,
    K.DECOMPOSITION_FAILED: lambda: opened(K.DECOMPOSITION_FAILED),
}
"""Plays to a blocker of each kind on ``a``; that of an execution stands apart."""


@pytest.mark.parametrize("kind", BLOCKED)
def test_a_blocked_subtask_says_who_may_answer_what(kind: BlockerKind) -> None:
    play = BLOCKED[kind]()
    blocker = play.blocker("a")
    assert (blocker.kind, blocker.task_id, blocker.opened_at) == (kind, "a", NOON)
    assert tuple(blocker.options) == RESOLUTIONS[kind]
    assert blocker.holds_up == 1
    assert blocker.owner == ("agent:agent_1" if kind is K.EXTERNAL_WAIT else "user:1")
    assert blocker.message
    assert play.subtask("a").status == "BLOCKED"
    assert play.state.header.open_blockers == 1


def test_every_kind_has_its_answers() -> None:
    assert set(RESOLUTIONS) == set(BlockerKind) == set(BLOCKED)


OUTCOMES = {
    R.RETRY: "READY",
    R.PROVIDE_INPUT: "READY",
    R.ALTERNATIVE: "READY",
    R.REASSIGN: "READY",
    R.APPROVE: "READY",
    R.REJECT: "BLOCKED",
    R.SKIP: "SKIPPED",
    R.FAIL: "FAILED",
}
EXCEPT = {(K.HUMAN_TASK, R.PROVIDE_INPUT): "COMPLETED", (K.APPROVAL, R.ALTERNATIVE): "BLOCKED"}
PAIRS = list(itertools.product(BLOCKED, Resolution))


@pytest.mark.parametrize(("kind", "resolution"), PAIRS)
def test_each_kind_takes_its_answers_and_no_others(
    kind: BlockerKind, resolution: Resolution
) -> None:
    play = BLOCKED[kind]()
    first, before = play.blocker("a"), facts(play.state)
    command = answer(
        first, resolution, message="so be it", agent_id="agent_2", output_data={"n": 1}
    )
    if resolution not in RESOLUTIONS[kind]:
        with pytest.raises(Invalid) as refusal:
            play.do(command)
        assert [fault.where for fault in refusal.value.faults] == ["resolution"]
        assert all(one in str(refusal.value) for one in RESOLUTIONS[kind])
        assert facts(play.state) == before
        return
    events = play.do(command)
    resolved = events[0]
    assert (resolved.event_type, resolved.actor) == ("blocker_resolved", "user:1")
    assert resolved.data["resolution"] == resolution
    assert resolved.data["blocker_id"] == first.blocker_id
    assert play.subtask("a").status == EXCEPT.get((kind, resolution), OUTCOMES[resolution])
    assert play.subtask("a").blocker != first
    check(play.state)


@pytest.mark.parametrize(
    "kind", [kind for kind in BLOCKED if {R.RETRY, R.PROVIDE_INPUT} & set(RESOLUTIONS[kind])]
)
def test_whatever_is_put_out_again_has_all_its_attempts_and_time(kind: BlockerKind) -> None:
    play = BLOCKED[kind]()
    how = R.RETRY if R.RETRY in RESOLUTIONS[kind] else R.SKIP
    play.now += dt.timedelta(hours=30)
    play.answer("a", how)
    subtask = play.subtask("a")
    assert (subtask.timing_since, subtask.due_at, subtask.wait_until) == (None, None, None)
    if how is R.RETRY:
        assert subtask.attempt == 0
        play.claim("a")
        assert play.subtask("a").attempt == 1
        lease = play.subtask("a").lease
        assert lease
        assert lease.kind == "run"


def test_the_next_attempt_is_told_what_the_person_said() -> None:
    play = attempts_exhausted()
    given = {"output_data": {"code": 7}, "option": "the back door", "params": PARAMS}
    play.answer("a", "provide_input", "use the back door", **given)
    assert play.subtask("a").resolution == {
        "resolution": "provide_input",
        "message": "use the back door",
        **given,
    }


def test_a_reassigned_subtask_goes_to_the_agent_named_and_no_other_does() -> None:
    play = attempts_exhausted()
    play.answer("a", "reassign", agent_id="agent_2")
    assert [play.state.agent_of(one) for one in "ab"] == ["agent_2", AGENT]
    assert play.state.involves("agent_2")
    with pytest.raises(Conflict):
        play.claim("a")


def test_a_reassignment_names_the_agent() -> None:
    play = attempts_exhausted()
    with pytest.raises(Invalid) as refusal:
        play.answer("a", "reassign")
    assert [fault.where for fault in refusal.value.faults] == ["agent_id"]


def test_what_is_skipped_by_an_answer_lets_others_go_on_with_the_substitute() -> None:
    play = attempts_exhausted()
    play.answer("a", "skip", "not worth it", output_data={"n": 0})
    assert (play.subtask("a").result, play.subtask("a").message) == ({"n": 0}, "not worth it")
    assert play.subtask("b").status == "READY"


def test_giving_up_fails_the_execution_and_says_where() -> None:
    play = attempts_exhausted()
    play.answer("a", "fail", "no use")
    assert play.status == "FAILED"
    assert play.state.header.status_message == "Given up at 'A'. no use"
    subtask = play.subtask("a")
    assert (subtask.error_type, subtask.error_message) == ("given_up", "no use")


def test_a_failure_closes_every_blocker() -> None:
    play = started(make_graph({"t": [step(one, requires_approval=True) for one in "ab"]}))
    assert play.state.header.open_blockers == 2
    play.answer("a", "fail")
    assert play.state.header.open_blockers == 0
    check(play.state)


@pytest.mark.parametrize("subtask_id", ["a", "b", ""])
def test_a_blocker_that_is_not_open_is_not_found(subtask_id: str) -> None:
    play = attempts_exhausted()
    command = c.ResolveBlocker(
        **USER, subtask_id=subtask_id, blocker_id="blk_0", resolution=R.RETRY
    )
    with pytest.raises(NotFound, match="blk_0"):
        play.do(command)


def test_a_blocker_is_resolved_once() -> None:
    play = attempts_exhausted()
    first = play.blocker("a")
    play.answer("a", "retry")
    with pytest.raises(NotFound):
        play.do(answer(first, R.RETRY))


@pytest.mark.parametrize("moment", ["ready", "leased", "in back-off"])
@pytest.mark.parametrize("resolution", RESOLUTIONS[K.EXTERNAL_WAIT])
def test_a_wait_may_be_answered_while_it_is_looked_at(moment: str, resolution: str) -> None:
    play = external_wait()
    play.await_due("a")
    if moment != "ready":
        play.claim("a")
    if moment == "in back-off":
        play.fail("a")
    play.answer("a", resolution, agent_id="agent_2")
    assert play.subtask("a").status == OUTCOMES[Resolution(resolution)]
    assert play.subtask("a").lease is None
    check(play.state)


# The loop is broken


def test_the_fourth_blocker_of_a_subtask_leaves_no_retry() -> None:
    play = attempts_exhausted()
    for _ in range(BLOCKS_BEFORE_LOOP - 1):
        assert play.blocker("a").kind == "attempts_exhausted"
        play.answer("a", "retry")
        play.exhaust("a")
    play.answer("a", "retry")
    play.exhaust("a")
    blocker = play.blocker("a")
    assert blocker.kind == "human_input"
    assert blocker.options == [
        R.PROVIDE_INPUT,
        R.ALTERNATIVE,
        R.SKIP,
        R.REASSIGN,
        R.FAIL,
    ]
    assert blocker.message.startswith("Blocked for the 4th time")
    assert "no such door" in blocker.message
    with pytest.raises(Invalid):
        play.answer("a", "retry")
    with pytest.raises(Conflict, match="provide_input"):
        play.do(c.RetrySubtask(**USER, subtask_id="a"))


def test_waits_in_vain_count_towards_the_loop() -> None:
    play = external_wait()
    play.now += dt.timedelta(hours=49)
    play.do(c.EndDelay(subtask_id="a"))
    for expected in (True, False):
        play.claim("a")
        play.do(report(EventType.TASK_BLOCKED, "a", max_wait_seconds=1))
        play.await_due("a")
        assert (R.RETRY in play.blocker("a").options) is expected
        if expected:
            play.answer("a", "retry")


# The blocker of an execution


def offline(play: Play) -> Blocker:
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    return play.blocker()


@pytest.mark.parametrize("resolution", Resolution)
def test_an_absent_agent_is_answered_by_giving_up_or_by_a_command_of_its_own(
    resolution: Resolution,
) -> None:
    play = started(chain(2))
    blocker = offline(play)
    assert (blocker.kind, blocker.task_id, blocker.holds_up) == ("agent_offline", "", 2)
    if resolution is R.FAIL:
        play.answer("", resolution, "gone")
        assert play.state.header.status_message == "Given up at the execution. gone"
        assert (play.status, play.state.header.blocker) == ("FAILED", None)
        check(play.state)
        return
    with pytest.raises(Conflict if resolution is R.REASSIGN else Invalid):
        play.answer("", resolution)
    assert play.state.header.blocker == blocker


def test_an_execution_that_has_not_begun_cannot_be_given_up() -> None:
    play = Play(chain(1))
    offline(play)
    with pytest.raises(Conflict, match="CREATED cannot become FAILED"):
        play.answer("", "fail")


def test_an_execution_completes_although_its_own_agent_is_away() -> None:
    play = started(make_graph({"t": [step("a")]}, agents={"t": "agent_2"}))
    offline(play)
    assert play.status == "BLOCKED"
    events = play.do(c.CompleteSubtask(**USER, subtask_id="a"))
    assert types(events) == ["task_complete", "execution_completed"]
    assert (play.state.header.blocker, play.state.header.open_blockers) == (None, 0)
    check(play.state)


def test_a_blocker_is_kept_in_the_log_as_it_was_opened() -> None:
    play = attempts_exhausted()
    event = next(one for one in play.events if one.event_type == "blocker_opened")
    assert msgspec.convert(event.data["blocker"], Blocker) == play.blocker("a")
