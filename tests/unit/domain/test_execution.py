"""The state as a fold, and what it says of itself."""

import pytest

from app.domain import commands as c
from app.domain.events import EventType, parse_event, seal
from app.domain.evolve import evolve, fold
from app.domain.execution import Execution, Header, TaskState
from app.domain.states import SubtaskStatus
from tests.executions import (
    EXECUTION,
    WORKSPACE,
    Play,
    chain,
    claimant,
    completion,
    facts,
    make_graph,
    refold,
    report,
    started,
    step,
)

S = SubtaskStatus


@pytest.mark.parametrize(
    ("present", "status"),
    [
        ([S.QUEUED], S.QUEUED),
        ([S.COMPLETED], S.COMPLETED),
        ([S.SKIPPED], S.SKIPPED),
        ([S.COMPLETED, S.SKIPPED], S.COMPLETED),
        ([S.COMPLETED, S.QUEUED], S.RUNNING),
        ([S.SKIPPED, S.QUEUED], S.RUNNING),
        ([S.READY, S.QUEUED], S.READY),
        ([S.RETRYING, S.READY], S.RETRYING),
        ([S.BLOCKED, S.RETRYING], S.BLOCKED),
        ([S.RUNNING, S.BLOCKED], S.RUNNING),
        ([S.CANCELLED, S.COMPLETED], S.CANCELLED),
        ([S.FAILED, S.RUNNING], S.FAILED),
    ],
)
def test_a_task_is_told_by_what_is_most_worth_knowing(
    present: list[SubtaskStatus], status: SubtaskStatus
) -> None:
    assert TaskState(counts=dict.fromkeys(present, 2)).status is status


def test_a_header_counts_what_is_done_and_what_moves_by_itself() -> None:
    statuses = (S.READY, S.RUNNING, S.RETRYING, S.BLOCKED, S.COMPLETED, S.SKIPPED, S.FAILED)
    header = Header(
        execution_id=EXECUTION, workspace_id=WORKSPACE, counts=dict.fromkeys(statuses, 2)
    )
    assert (header.subtasks_total, header.subtasks_done, header.movable) == (14, 4, 6)


def test_an_unborn_execution_has_no_version() -> None:
    state = Execution.unborn(chain(1), EXECUTION, WORKSPACE)
    assert (state.header.seq, state.header.head_hash, state.subtasks) == (0, "0" * 64, {})


def test_a_decision_leaves_the_state_it_was_made_on_as_it_was() -> None:
    play = started(chain(2))
    before, marked = play.state, facts(play.state)
    play.complete("s0")
    assert facts(before) == marked
    assert play.state is not before


def test_a_copy_has_nothing_marked_as_changed() -> None:
    play = started(chain(2))
    assert play.state.changed_subtasks == {"s0"}
    assert play.state.copy().changed_subtasks == set()


def test_a_decision_marks_all_it_changed_and_nothing_else() -> None:
    play = started(chain(4, width=2))
    play.claim("s0")
    play.do(completion("s0", claimant=claimant()))
    assert play.state.changed_subtasks == {"s0", "s1"}
    assert play.state.changed_tasks == {"t0"}
    play.do(completion("s1"))
    assert play.state.changed_subtasks == {"s1", "s2"}
    assert play.state.changed_tasks == {"t0", "t1"}


def test_changed_parts_carry_the_version_that_changed_them() -> None:
    play = started(chain(2, width=2))
    play.complete("s0")
    last = play.state.header.seq
    assert play.subtask("s0").seq == play.subtask("s1").seq == play.state.tasks["t0"].seq == last
    assert play.subtask("s3").seq == play.state.tasks["t1"].seq == 1


def test_the_agent_of_a_subtask_is_that_of_its_task_or_of_the_execution() -> None:
    state = Play(make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"})).state
    assert (state.agent_of("a"), state.agent_of("b")) == ("agent_1", "agent_2")
    assert [state.involves(one) for one in ("agent_1", "agent_2", "agent_3")] == [True, True, False]


def test_the_current_subtask_is_the_one_dispatched_last() -> None:
    play = started(make_graph({"t": [step("a"), step("b")]}))
    play.claim("b", "a")
    header = play.state.header
    assert (header.current_subtask_id, header.current_title) == ("a", "A")


def test_folding_the_stored_log_gives_the_state_that_was_decided() -> None:
    play = started(chain(2, width=2))
    play.claim("s0")
    play.do(report(EventType.TASK_PROGRESS, "s0", progress_percent=12.5))
    play.do(report(EventType.TASK_BLOCKED, "s0", max_wait_seconds=0.1234567))
    play.await_due("s0")
    play.answer("s0", "provide_input", output_data={"code": 7}, params={"depth": 2})
    play.claim("s0")
    play.do(report(EventType.TASK_ERROR, "s0", jitter=0.333333))
    play.do(c.PauseExecution(actor="user:1", reason="ü"))
    play.do(c.CancelExecution(actor="user:1"))
    assert facts(refold(play.state.graph, play.events)) == facts(play.state)


def test_a_fold_may_stop_and_go_on() -> None:
    play = started(chain(2))
    play.complete("s0")
    graph, events = play.state.graph, [parse_event(one.body) for one in seal(play.events, "")]
    half = fold(Execution.unborn(graph, EXECUTION, WORKSPACE), events[:3])
    assert facts(fold(half, events[3:])) == facts(play.state)


def test_kinds_that_only_inform_change_nothing_but_the_version() -> None:
    play = started(chain(1))
    unknown = play.do(report(EventType.NOTE))[0]
    before = facts(play.state)
    informed = parse_event(seal([unknown], "")[0].body)
    after = evolve(play.state.copy(), informed)
    assert facts(after) == before


def test_progress_of_what_is_not_loaded_is_passed_over() -> None:
    play = started(chain(1))
    play.claim("s0")
    (event,) = play.do(report(EventType.TASK_PROGRESS, "s0", progress_percent=5))
    narrow = Execution(play.state.graph, play.state.header, {}, {})
    assert evolve(narrow, event).subtasks == {}


def test_nothing_is_current_once_what_was_worked_on_last_has_left_its_agent() -> None:
    play = started(chain(2))
    play.complete("s0")
    assert (play.state.header.current_subtask_id, play.state.header.current_title) == (None, None)
