"""Agents of single tasks or subtasks: who may get work, and what their silence does."""

import datetime as dt

import pytest

from app.domain import commands as c
from app.domain.blockers import BLOCKS_BEFORE_LOOP
from app.domain.errors import Conflict
from app.domain.events import EventType
from app.domain.plan import Assignee
from tests.executions import (
    AGENT,
    NOON,
    Play,
    check,
    claim,
    claimant,
    completion,
    facts,
    make_graph,
    refold,
    report,
    started,
    step,
    types,
)

USER = {"actor": "user:1"}
OTHER = "agent_2"
GONE = c.NoteAgentOffline(agent_id=OTHER, last_contact_at=NOON - dt.timedelta(hours=1))
BACK = c.NoteAgentOnline(agent_id=OTHER)
SHARED = make_graph(
    {"t": [step("a")], "u": [step("b"), step("d", "b"), step("e", requires_approval=True)]},
    agents={"u": OTHER},
)
ALL_OTHERS = make_graph({"t": [step("a"), step("b", "a")]}, agents={"t": OTHER})


def members(play: Play) -> set[str]:
    return set(play.state.header.members)


def work(play: Play, *subtask_ids: str) -> None:
    """Claim and complete what is the other agent's."""
    for one in subtask_ids:
        play.do(claim(one, claimant(OTHER)))
        play.do(completion(one, agent_id=OTHER))


# Who may get work


def test_whoever_a_task_is_given_to_is_a_member_until_its_share_is_done() -> None:
    play = started(SHARED)
    assert (members(play), play.state.header.shares) == ({AGENT, OTHER}, {OTHER: 3})
    work(play, "b", "d")
    assert play.state.header.shares == {OTHER: 1}
    play.do(c.SkipSubtask(**USER, subtask_id="e", reason="not needed"))
    assert members(play) == {AGENT}


def test_whoever_a_subtask_is_reassigned_to_is_a_member_and_who_had_it_is_not() -> None:
    play = started(ALL_OTHERS)
    play.do(GONE)
    play.answer("a", "reassign", agent_id="agent_3")
    assert play.state.header.shares == {OTHER: 1, "agent_3": 1}
    play.do(c.SkipSubtask(**USER, subtask_id="b", reason="not needed"))
    assert members(play) == {AGENT, "agent_3"}


def test_what_persons_do_is_no_agents_share() -> None:
    by_hand = {"u": [step("h", assignee=Assignee.HUMAN)]}
    assert members(started(make_graph(by_hand, agents={"u": OTHER}))) == {AGENT}


def test_the_former_agent_of_an_execution_is_a_member_only_with_a_share() -> None:
    play = started(SHARED)
    play.do(c.ReassignExecution(**USER, agent_id="agent_3"))
    assert members(play) == {"agent_3", OTHER}


# An absence


def test_an_absent_agent_blocks_what_is_its_and_ready_and_nothing_else() -> None:
    play = started(SHARED)
    events = play.do(GONE)
    assert types(events) == ["agent_offline", "blocker_opened"]
    assert play.statuses() == {"a": "READY", "b": "BLOCKED", "d": "QUEUED", "e": "BLOCKED"}
    assert [play.blocker(one).kind for one in "be"] == ["agent_offline", "approval"]
    blocker = play.blocker("b")
    assert blocker.message == "agent_2 has not been heard of since 2026-11-22 11:00 UTC."
    assert (blocker.owner, blocker.options) == ("user:1", ["reassign", "skip", "fail"])
    assert (play.status, play.state.header.blocker) == ("QUEUED", None)
    check(play.state)


def test_what_becomes_ready_during_an_absence_is_blocked_then() -> None:
    play = started(SHARED)
    play.do(GONE)
    play.answer("e", "approve")
    assert play.blocker("e").kind == "agent_offline"
    play.answer("b", "skip")
    assert play.blocker("d").kind == "agent_offline"
    check(play.state)


def test_an_absence_blocks_the_execution_only_when_nothing_else_moves() -> None:
    play = started(SHARED)
    play.do(GONE)
    play.claim("a")
    assert play.status == "RUNNING"
    play.do(completion("a"))
    assert play.status == "BLOCKED"
    play.do(BACK)
    assert play.status == "RUNNING"


def test_an_attempt_that_the_absent_agent_leaves_behind_waits_for_it_after_the_back_off() -> None:
    play = started(ALL_OTHERS)
    play.do(claim("a", claimant(OTHER)))
    play.do(GONE)
    assert (play.status, play.subtask("a").status) == ("RUNNING", "RUNNING")
    play.do(c.ExpireLease(subtask_id="a", lease_token=play.token("a")))
    play.await_due("a")
    assert (play.status, play.blocker("a").kind) == ("BLOCKED", "agent_offline")
    play.do(BACK)
    play.do(claim("a", claimant(OTHER)))
    assert play.subtask("a").attempt == 2


def test_its_return_clears_what_its_absence_held_up() -> None:
    play = started(SHARED)
    play.do(GONE)
    play.answer("e", "approve")
    events = play.do(BACK)
    assert types(events) == ["agent_online", *["blocker_resolved", "task_released"] * 2]
    assert {one.data["resolution"] for one in events if one.data.get("resolution")} == {
        "agent_online"
    }
    assert play.statuses() == {"a": "READY", "b": "READY", "d": "QUEUED", "e": "READY"}
    assert (play.state.header.absent, play.state.header.open_blockers) == ({}, 0)
    assert facts(refold(SHARED, play.events)) == facts(play.state)


def test_one_agents_return_leaves_what_waits_for_another() -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"t": OTHER, "u": "agent_3"})
    play = started(graph)
    play.do(GONE)
    play.do(c.NoteAgentOffline(agent_id="agent_3", last_contact_at=NOON))
    play.do(BACK)
    assert play.statuses() == {"a": "READY", "b": "BLOCKED"}


def test_what_is_given_to_another_that_is_there_goes_on() -> None:
    play = started(ALL_OTHERS)
    play.do(GONE)
    play.answer("a", "reassign", agent_id=AGENT)
    play.complete("a")
    assert play.blocker("b").kind == "agent_offline"
    play.answer("b", "reassign", agent_id=OTHER)
    assert play.blocker("b").kind == "agent_offline"


def test_absences_do_not_count_towards_the_loop() -> None:
    play = started(ALL_OTHERS)
    for _ in range(BLOCKS_BEFORE_LOOP + 1):
        play.do(GONE)
        play.do(BACK)
    assert play.subtask("a").blocks == 0


def test_an_absence_that_is_over_for_the_execution_is_forgotten() -> None:
    play = started(ALL_OTHERS)
    play.do(GONE)
    for one in "ab":
        play.do(c.SkipSubtask(**USER, subtask_id=one, reason="not needed"))
    assert (play.status, play.state.header.absent) == ("COMPLETED", {})
    play = started(SHARED)
    play.do(GONE)
    for one in "bde":
        play.do(c.SkipSubtask(**USER, subtask_id=one, reason="not needed"))
    assert play.state.header.absent == {}
    with pytest.raises(Conflict):
        play.do(GONE)


def test_an_absence_before_the_start_is_met_at_the_start() -> None:
    play = Play(ALL_OTHERS)
    play.do(GONE)
    assert types(play.start()) == ["execution_queued", "blocker_opened", "execution_blocked"]


# External waits


def waited(moment: str) -> Play:
    """Wait for the outside world until ``moment``: the agent is away when it is to look again."""
    play = started(ALL_OTHERS)
    play.do(claim("a", claimant(OTHER)))
    said = {"agent_id": OTHER, "message": "no reply", "max_wait_seconds": 7200}
    play.do(report(EventType.TASK_BLOCKED, "a", **said))
    if moment == "ready":
        play.await_due("a")
        play.do(GONE)
    else:
        play.do(GONE)
        assert play.blocker("a").kind == "external_wait"
        play.await_due("a")
    return play


@pytest.mark.parametrize("moment", ["ready", "later"])
def test_a_wait_goes_on_after_the_absence_to_the_same_end(moment: str) -> None:
    play = waited(moment)
    assert play.blocker("a").kind == "agent_offline"
    check(play.state)
    play.do(BACK)
    check(play.state)
    blocker = play.blocker("a")
    assert (blocker.kind, blocker.message, blocker.owner) == (
        "external_wait",
        "no reply",
        "agent:agent_2",
    )
    assert blocker.expires_at == NOON + dt.timedelta(hours=2)
    play.await_due("a")
    play.do(claim("a", claimant(OTHER)))
    lease = play.subtask("a").lease
    assert lease
    assert (lease.kind, play.subtask("a").attempt) == ("check", 1)
    assert facts(refold(ALL_OTHERS, play.events)) == facts(play.state)


def test_a_wait_that_ran_out_during_the_absence_is_a_persons_to_decide() -> None:
    play = waited("ready")
    play.now += dt.timedelta(hours=3)
    play.do(BACK)
    play.await_due("a")
    assert play.blocker("a").kind == "human_input"


# Executions that change hands


def test_what_a_reassignment_leaves_to_an_absent_agent_is_blocked() -> None:
    play = started(make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": AGENT}))
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    assert play.statuses() == {"a": "READY", "b": "READY"}
    play.do(c.ReassignExecution(**USER, agent_id=OTHER))
    assert (play.status, play.state.header.blocker) == ("RUNNING", None)
    assert play.blocker("b").kind == "agent_offline"
    check(play.state)


def test_an_execution_that_is_given_to_an_absent_agent_is_held_up() -> None:
    play = started(SHARED)
    play.do(GONE)
    play.do(c.ReassignExecution(**USER, agent_id=OTHER))
    assert (play.status, play.blocker().kind) == ("BLOCKED", "agent_offline")
    check(play.state)
    play.do(BACK)
    assert play.statuses()["b"] == "READY"
    assert (play.status, play.state.header.blocker) == ("RUNNING", None)
    check(play.state)


def test_a_reassignment_forgets_the_absence_of_an_agent_that_gets_no_more_work() -> None:
    play = started(SHARED)
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    play.do(c.ReassignExecution(**USER, agent_id="agent_3"))
    assert play.state.header.absent == {}
