"""Timers come and go with the states they guard, and a late sweep does no harm."""

import datetime as dt

import pytest

from app.domain import commands as c
from app.domain.events import EventType
from app.live.errors import NotLive
from tests.executions import (
    AGENT,
    EXECUTION,
    NOON,
    WORKSPACE,
    chain,
    claim,
    claimant,
    completion,
    make_graph,
    report,
    step,
)

from .scene import GRACE, LEASE, LIMIT, OFFLINE, USER, Scene

LEASE_TIMER = f"lease|{EXECUTION}|a"
DELAY_TIMER = f"delay|{EXECUTION}|a"
TIMEOUT_TIMER = f"timeout|{EXECUTION}|a"
LIMIT_TIMER = f"limit|{EXECUTION}|"
OFFLINE_TIMER = f"offline|{AGENT}|"
RETIRE_TIMER = f"retire|{EXECUTION}|"
DAY = dt.timedelta(hours=24)
MINUTE = dt.timedelta(minutes=1)
TWO = make_graph({"t": [step("a"), step("b")]})


@pytest.fixture
def leased(scene: Scene) -> Scene:
    """An execution in which ``a`` is leased and ``b`` is ready."""
    scene.start(TWO)
    scene.claim("a")
    return scene


def expiry(scene: Scene) -> c.ExpireLease:
    return c.ExpireLease(subtask_id="a", lease_token=scene.lease("a").token)


def test_a_lease_is_guarded_from_its_claim_on(leased: Scene) -> None:
    assert leased.timed() == {
        LEASE_TIMER: NOON + LEASE,
        TIMEOUT_TIMER: NOON + DAY,
        LIMIT_TIMER: NOON + LIMIT,
        OFFLINE_TIMER: NOON + OFFLINE,
    }


def test_any_event_of_the_agent_moves_the_end_of_its_lease(leased: Scene) -> None:
    leased.now += MINUTE
    leased.do(report(EventType.TASK_PROGRESS, "a"))
    assert leased.timed("lease", "timeout") == {
        LEASE_TIMER: NOON + MINUTE + LEASE,
        TIMEOUT_TIMER: NOON + DAY,
    }


def test_events_about_others_do_not_move_it(leased: Scene) -> None:
    leased.now += MINUTE
    leased.claim("b")
    assert leased.timed()[LEASE_TIMER] == NOON + LEASE


def test_late_words_of_another_agent_do_not_keep_a_lease_alive(leased: Scene) -> None:
    leased.do(c.ReassignExecution(**USER, agent_id="agent_2"))
    leased.do(claim("a", claimant("agent_2")))
    leased.now += MINUTE
    late = leased.one(report(EventType.TASK_PROGRESS, "a"))
    assert late.refusal
    assert leased.timed()[LEASE_TIMER] == NOON + LEASE
    leased.verify()


@pytest.mark.parametrize("event_type", [EventType.TASK_ERROR, EventType.TASK_BLOCKED])
def test_a_delay_replaces_the_lease_and_leaves_with_its_end(
    leased: Scene, event_type: EventType
) -> None:
    leased.do(report(event_type, "a"))
    assert leased.timed("lease", "delay") == {DELAY_TIMER: NOON + 5 * MINUTE}
    leased.verify()
    leased.now += 5 * MINUTE
    leased.do(c.EndDelay(subtask_id="a"))
    assert leased.timed("lease", "delay") == {}
    leased.verify()


def test_a_lost_lease_is_tried_again_after_its_back_off(leased: Scene) -> None:
    leased.now += LEASE
    leased.do(expiry(leased))
    assert leased.timed("lease", "delay") == {DELAY_TIMER: NOON + LEASE + 5 * MINUTE}
    assert leased.held() == []
    leased.verify()


def test_an_ended_execution_is_put_away_after_its_grace(leased: Scene) -> None:
    leased.do(c.CancelExecution(**USER))
    assert leased.timed() == {RETIRE_TIMER: NOON + GRACE, OFFLINE_TIMER: NOON + OFFLINE}


def test_what_is_due_is_named_longest_due_first_and_no_more_than_asked(scene: Scene) -> None:
    scene.start(make_graph({"t": [step(name) for name in "abde"]}))
    for name in "bad":
        scene.now += MINUTE
        scene.claim(name)
    due = scene.timers.due(WORKSPACE, NOON + 2 * MINUTE + LEASE, 10)
    assert [one.subtask_id for one in due] == ["b", "a"]
    assert (due[0].kind, due[0].execution_id) == ("lease", EXECUTION)
    assert due[0].due_at == NOON + MINUTE + LEASE
    assert [one.subtask_id for one in scene.timers.due(WORKSPACE, due[1].due_at, 1)] == ["b"]
    assert scene.timers.due(WORKSPACE, NOON, 10) == []
    assert scene.timers.due("ws_2", NOON + 2 * LEASE, 10) == []


# The sweep and those it races


def test_a_heartbeat_that_comes_before_the_sweep_keeps_its_lease(leased: Scene) -> None:
    leased.now += LEASE
    (due,) = leased.timers.due(WORKSPACE, leased.now, 10)
    command = expiry(leased)
    leased.work.extend(WORKSPACE, AGENT, leased.now, leased.now + LEASE)
    before = leased.dump()
    result = leased.do(command, due=(due.name, leased.now))
    (outcome,) = result.outcomes
    assert (outcome.events, outcome.refusal, outcome.receipt) == ((), None, None)
    assert result.after.subtasks["a"].lease
    assert leased.dump() == before


def test_a_due_lease_is_taken_back_once_by_many_sweeps(leased: Scene) -> None:
    leased.now += LEASE
    command, guard = expiry(leased), (LEASE_TIMER, leased.now)
    assert leased.do(command, due=guard).outcomes[0].events
    seq = leased.whole().header.seq
    second = leased.do(command, due=guard).outcomes[0]
    assert second.refusal
    assert leased.whole().header.seq == seq


def test_a_timer_that_is_gone_is_not_due(leased: Scene) -> None:
    leased.now += LEASE
    command = expiry(leased)
    leased.client.zrem(leased.keys.timers, LEASE_TIMER)
    assert leased.do(command, due=(LEASE_TIMER, leased.now)).outcomes[0].events == ()


def test_a_stale_timer_is_dropped(leased: Scene) -> None:
    leased.now += LEASE
    (due,) = leased.timers.due(WORKSPACE, leased.now, 10)
    leased.timers.drop(WORKSPACE, due, leased.now)
    leased.timers.drop(WORKSPACE, due, leased.now)
    assert leased.timed("lease") == {}


def test_a_timer_that_was_set_anew_is_not_dropped(leased: Scene) -> None:
    leased.now += LEASE
    (due,) = leased.timers.due(WORKSPACE, leased.now, 10)
    leased.do(report(EventType.TASK_PROGRESS, "a"))
    leased.timers.drop(WORKSPACE, due, leased.now)
    assert leased.timed("lease") == {LEASE_TIMER: leased.now + LEASE}


def test_a_timer_that_is_still_set_may_be_put_behind_all_others(leased: Scene) -> None:
    leased.claim("b")
    leased.now += LEASE
    first, second = leased.timers.due(WORKSPACE, leased.now, 10)
    leased.client.zrem(leased.keys.timers, second.name)
    leased.timers.put_back(WORKSPACE, [], leased.now)
    leased.timers.put_back(WORKSPACE, [first, second], leased.now)
    # One that is gone stays gone; the other is due again in the next millisecond.
    assert set(leased.timed("lease")) == {first.name}
    assert leased.timers.due(WORKSPACE, leased.now, 10) == []
    leased.now += dt.timedelta(milliseconds=1)
    assert [one.name for one in leased.timers.due(WORKSPACE, leased.now, 10)] == [first.name]


@pytest.mark.parametrize("kind", ["delay", "timeout"])
def test_a_sweep_in_the_very_millisecond_loses_no_timer(scene: Scene, kind: str) -> None:
    scene.now += dt.timedelta(microseconds=700)
    scene.start(TWO)
    scene.claim("a")
    if kind == "delay":
        scene.do(report(EventType.TASK_ERROR, "a", retry_after_seconds=300))
    due = scene.now + (5 * MINUTE if kind == "delay" else DAY)
    for early in (600, 200, 1):
        scene.now = due - dt.timedelta(microseconds=early)
        scene.sweep()
        scene.verify()
    scene.now = due + dt.timedelta(milliseconds=1)
    scene.sweep()
    assert scene.whole().subtasks["a"].status == ("READY" if kind == "delay" else "BLOCKED")
    scene.verify()


def test_an_execution_out_of_time_fails_once(scene: Scene) -> None:
    scene.start(TWO)
    scene.claim("a")
    scene.now += LIMIT
    scene.client.zrem(scene.keys.timers, LEASE_TIMER, TIMEOUT_TIMER)
    scene.sweep()
    scene.sweep()
    state = scene.verify()
    assert (state.header.status, state.header.seq) == ("FAILED", 5)


# Putting away

REMAINS = {"ax:workspaces", "ax:{ws_1}:log", "ax:{ws_1}:timers", f"ax:{{ws_1}}:agent:{AGENT}"}
"""The workspaces, the tail of the log, when the agent was last heard of and when it is missed."""


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_an_execution_that_was_put_away_leaves_no_key(leased: Scene, end: str) -> None:
    assert leased.queued() == ["b"]
    leased.do(report(EventType.NOTE))
    if end == "completed":
        leased.do(completion("a"))
        leased.complete("b")
    elif end == "failed":
        leased.claim("b")
        leased.do(report(EventType.TASK_ERROR, "b"))
        leased.fail()
    else:
        leased.do(c.CancelExecution(**USER))
    header = leased.whole().header
    assert header.status.value == end.upper()
    leased.live.retire(WORKSPACE, header)
    assert leased.stored_keys() == REMAINS
    assert set(leased.timed()) == {OFFLINE_TIMER}
    with pytest.raises(NotLive):
        leased.do(claim("b"))


def test_putting_away_twice_does_no_harm(leased: Scene) -> None:
    leased.do(c.CancelExecution(**USER))
    header = leased.whole().header
    leased.live.retire(WORKSPACE, header)
    leased.client.zadd(leased.keys.timers, {RETIRE_TIMER: 1})
    leased.live.retire(WORKSPACE, header)
    assert leased.stored_keys() - REMAINS == set()


def test_an_execution_that_has_gone_on_is_not_put_away(leased: Scene) -> None:
    leased.fail()
    failed = leased.whole().header
    leased.do(c.CancelExecution(**USER))
    leased.live.retire(WORKSPACE, failed)
    assert leased.whole().header.status == "CANCELLED"
    assert RETIRE_TIMER in leased.timed()


def test_a_shared_graph_goes_with_the_last_execution(scene: Scene) -> None:
    graph = chain(1)
    for execution_id in (EXECUTION, "exec_2"):
        scene.start(graph, execution_id)
        scene.complete("s0", execution_id=execution_id)
    key = scene.keys.graph(scene.whole().header.graph_id)
    scene.live.retire(WORKSPACE, scene.whole().header)
    assert key in scene.stored_keys()
    assert Scene(scene.client, scene.client).whole("exec_2").graph == graph
    scene.live.retire(WORKSPACE, scene.whole("exec_2").header)
    assert scene.stored_keys() == {"ax:workspaces", scene.keys.log, scene.keys.timers}
