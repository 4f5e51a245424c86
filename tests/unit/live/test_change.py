"""What a decision changes in Redis, worked out without Redis."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from app.domain import commands as c
from app.domain.events import EventType, seal
from app.domain.execution import Execution
from app.live.change import Delays, describe, encode, milliseconds, not_before
from app.live.keys import Keys
from tests.executions import (
    AGENT,
    EXECUTION,
    NOON,
    WORKSPACE,
    Play,
    answer,
    chain,
    claim,
    claimant,
    completion,
    make_graph,
    report,
    started,
    step,
)

LEASE = dt.timedelta(minutes=15)
GRACE = dt.timedelta(seconds=60)
LIMIT = dt.timedelta(hours=168)
DAY = dt.timedelta(hours=24)
LIMIT_TIMER = f"limit|{EXECUTION}|"
KEYS = Keys(WORKSPACE)
WORK = KEYS.work(AGENT)
USER = {"actor": "user:1"}


def change(play: Play, *commands: c.Command) -> dict[str, Any]:
    """Carry commands out as one commit and give what it changes."""
    before, events = play.state, []
    subtasks: set[str] = set()
    tasks: set[str] = set()
    for command in commands:
        events += play.do(command)
        subtasks |= play.state.changed_subtasks
        tasks |= play.state.changed_tasks
    play.state.changed_subtasks, play.state.changed_tasks = subtasks, tasks
    return described(before, play, seal(events, ""))


def described(before: Execution, play: Play, sealed: Any) -> dict[str, Any]:
    return describe(KEYS, before, play.state, sealed, play.now, Delays(LEASE, GRACE))


def two_ready() -> Play:
    return started(make_graph({"t": [step("a"), step("b", action="sing"), step("d", "a")]}))


def lease_timer(subtask_id: str) -> str:
    return f"lease|{EXECUTION}|{subtask_id}"


def timeout_timer(subtask_id: str) -> str:
    return f"timeout|{EXECUTION}|{subtask_id}"


def delay_timer(subtask_id: str) -> str:
    return f"delay|{EXECUTION}|{subtask_id}"


def test_times_are_kept_as_milliseconds() -> None:
    assert milliseconds(dt.datetime(1970, 1, 1, 0, 0, 1, 500_900, tzinfo=dt.UTC)) == 1500


@pytest.mark.parametrize("microseconds", [0, 1, 999, 1000, 123_456])
def test_no_timer_comes_before_the_time_it_stands_for(microseconds: int) -> None:
    at = NOON + dt.timedelta(microseconds=microseconds)
    assert milliseconds(at) <= not_before(at) <= milliseconds(at) + 1
    due = dt.datetime.fromtimestamp(not_before(at) / 1000, dt.UTC)
    assert at <= due < at + dt.timedelta(milliseconds=1)


def test_a_start_queues_what_is_ready_with_its_action_in_written_order() -> None:
    made = change(Play(two_ready().state.graph), c.StartExecution(**USER))
    assert made["enqueue"] == [("a", AGENT, WORK, "noop"), ("b", AGENT, WORK, "sing")]
    assert (made["leave"], made["lease"], made["clear"]) == ([], [], False)
    assert made["timers"] == [(LIMIT_TIMER, milliseconds(NOON + LIMIT))]


def test_creation_and_start_in_one_commit_queue_the_same() -> None:
    graph = two_ready().state.graph
    play = Play(graph)
    play.start()
    play.state.changed_subtasks.update(graph.subtasks)
    unborn = Execution.unborn(graph, EXECUTION, WORKSPACE)
    made = described(unborn, play, [])
    assert [entry[0] for entry in made["enqueue"]] == ["a", "b"]


def test_a_claim_takes_the_entry_out_and_puts_lease_and_timer_in() -> None:
    play = two_ready()
    made = change(play, claim("a", claimant(poll_id="p")))
    lease = {"token": play.token("a"), "agent_id": AGENT, "poll_id": "p"}
    assert made["leave"] == ["a"]
    assert made["lease"] == [
        ("a", AGENT, KEYS.leases(AGENT), WORK, f"{EXECUTION}|a", encode(lease), 0)
    ]
    assert dict(made["timers"]) == {
        lease_timer("a"): milliseconds(NOON + LEASE),
        timeout_timer("a"): milliseconds(NOON + DAY),
        LIMIT_TIMER: milliseconds(NOON + LIMIT),
    }
    assert (made["enqueue"], made["untimed"]) == ([], [])


def test_work_goes_to_the_agent_of_its_task() -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"})
    made = change(Play(graph), c.StartExecution(**USER))
    assert [(entry[1], entry[2]) for entry in made["enqueue"]] == [
        (AGENT, WORK),
        ("agent_2", KEYS.work("agent_2")),
    ]


def test_progress_moves_the_end_of_the_lease_and_nothing_else() -> None:
    play = two_ready()
    play.claim("a")
    play.now += LEASE / 2
    made = change(play, report(EventType.TASK_PROGRESS, "a", progress_percent=1))
    assert dict(made["timers"]) == {
        lease_timer("a"): milliseconds(NOON + LEASE * 1.5),
        timeout_timer("a"): milliseconds(NOON + DAY),
    }
    assert (made["leave"], made["enqueue"], made["lease"], made["untimed"]) == ([], [], [], [])


def test_a_completion_frees_the_lease_and_queues_what_it_unlocked() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, completion("a"))
    assert made["leave"] == ["a"]
    assert [entry[0] for entry in made["enqueue"]] == ["d"]
    assert (made["timers"], made["untimed"]) == ([], [lease_timer("a"), timeout_timer("a")])


def test_what_is_claimed_along_never_enters_the_stream() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, completion("a", claimant=claimant()))
    assert (made["enqueue"], made["leave"]) == ([], ["a"])
    assert [lease[0] for lease in made["lease"]] == ["d"]


def test_a_back_off_takes_the_place_of_the_lease_and_the_time_budget_runs_on() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, report(EventType.TASK_ERROR, "a"))
    assert dict(made["timers"]) == {
        delay_timer("a"): milliseconds(NOON + dt.timedelta(minutes=5)),
        timeout_timer("a"): milliseconds(NOON + DAY),
    }
    assert (made["untimed"], made["leave"]) == ([lease_timer("a")], ["a"])


def test_a_wait_takes_the_place_of_lease_and_time_budget_and_opens_a_blocker() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, report(EventType.TASK_BLOCKED, "a"))
    assert made["timers"] == [(delay_timer("a"), milliseconds(NOON + dt.timedelta(minutes=5)))]
    assert (made["untimed"], made["leave"]) == ([lease_timer("a"), timeout_timer("a")], ["a"])
    told = encode({"execution_id": EXECUTION, "blocker": play.blocker("a")})
    assert (made["opened"], made["closed"]) == (
        [(KEYS.waits, play.blocker("a").blocker_id, told)],
        [],
    )


def test_a_second_look_at_a_wait_renews_its_blocker_and_its_end_closes_it() -> None:
    play = two_ready()
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a"))
    blocker = play.blocker("a")
    play.await_due("a")
    assert change(play, claim("a"))["opened"] == []
    made = change(play, report(EventType.TASK_BLOCKED, "a"))
    assert [one[1] for one in made["opened"]] == [blocker.blocker_id]
    play.await_due("a")
    play.claim("a")
    made = change(play, completion("a"))
    assert (made["opened"], made["closed"]) == ([], [blocker.blocker_id])


def test_a_blocker_of_the_execution_is_listed_whatever_else_changes() -> None:
    play = two_ready()
    made = change(play, c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    blocker_id = play.blocker().blocker_id
    assert [one[:2] for one in made["opened"]] == [(KEYS.blockers, blocker_id)]
    assert change(play, claim("a"))["closed"] == []
    assert change(play, c.NoteAgentOnline(agent_id=AGENT))["closed"] == [blocker_id]


def test_a_note_of_another_agent_leaves_the_end_of_a_lease_where_it_is() -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"})
    play = started(graph)
    play.claim("a")
    play.now += LEASE / 2
    made = change(play, report(EventType.NOTE, "a", agent_id="agent_2", message="late"))
    assert lease_timer("a") not in dict(made["timers"])
    assert made["untimed"] == []
    made = change(play, report(EventType.NOTE, "a", message="on it"))
    assert dict(made["timers"])[lease_timer("a")] == milliseconds(play.now + LEASE)


def test_the_end_of_a_delay_queues_again_and_drops_its_timer() -> None:
    play = two_ready()
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.now += dt.timedelta(minutes=5)
    made = change(play, c.EndDelay(subtask_id="a"))
    assert [entry[0] for entry in made["enqueue"]] == ["a"]
    assert (made["timers"], made["untimed"], made["leave"]) == ([], [delay_timer("a")], [])


def test_a_pause_takes_ready_work_out_and_leaves_leases() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, c.PauseExecution(**USER))
    assert made["leave"] == ["b"]
    assert (made["enqueue"], made["clear"], made["untimed"]) == ([], False, [])


def test_a_report_and_a_pause_in_one_commit_free_the_lease_and_hold_all_back() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, completion("a"), c.PauseExecution(**USER))
    assert sorted(made["leave"]) == ["a", "b"]
    assert made["enqueue"] == []


def test_what_becomes_ready_during_a_pause_is_held_back_until_the_resume() -> None:
    play = two_ready()
    play.claim("a")
    play.do(c.PauseExecution(**USER))
    assert change(play, completion("a"))["enqueue"] == []
    made = change(play, c.ResumeExecution(**USER))
    assert [entry[0] for entry in made["enqueue"]] == ["b", "d"]
    assert made["leave"] == []


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_cancel_clears_all_places_and_timers_and_is_put_away_later(paused: bool) -> None:
    play = two_ready()
    play.claim("a")
    if paused:
        play.do(c.PauseExecution(**USER))
    made = change(play, c.CancelExecution(**USER))
    assert made["clear"]
    assert (made["enqueue"], made["lease"]) == ([], [])
    assert sorted(made["untimed"]) == [lease_timer("a"), LIMIT_TIMER, timeout_timer("a")]
    assert made["timers"] == [(f"retire|{EXECUTION}|", milliseconds(NOON + GRACE))]


def failing() -> Play:
    """Play until ``a`` waits for a person while ``b`` is in back-off."""
    play = two_ready()
    play.claim("a", "b")
    play.fail("b")
    play.fail("a", error_type="permanent")
    return play


def test_a_failure_gives_timers_and_blockers_back_with_the_work() -> None:
    play = failing()
    blocker = play.blocker("a")
    made = change(play, answer(blocker, "fail"))
    assert made["clear"]
    assert made["closed"] == [blocker.blocker_id]
    assert sorted(made["untimed"]) == [delay_timer("b"), LIMIT_TIMER, timeout_timer("b")]


def test_a_failed_execution_that_is_called_off_is_put_away_anew() -> None:
    play = failing()
    play.answer("a", "fail")
    play.now += GRACE / 2
    made = change(play, c.CancelExecution(**USER))
    assert made["timers"] == [(f"retire|{EXECUTION}|", milliseconds(play.now + GRACE))]
    assert not made["clear"]


def test_an_execution_that_is_taken_up_again_is_not_put_away() -> None:
    play = failing()
    play.answer("a", "fail")
    play.now += LIMIT
    made = change(play, c.ResumeExecution(**USER))
    assert [entry[0] for entry in made["enqueue"]] == ["a", "b"]
    assert made["untimed"] == [f"retire|{EXECUTION}|"]
    assert made["timers"] == [(LIMIT_TIMER, milliseconds(play.now + LIMIT))]
    assert [one[0] for one in made["joined"]] == [KEYS.executions(AGENT)]


def test_what_a_person_has_to_allow_enters_no_stream() -> None:
    graph = make_graph({"t": [step("a", requires_approval=True), step("b")]})
    play = Play(graph)
    made = change(play, c.StartExecution(**USER))
    assert [entry[0] for entry in made["enqueue"]] == ["b"]
    assert [one[:2] for one in made["opened"]] == [(KEYS.blockers, play.blocker("a").blocker_id)]
    made = change(play, answer(play.blocker("a"), "approve"))
    assert [entry[0] for entry in made["enqueue"]] == ["a"]


def test_another_agent_gets_the_queue_and_the_membership() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, c.ReassignExecution(**USER, agent_id="agent_2"))
    assert sorted(made["leave"]) == ["a", "b"]
    assert {entry[1] for entry in made["enqueue"]} == {"agent_2"}
    assert [entry[0] for entry in made["enqueue"]] == ["a", "b"]
    offline = milliseconds(NOON + dt.timedelta(minutes=30))
    assert made["joined"] == [(KEYS.executions("agent_2"), "offline|agent_2|", offline)]
    assert made["left"] == [KEYS.executions(AGENT)]


def test_the_agent_leaves_an_execution_that_has_ended() -> None:
    made = change(two_ready(), c.CancelExecution(**USER))
    assert (made["joined"], made["left"]) == ([], [KEYS.executions(AGENT)])


def test_a_second_attempt_in_the_same_commit_replaces_the_lease() -> None:
    play = two_ready()
    play.claim("a")
    error = report(EventType.TASK_ERROR, "a", jitter=0.0)
    made = change(play, error, c.EndDelay(subtask_id="a"), claim("a"))
    assert made["leave"] == ["a"]
    assert [lease[0] for lease in made["lease"]] == ["a"]
    assert (made["enqueue"], made["untimed"]) == ([], [])


def test_the_change_names_what_watchers_have_to_show() -> None:
    play = started(chain(2))
    play.claim("s0")
    made = change(play, completion("s0"))
    assert msgspec.json.decode(made["changes"]) == {
        "subtasks": {"s0": "COMPLETED", "s1": "READY"},
        "tasks": {"t0": "COMPLETED", "t1": "READY"},
    }
    assert sorted(made["fields"][::2]) == ["s:s0", "s:s1", "t:t0", "t:t1"]
    assert made["wake"] == "ax:{ws_1}:wake"


def test_events_are_written_as_they_were_sealed() -> None:
    play = Play(chain(1))
    before = play.state
    sealed = seal(play.start(), "")
    made = described(before, play, sealed)
    assert made["events"] == [(2, sealed[0].body.decode(), sealed[0].hash)]


def test_agents_of_single_tasks_join_and_leave_with_their_share() -> None:
    play = Play(make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"}))
    made = change(Play(play.state.graph), c.StartExecution(actor="user:1"))
    assert (made["joined"], made["left"]) == ([], [])
    play.start()
    skipped = c.SkipSubtask(actor="user:1", subtask_id="b", reason="not needed")
    assert change(play, skipped)["left"] == [KEYS.executions("agent_2")]
    play.claim("a")
    play.fail("a", error_type="permanent")
    taken = change(play, answer(play.blocker("a"), "reassign", agent_id="agent_3"))
    assert [one[:2] for one in taken["joined"]] == [
        (KEYS.executions("agent_3"), "offline|agent_3|")
    ]
