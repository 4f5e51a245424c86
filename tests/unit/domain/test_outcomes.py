"""Targets, metrics and people's time, as the report adds them up."""

import datetime as dt

import msgspec

from app.domain import commands as c
from app.domain.blockers import Resolution
from app.domain.events import FIRST_HASH, seal
from app.domain.execution import Execution
from app.domain.execution_report import ExecutionReport, tell
from app.domain.outcomes import ESTIMATED_MINUTES, MOST_METRICS, Outcome, metrics_of
from app.domain.plan import Target
from tests.executions import EXECUTION, WORKSPACE, Play, chain, completion, creation


def told(play: Play) -> ExecutionReport:
    unborn = Execution.unborn(play.state.graph, EXECUTION, WORKSPACE)
    return tell(unborn, [(one.event, one.hash) for one in seal(play.events, FIRST_HASH)])


def test_metrics_of_subtasks_are_added_up_and_held_against_the_targets() -> None:
    graph = chain(1, 2)
    play = Play(graph)
    targets = [Target("prospects", 50), Target("revenue", 15_000, "USD"), Target("closed", 3)]
    play.state, play.events = Execution.unborn(graph, EXECUTION, WORKSPACE), []
    play.do(msgspec.structs.replace(creation(graph), targets=targets))
    play.start()
    reported = {"s0": {"prospects": 20, "calls": 5}, "s1": {"prospects": 3}}
    for subtask_id, found in reported.items():
        play.claim(subtask_id)
        play.do(completion(subtask_id, output_data={"metrics": found}))

    assert told(play).outcomes == [
        Outcome("prospects", "", 50, 23),
        Outcome("revenue", "USD", 15_000, None),
        Outcome("closed", "", 3, None),
        Outcome("calls", "", None, 5),
        Outcome("human_minutes", "min", None, 0),
    ]


def test_report_without_targets_and_metrics_has_no_outcomes() -> None:
    play = Play(chain(1, 1))
    play.start()
    play.claim("s0")
    play.do(completion("s0", output_data={"found": 3}))

    assert told(play).outcomes == []


def test_minutes_are_those_stated_else_an_estimate_and_one_answer_counts_once() -> None:
    play = Play(chain(1, 3))
    play.start()
    play.claim("s0")
    play.fail("s0", error_type="permanent", error_message="whom?")
    # Resolves a blocker, and skips: two events, one answer.
    play.answer("s0", Resolution.SKIP, "nobody", minutes=12)
    play.now += dt.timedelta(minutes=1)
    play.do(c.CompleteSubtask(actor="user:7", subtask_id="s1", minutes=0.5))
    play.now += dt.timedelta(minutes=1)
    play.do(c.SkipSubtask(actor="user:7", subtask_id="s2", reason="enough"))

    found = told(play)

    assert found.answers == 3
    assert found.human_minutes == 12 + 0.5 + ESTIMATED_MINUTES


def test_what_is_no_number_is_no_metric() -> None:
    hostile = {"a": "5", "b": True, "c": None, "d": [1], "e": 1e300, "f": 10**400, "g": 2}

    assert metrics_of([{"metrics": hostile}, {"metrics": 5}, ["metrics"], None]) == {"g": 2}


def test_metrics_beyond_the_most_are_left_out() -> None:
    many = {f"m{number}": 1 for number in range(MOST_METRICS + 5)}

    found = metrics_of([{"metrics": many}, {"metrics": {"m0": 1, "x" * 101: 1}}])

    assert len(found) == MOST_METRICS
    assert found["m0"] == 2
