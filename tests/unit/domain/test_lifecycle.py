"""Executions as a whole: reassigned, held up by an absent agent, out of time, taken up again."""

import datetime as dt

import pytest

from app.domain import commands as c
from app.domain.blockers import BlockerKind
from app.domain.decide import as_note
from app.domain.errors import Conflict, StaleLease, Terminal
from app.domain.events import EventType
from app.domain.plan import Assignee, RetryPolicy
from app.domain.states import SubtaskStatus
from tests.executions import (
    AGENT,
    NOON,
    Play,
    chain,
    check,
    claim,
    claimant,
    completion,
    make_graph,
    report,
    started,
    step,
    types,
)

USER = {"actor": "user:1"}
HOUR = dt.timedelta(hours=1)
OTHER = "agent_2"
TO_OTHER = c.ReassignExecution(**USER, agent_id=OTHER, reason="ill")
WIDE = make_graph({"t": [step(one) for one in "abd"]})
SHARED = make_graph({"t": [step("a"), step("d")], "u": [step("b")]}, agents={"u": OTHER})


# Reassigning


def test_another_agent_takes_over_what_is_ready_and_what_is_leased() -> None:
    play = started(WIDE)
    play.claim("a")
    (event,) = play.do(TO_OTHER)
    assert (event.agent_id, event.actor, event.message) == (OTHER, "user:1", "ill")
    assert event.data == {"from": AGENT}
    assert play.statuses() == dict.fromkeys("abd", "READY")
    assert (play.subtask("a").lease, play.subtask("a").attempt) == (None, 0)
    assert {play.state.agent_of(one) for one in "abd"} == {OTHER}
    play.do(claim("a", claimant(OTHER)))
    assert play.subtask("a").attempt == 1
    check(play.state)


def test_a_late_report_of_the_first_agent_is_a_note() -> None:
    play = started(WIDE)
    play.claim("a")
    late = completion("a", lease_token=play.token("a"))
    play.do(TO_OTHER)
    with pytest.raises(StaleLease) as refusal:
        play.do(late)
    assert types(play.do(as_note(late, refusal.value))) == ["note"]
    assert play.subtask("a").status == "READY"


def test_a_look_at_a_wait_that_is_taken_over_costs_no_attempt() -> None:
    play = started(WIDE)
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.await_due("a")
    play.claim("a")
    play.do(TO_OTHER)
    assert (play.subtask("a").status, play.subtask("a").attempt) == ("READY", 1)
    play.do(claim("a", claimant(OTHER)))
    lease = play.subtask("a").lease
    assert lease
    assert (lease.kind, play.subtask("a").attempt) == ("check", 1)


def test_what_is_assigned_to_others_stays_theirs() -> None:
    play = started(SHARED)
    play.do(claim("b", claimant(OTHER)))
    play.do(c.ReassignExecution(**USER, agent_id="agent_3"))
    assert (play.subtask("b").status, play.state.agent_of("b")) == ("RUNNING", OTHER)
    assert play.state.agent_of("a") == "agent_3"


def test_a_reassignment_to_the_same_agent_is_refused() -> None:
    with pytest.raises(Conflict, match="already"):
        started(WIDE).do(c.ReassignExecution(**USER, agent_id=AGENT))


def test_a_reassignment_is_matched_anew() -> None:
    play = Play(WIDE)
    play.start(a="agent_1 does not perform 'noop'.")
    play.claim("d")
    told = {"b": "agent_2 does not perform 'noop'.", "d": "Nobody does."}
    play.do(c.ReassignExecution(**USER, agent_id=OTHER, unmatched=told))
    assert play.subtask("a").status == "READY"
    assert [play.blocker(one).message for one in "bd"] == list(told.values())
    check(play.state)


def test_an_attempt_of_another_agent_goes_on_whatever_the_matching_says() -> None:
    play = started(SHARED)
    play.do(claim("b", claimant(OTHER)))
    play.do(c.ReassignExecution(**USER, agent_id="agent_3", unmatched={"b": "It forgot how."}))
    assert play.subtask("b").status == "RUNNING"


def test_before_the_start_a_reassignment_blocks_nothing() -> None:
    play = Play(WIDE)
    play.do(c.ReassignExecution(**USER, agent_id=OTHER, unmatched={"a": "Nobody does."}))
    assert (play.state.header.agent_id, play.state.header.open_blockers) == (OTHER, 0)
    play.start(a="Nobody does.")
    assert play.blocker("a").kind == "no_capable_agent"


@pytest.mark.parametrize("status", ["RUNNING", "PAUSED"])
def test_a_reassignment_ends_the_absence_of_the_first_agent(status: str) -> None:
    play = started(WIDE)
    play.claim("a")
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    if status == "PAUSED":
        play.do(c.PauseExecution(**USER))
    events = play.do(TO_OTHER)
    assert types(events) == ["blocker_resolved", "execution_reassigned"]
    assert (play.status, play.state.header.blocker) == (status, None)
    check(play.state)


# Absent agents


def test_an_absent_agent_blocks_its_execution_and_is_told_since_when() -> None:
    play = started(WIDE)
    play.claim("a")
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON - HOUR))
    blocker = play.blocker()
    assert play.status == "BLOCKED"
    assert blocker.message == "agent_1 has not been heard of since 2026-11-22 11:00 UTC."
    assert (blocker.owner, blocker.options) == ("user:1", ["reassign", "fail"])
    assert play.statuses() == {"a": "RUNNING", "b": "READY", "d": "READY"}
    check(play.state)


def test_an_agent_that_is_back_lets_its_execution_go_on() -> None:
    play = started(WIDE)
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    events = play.do(c.NoteAgentOnline(agent_id=AGENT))
    assert types(events) == ["agent_online", "blocker_resolved"]
    assert events[1].data["resolution"] == "agent_online"
    assert play.status == "RUNNING"
    check(play.state)


def test_an_absence_is_noted_once_and_only_of_who_may_get_work() -> None:
    play = started(SHARED)
    with pytest.raises(Conflict):
        play.do(c.NoteAgentOffline(agent_id="agent_3", last_contact_at=NOON))
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    with pytest.raises(Conflict):
        play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    with pytest.raises(Conflict):
        play.do(c.NoteAgentOnline(agent_id=OTHER))


def test_others_go_on_while_the_agent_of_the_execution_is_away() -> None:
    play = started(SHARED)
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    play.do(claim("b", claimant(OTHER)))
    assert play.status == "BLOCKED"
    play.do(completion("b", agent_id=OTHER))
    assert (play.status, play.subtask("b").status) == ("BLOCKED", "COMPLETED")
    play.do(c.NoteAgentOnline(agent_id=AGENT))
    assert play.status == "RUNNING"


def test_an_absence_before_the_start_blocks_the_start() -> None:
    play = Play(WIDE)
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    assert (play.status, play.state.header.open_blockers) == ("CREATED", 1)
    assert types(play.start()) == ["execution_queued", "execution_blocked"]


def test_an_absence_during_a_pause_is_met_at_the_resume() -> None:
    play = started(WIDE)
    play.do(c.PauseExecution(**USER))
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    assert play.status == "PAUSED"
    assert types(play.do(c.ResumeExecution(**USER))) == ["execution_resumed", "execution_blocked"]


# Limits of time


def test_an_execution_that_takes_too_long_fails_and_says_so() -> None:
    play = started(WIDE)
    play.claim("a")
    (event,) = play.do(c.TimeOutExecution(hours=168))
    assert (event.actor, event.message) == ("system", "It has not ended within 168 hours.")
    assert (play.status, play.subtask("a").status) == ("FAILED", "QUEUED")
    check(play.state)


def slow() -> Play:
    play = started(make_graph({"t": [step("a", timeout_hours=2.0)]}))
    play.claim("a")
    return play


def time_out(play: Play) -> list[str]:
    return types(play.do(c.TimeOutSubtask(subtask_id="a")))


def test_the_time_budget_runs_over_all_attempts() -> None:
    play = slow()
    play.fail("a")
    play.now += HOUR
    play.do(c.EndDelay(subtask_id="a"))
    play.claim("a")
    play.now = NOON + 2 * HOUR - dt.timedelta(microseconds=1)
    with pytest.raises(Conflict, match="still has time"):
        time_out(play)
    play.now = NOON + 2 * HOUR
    assert time_out(play) == ["lease_expired", "blocker_opened", "execution_blocked"]
    blocker = play.blocker("a")
    assert (blocker.kind, blocker.message) == (
        "attempts_exhausted",
        "It was not done within 2 hours.",
    )
    assert play.subtask("a").attempt == 2


@pytest.mark.parametrize("status", ["RETRYING", "READY"])
def test_the_time_budget_ends_also_between_attempts(status: str) -> None:
    play = slow()
    play.fail("a", retry_after_seconds=0 if status == "READY" else 9999)
    if status == "READY":
        play.do(c.EndDelay(subtask_id="a"))
    play.now += 2 * HOUR
    assert time_out(play) == ["blocker_opened", "execution_blocked"]
    check(play.state)


def test_a_person_who_lets_it_try_again_gives_it_all_its_time() -> None:
    play = slow()
    play.now += 2 * HOUR
    time_out(play)
    play.answer("a", "retry")
    with pytest.raises(Conflict):
        time_out(play)
    play.claim("a")
    with pytest.raises(Conflict):
        time_out(play)


def test_the_time_budget_stands_still_while_it_waits_outside() -> None:
    play = slow()
    play.do(report(EventType.TASK_BLOCKED, "a", retry_after_seconds=9999))
    play.now += 2 * HOUR
    with pytest.raises(Conflict):
        time_out(play)


def test_what_is_done_or_has_not_begun_does_not_run_out_of_time() -> None:
    play = slow()
    untouched = started(WIDE)
    play.do(report(EventType.TASK_PROGRESS, "a"))
    play = started(make_graph({"t": [step("a"), step("b")]}))
    play.complete("a")
    for one in (play, untouched):
        one.now += 99 * HOUR
        with pytest.raises(Conflict):
            time_out(one)


# Taking up again


def failed() -> Play:
    """Play to a failure: ``a`` given up, ``b`` done, ``d`` cut off, ``w`` in a wait."""
    steps = [step(one, retry_policy=RetryPolicy(max_attempts=2)) for one in "abdw"]
    play = started(make_graph({"t": [*steps, step("e", "d")]}))
    play.complete("b")
    play.claim("d", "w")
    play.do(report(EventType.TASK_BLOCKED, "w", max_wait_seconds=60))
    play.exhaust("a")
    play.answer("a", "fail", "no use")
    return play


def test_a_failed_execution_takes_nothing_but_a_resume_or_a_cancel() -> None:
    play = failed()
    commands: list[c.Command] = [
        claim("d"),
        completion("d"),
        TO_OTHER,
        c.SkipSubtask(**USER, subtask_id="d", reason="r"),
        c.CompleteSubtask(**USER, subtask_id="d"),
        c.TimeOutExecution(hours=1),
    ]
    for command in commands:
        with pytest.raises(Terminal):
            play.do(command)


def test_a_failed_execution_is_taken_up_again_where_it_was() -> None:
    play = failed()
    play.now += HOUR
    assert types(play.do(c.ResumeExecution(actor="user:2", reason="once more"))) == [
        "execution_resumed"
    ]
    header = play.state.header
    assert (header.status, header.completed_at, header.queued_at) == ("RUNNING", None, play.now)
    assert play.statuses() == {
        "a": "READY",
        "b": "COMPLETED",
        "d": "READY",
        "w": "READY",
        "e": "QUEUED",
    }
    check(play.state)


def test_what_is_taken_up_again_has_all_its_attempts() -> None:
    play = failed()
    play.do(c.ResumeExecution(**USER))
    assert [play.subtask(one).attempt for one in "adwb"] == [0, 0, 0, 1]
    play.exhaust("a")
    assert play.subtask("a").attempt == 2


def test_a_wait_that_a_failure_cut_off_begins_anew() -> None:
    play = failed()
    play.do(c.ResumeExecution(**USER))
    play.now += 2 * HOUR
    play.claim("w")
    lease = play.subtask("w").lease
    assert lease
    assert lease.kind == "run"
    play.fail("w", retry_after_seconds=1)
    play.await_due("w")
    assert play.subtask("w").status == "READY"


def test_what_failed_before_anything_was_dispatched_is_queued_again() -> None:
    play = started(WIDE)
    play.do(c.TimeOutExecution(hours=1))
    play.do(c.ResumeExecution(**USER))
    assert play.status == "QUEUED"


def test_people_are_asked_again_after_a_failure() -> None:
    play = started(make_graph({"t": [step("h", assignee=Assignee.HUMAN)]}))
    play.do(c.TimeOutExecution(hours=1))
    assert play.state.header.open_blockers == 0
    play.do(c.ResumeExecution(**USER))
    assert (play.status, play.blocker("h").kind) == ("BLOCKED", "human_task")


def test_a_failed_execution_may_be_called_off() -> None:
    play = failed()
    play.do(c.CancelExecution(actor="user:1", reason="enough"))
    assert (play.status, play.state.header.status_message) == ("CANCELLED", "enough")
    assert play.statuses()["a"] == "FAILED"
    assert play.statuses()["d"] == "CANCELLED"


def test_an_execution_is_told_apart_by_its_chain_of_tasks() -> None:
    play = started(chain(2))
    play.do(c.ReassignExecution(**USER, agent_id=OTHER))
    assert play.state.header.agents == [AGENT, OTHER]
    assert all(play.state.involves(one) for one in (AGENT, OTHER))


def test_what_nobody_can_do_is_said_when_a_failed_execution_is_taken_up_again() -> None:
    play = started(chain(2))
    play.exhaust("s0")
    play.answer("s0", "fail")
    play.do(c.ResumeExecution(actor="user:1", unmatched={"s1": "agent_1 does not perform it."}))
    assert play.blocker("s1").kind is BlockerKind.NO_CAPABLE_AGENT
    assert play.state.subtasks["s0"].status is SubtaskStatus.READY
