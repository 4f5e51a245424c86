"""What a decision changes in Redis, worked out without Redis."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from app.domain import commands as c
from app.domain.events import EventType, seal
from app.domain.execution import Execution
from app.live.change import Delays, describe, encode, milliseconds
from app.live.keys import Keys
from tests.executions import (
    AGENT,
    EXECUTION,
    NOON,
    WORKSPACE,
    Play,
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


def delay_timer(subtask_id: str) -> str:
    return f"delay|{EXECUTION}|{subtask_id}"


def test_times_are_kept_as_milliseconds() -> None:
    assert milliseconds(dt.datetime(1970, 1, 1, 0, 0, 1, 500_900, tzinfo=dt.UTC)) == 1500


def test_a_start_queues_what_is_ready_with_its_action_in_written_order() -> None:
    made = change(Play(two_ready().state.graph), c.StartExecution(**USER))
    assert made["enqueue"] == [("a", AGENT, WORK, "noop"), ("b", AGENT, WORK, "sing")]
    assert (made["leave"], made["lease"], made["timers"], made["clear"]) == ([], [], [], False)


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
    assert made["timers"] == [(lease_timer("a"), milliseconds(NOON + LEASE))]
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
    assert made["timers"] == [(lease_timer("a"), milliseconds(NOON + LEASE * 1.5))]
    assert (made["leave"], made["enqueue"], made["lease"], made["untimed"]) == ([], [], [], [])


def test_a_completion_frees_the_lease_and_queues_what_it_unlocked() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, completion("a"))
    assert made["leave"] == ["a"]
    assert [entry[0] for entry in made["enqueue"]] == ["d"]
    assert (made["timers"], made["untimed"]) == ([], [lease_timer("a")])


def test_what_is_claimed_along_never_enters_the_stream() -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, completion("a", claimant=claimant()))
    assert (made["enqueue"], made["leave"]) == ([], ["a"])
    assert [lease[0] for lease in made["lease"]] == ["d"]


@pytest.mark.parametrize("event_type", [EventType.TASK_ERROR, EventType.TASK_BLOCKED])
def test_a_delay_takes_the_place_of_the_lease(event_type: EventType) -> None:
    play = two_ready()
    play.claim("a")
    made = change(play, report(event_type, "a"))
    due = NOON + dt.timedelta(minutes=5)
    assert made["timers"] == [(delay_timer("a"), milliseconds(due))]
    assert (made["untimed"], made["leave"]) == ([lease_timer("a")], ["a"])


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
    assert made["untimed"] == [lease_timer("a")]
    assert made["timers"] == [(f"retire|{EXECUTION}|", milliseconds(NOON + GRACE))]


def test_a_failure_gives_timers_back_with_the_work() -> None:
    play = two_ready()
    play.claim("a", "b")
    play.do(report(EventType.TASK_ERROR, "b"))
    made = change(play, report(EventType.TASK_ERROR, "a", error_type="permanent"))
    assert made["clear"]
    assert sorted(made["untimed"]) == [delay_timer("b"), lease_timer("a")]


def test_an_execution_that_had_ended_is_not_put_away_anew() -> None:
    play = two_ready()
    play.claim("a")
    play.do(report(EventType.TASK_ERROR, "a", error_type="permanent"))
    made = change(play, c.CancelExecution(**USER))
    assert (made["clear"], made["timers"]) == (False, [])


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
