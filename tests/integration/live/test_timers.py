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
    completion,
    make_graph,
    report,
    step,
)

from .scene import GRACE, LEASE, USER, Scene

LEASE_TIMER = f"lease|{EXECUTION}|a"
DELAY_TIMER = f"delay|{EXECUTION}|a"
RETIRE_TIMER = f"retire|{EXECUTION}|"
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
    assert leased.timed() == {LEASE_TIMER: NOON + LEASE}


def test_any_event_of_the_agent_moves_the_end_of_its_lease(leased: Scene) -> None:
    leased.now += MINUTE
    leased.do(report(EventType.TASK_PROGRESS, "a"))
    assert leased.timed() == {LEASE_TIMER: NOON + MINUTE + LEASE}


def test_events_about_others_do_not_move_it(leased: Scene) -> None:
    leased.now += MINUTE
    leased.claim("b")
    assert leased.timed()[LEASE_TIMER] == NOON + LEASE


@pytest.mark.parametrize("event_type", [EventType.TASK_ERROR, EventType.TASK_BLOCKED])
def test_a_delay_replaces_the_lease_and_leaves_with_its_end(
    leased: Scene, event_type: EventType
) -> None:
    leased.do(report(event_type, "a"))
    assert leased.timed() == {DELAY_TIMER: NOON + 5 * MINUTE}
    leased.now += 5 * MINUTE
    leased.do(c.EndDelay(subtask_id="a"))
    assert leased.timed() == {}
    leased.verify()


def test_a_lost_lease_is_tried_again_after_its_back_off(leased: Scene) -> None:
    leased.now += LEASE
    leased.do(expiry(leased))
    assert leased.timed() == {DELAY_TIMER: NOON + LEASE + 5 * MINUTE}
    assert leased.held() == []
    leased.verify()


def test_an_ended_execution_is_put_away_after_its_grace(leased: Scene) -> None:
    leased.do(c.CancelExecution(**USER))
    assert leased.timed() == {RETIRE_TIMER: NOON + GRACE}


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
    leased.work.extend(WORKSPACE, AGENT, leased.now + LEASE)
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
    assert leased.timed() == {}


def test_a_timer_that_was_set_anew_is_not_dropped(leased: Scene) -> None:
    leased.now += LEASE
    (due,) = leased.timers.due(WORKSPACE, leased.now, 10)
    leased.do(report(EventType.TASK_PROGRESS, "a"))
    leased.timers.drop(WORKSPACE, due, leased.now)
    assert leased.timed() == {LEASE_TIMER: leased.now + LEASE}


# Putting away

REMAINS = {"ax:workspaces", "ax:{ws_1}:log", f"ax:{{ws_1}}:a:{AGENT}"}
"""The set of workspaces, the tail of the log, and when the agent was last heard of."""


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
        leased.do(report(EventType.TASK_ERROR, "a", error_type="permanent"))
    else:
        leased.do(c.CancelExecution(**USER))
    header = leased.whole().header
    assert header.status.value == end.upper()
    leased.live.retire(WORKSPACE, header)
    assert leased.stored_keys() == REMAINS
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
    leased.do(report(EventType.TASK_ERROR, "a", error_type="permanent"))
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
    assert scene.stored_keys() == {"ax:workspaces", scene.keys.log}
