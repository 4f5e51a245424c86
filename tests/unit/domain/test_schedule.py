"""When tasks are planned, and when the whole is likely to end."""

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import commands as c
from app.domain.execution_graph import ExecutionGraph, compile_graph
from app.domain.plan import Estimate, Ordering, Plan
from app.domain.schedule import (
    DEFAULT_HOURS,
    MOST_AHEAD,
    Schedule,
    forecast_end,
    look_ahead,
    make_schedule,
)
from tests.executions import NOON, Play, completion, make_plan, step

HOUR = dt.timedelta(hours=1)


def graph_of(
    hours: dict[str, float | None], after: dict[str, list[str]] | None = None
) -> ExecutionGraph:
    plan, breakdowns = make_plan({name: [step(f"{name}1")] for name in hours}, after)
    tasks = [
        msgspec.structs.replace(task, estimate=Estimate(realistic_hours=hours[task.task_id]))
        for task in plan.tasks
    ]
    phase = msgspec.structs.replace(plan.phases[0], tasks=tasks)
    planned = Plan(plan.plan_id, plan.title, [phase])
    return compile_graph(planned, breakdowns, Ordering.DEPENDENCIES)


def span(schedule: Schedule, task_id: str) -> tuple[float, float]:
    slot = schedule.slots[task_id]
    return slot.start / HOUR, slot.end / HOUR


def later(play: Play, hours: float) -> None:
    play.now += hours * HOUR


DIAMOND: Any = ({"a": 2, "b": 3, "c": 5, "d": 1}, {"b": ["a"], "c": ["a"], "d": ["b", "c"]})


def test_task_is_planned_behind_the_last_of_its_prerequisites() -> None:
    schedule = make_schedule(graph_of(*DIAMOND))
    assert [span(schedule, one) for one in "abcd"] == [(0, 2), (2, 5), (2, 7), (7, 8)]
    assert schedule.length == 8 * HOUR


def test_critical_path_is_what_the_end_hangs_on() -> None:
    slots = make_schedule(graph_of(*DIAMOND)).slots
    assert [one for one, slot in slots.items() if slot.critical] == ["a", "c", "d"]
    assert slots["b"].slack == 2 * HOUR


def test_task_without_estimate_takes_the_median_of_the_others_or_the_default() -> None:
    known = make_schedule(graph_of({"a": 2, "b": 4, "c": 30, "d": None}))
    assert span(known, "d") == (0, 4)
    assert span(make_schedule(graph_of({"a": None})), "a") == (0, DEFAULT_HOURS)


@given(st.data())
def test_schedule_of_any_plan_keeps_the_order_and_has_a_critical_path(data: st.DataObject) -> None:
    names = [f"t{number}." for number in range(data.draw(st.integers(1, 12)))]
    some = st.none() | st.floats(0, 1e300)
    hours = {name: data.draw(some) for name in names}
    after = {
        name: data.draw(st.lists(st.sampled_from(names[:index]), unique=True))
        for index, name in enumerate(names)
        if index
    }

    graph = graph_of(hours, after)
    schedule = make_schedule(graph)

    for name, slot in schedule.slots.items():
        before = [schedule.slots[one].end for one in graph.tasks[name].prerequisites]
        assert slot.start == max(before, default=0 * HOUR)
        assert slot.start <= slot.end <= schedule.length <= MOST_AHEAD
        assert slot.slack >= 0 * HOUR
    critical = [slot for slot in schedule.slots.values() if slot.critical]
    assert min(slot.start for slot in critical) == 0 * HOUR
    assert max(slot.end for slot in critical) == schedule.length


@given(st.lists(st.sampled_from([0.0, 0.5, 2.0, 400.0, 1e6]), max_size=5), st.floats(0, 1e300))
def test_forecast_lies_ahead_whatever_happened(passed: list[float], hours: float) -> None:
    play = Play(graph_of(dict.fromkeys("abcdef", hours), {"f": ["a"]}))
    play.start()
    for name, gone in zip("abcde", passed, strict=False):
        play.claim(f"{name}1")
        later(play, gone)
        play.do(completion(f"{name}1"))

    end = forecast_end(make_schedule(play.state.graph), play.state, play.now)

    assert end
    assert play.now <= end <= play.now + MOST_AHEAD


def test_forecast_is_the_planned_end_while_all_goes_as_planned() -> None:
    play = Play(graph_of({"a": 2, "b": 3}, {"b": ["a"]}))
    schedule = make_schedule(play.state.graph)
    play.start()
    play.claim("a1")
    assert forecast_end(schedule, play.state, play.now) == NOON + 5 * HOUR
    later(play, 2)
    play.do(completion("a1"))
    assert forecast_end(schedule, play.state, play.now) == NOON + 5 * HOUR


@pytest.mark.parametrize(("took", "end"), [(1, 2.5), (4, 10)])
def test_forecast_follows_the_pace_of_what_is_done(took: float, end: float) -> None:
    play = Play(graph_of({"a": 2, "b": 3}, {"b": ["a"]}))
    play.start()
    play.claim("a1")
    later(play, took)
    play.do(completion("a1"))
    found = forecast_end(make_schedule(play.state.graph), play.state, play.now)
    assert found == NOON + end * HOUR


def test_forecast_counts_that_one_agent_does_one_thing_after_the_other() -> None:
    play = Play(graph_of({"a": 2, "b": 2, "c": 2}))
    play.start()
    play.claim("a1")
    later(play, 2)
    play.do(completion("a1"))
    found = forecast_end(make_schedule(play.state.graph), play.state, play.now)
    assert found == NOON + 6 * HOUR


def test_plan_counts_from_now_until_it_is_started_and_forecast_ends_with_it() -> None:
    play = Play(graph_of({"a": 2}))
    schedule = make_schedule(play.state.graph)
    later(play, 5)
    assert look_ahead(schedule, play.state, play.now).begin == play.now
    play.start()
    later(play, 1)
    outlook = look_ahead(schedule, play.state, play.now)
    assert (outlook.begin, outlook.end) == (NOON + 5 * HOUR, NOON + 8 * HOUR)
    play.do(c.CancelExecution(actor="user:1"))
    assert look_ahead(schedule, play.state, play.now).end is None


def test_forecast_waits_for_what_is_looked_at_again_later() -> None:
    play = Play(graph_of({"a": 2}))
    play.start()
    state = play.state
    state.set_subtask("a1", due_at=NOON + 30 * HOUR)
    assert forecast_end(make_schedule(state.graph), state, NOON) == NOON + 30 * HOUR
