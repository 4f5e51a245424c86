"""What the report tells of a log."""

import datetime as dt
import random

import pytest

from app.domain import commands as c
from app.domain.blockers import Resolution
from app.domain.errors import DomainError
from app.domain.events import FIRST_HASH, EventType, seal
from app.domain.execution import Execution
from app.domain.execution_report import ExecutionReport, tell
from tests.executions import (
    EXECUTION,
    WORKSPACE,
    Play,
    answer,
    chain,
    completion,
    make_graph,
    report,
    step,
)
from tests.walk import draw_command, varied

USAGE = {"model": "m-1", "input_tokens": 100, "output_tokens": 20, "cost_usd": 0.5}


def told(play: Play) -> ExecutionReport:
    unborn = Execution.unborn(play.state.graph, EXECUTION, WORKSPACE)
    return tell(unborn, [(one.event, one.hash) for one in seal(play.events, FIRST_HASH)])


def later(play: Play, **by: float) -> None:
    play.now += dt.timedelta(**by)


def test_results_people_and_times_are_told() -> None:
    play = Play(chain(1, 2))
    play.start()
    later(play, minutes=5)
    play.claim("s0")
    later(play, minutes=10)
    play.do(completion("s0", output_data={"found": 3}, message="done", usage=USAGE))
    later(play, minutes=1)
    play.do(c.CompleteSubtask(actor="user:7", subtask_id="s1", evidence=[{"name": "photo"}]))

    found = told(play)

    assert (found.status, found.tasks_done, found.subtasks_done) == ("COMPLETED", 1, 2)
    assert found.duration_seconds == 16 * 60
    first, second = found.tasks[0].subtasks
    assert (first.done_by, first.result, first.attempts) == ("agent:agent_1", {"found": 3}, 1)
    assert (second.done_by, second.evidence) == ("user:7", [{"name": "photo"}])
    for spent in (found.spent, found.tasks[0].spent):
        assert spent.working_seconds == 10 * 60
        assert spent.waiting_seconds == 6 * 60
        assert spent.blocked_seconds == 0
    assert first.spent.working_seconds == 10 * 60
    assert first.spent.waiting_seconds == 5 * 60
    assert found.usage.cost_usd == first.usage.cost_usd == found.agents[0].usage.cost_usd == 0.5
    assert found.usage.models == ["m-1"]
    assert [(one.actor, one.kind) for one in found.interventions] == [("user:7", "task complete")]
    assert found.events == len(play.events)
    assert found.head_hash == seal(play.events, FIRST_HASH)[-1].hash


def test_retries_expired_leases_and_skips_are_deviations() -> None:
    play = Play(chain(1, 2))
    play.start()
    play.claim("s0")
    play.do(report(EventType.TASK_ERROR, "s0", error_message="no net", jitter=0.0))
    later(play, hours=1)
    play.do(c.EndDelay(subtask_id="s0"))
    play.claim("s0")
    lease = play.state.subtasks["s0"].lease
    assert lease
    play.do(c.ExpireLease(subtask_id="s0", lease_token=lease.token, jitter=0.0))
    play.do(c.SkipSubtask(actor="user:1", subtask_id="s1", reason="not needed"))

    found = told(play)

    kinds = [one.kind for one in found.deviations]
    assert kinds == ["attempt failed", "tried again", "lease expired", "tried again", "skipped"]
    assert found.deviations[0].detail == "no net"
    assert found.deviations[-1].detail == "not needed"
    assert found.attempts == found.agents[0].attempts == 2
    assert found.agents[0].failed == 2


def test_blockers_tell_how_long_and_who_cleared_them() -> None:
    play = Play(make_graph({"t0": [step("s0", requires_approval=True), step("s1", "s0")]}))
    play.start()
    later(play, minutes=30)
    blocker = play.state.subtasks["s0"].blocker
    assert blocker
    play.do(answer(blocker, Resolution.APPROVE))
    play.claim("s0")
    play.do(report(EventType.TASK_ERROR, "s0", error_type="permanent", error_message="gone"))
    later(play, minutes=5)
    play.do(report(EventType.NOTE, event_id="n"))

    approval, failure = told(play).blockers

    assert (approval.kind, approval.resolution) == ("approval", "approve")
    assert (approval.resolved_by, approval.seconds) == ("user:1", 30 * 60)
    assert (failure.resolved_at, failure.seconds) == (None, 5 * 60)
    assert told(play).tasks[0].spent.blocked_seconds == 35 * 60
    assert [one.kind for one in told(play).interventions] == ["blocker resolved"]


def test_retry_by_a_person_is_told_although_nothing_was_blocked() -> None:
    play = Play(chain(1, 1))
    play.start()
    play.claim("s0")
    play.do(report(EventType.TASK_ERROR, "s0", jitter=0.0))
    play.do(c.RetrySubtask(actor="user:1", subtask_id="s0"))

    assert [one.kind for one in told(play).interventions] == ["task released"]


def test_what_is_open_at_the_end_of_an_execution_ends_with_it() -> None:
    play = Play(make_graph({"t0": [step("s0", requires_approval=True)]}))
    play.start()
    later(play, minutes=2)
    play.do(c.CancelExecution(actor="user:1", reason="enough"))

    found = told(play)

    assert found.blockers[0].resolution == "cancelled"
    assert found.blockers[0].seconds == 120
    assert [one.kind for one in found.deviations] == ["cancelled"]


@pytest.mark.parametrize("seed", range(15))
def test_numbers_agree_with_the_state_whatever_happened(seed: int) -> None:
    rng = random.Random(seed)
    play = Play(varied())
    for number in range(120):
        later(play, minutes=rng.randrange(5))
        try:
            play.do(draw_command(play.state, play.now, rng.randrange, f"{number}"))
        except DomainError:
            continue

    found = told(play)

    state = play.state
    subtasks = {one.subtask_id: one for task in found.tasks for one in task.subtasks}
    assert {name: one.status for name, one in subtasks.items()} == {
        name: one.status for name, one in state.subtasks.items()
    }
    assert {task.task_id: task.status for task in found.tasks} == {
        name: task.status for name, task in state.tasks.items()
    }
    still_open = [one for one in found.blockers if one.resolved_at is None]
    assert len(still_open) == state.header.open_blockers
    dispatches = [one for one in play.events if one.event_type is EventType.TASK_DISPATCHED]
    assert found.attempts == len(dispatches) == sum(one.attempts for one in found.agents)
    spent = found.spent
    counted = spent.working_seconds + spent.waiting_seconds + spent.blocked_seconds
    assert counted <= (play.events[-1].recorded_at - play.events[0].recorded_at).total_seconds()
