"""A failed execution is taken up again, also after it was put away."""

import pytest

from app.domain import commands as c
from app.domain.errors import IllegalMove
from app.domain.events import EventType
from app.domain.execution import Execution
from app.live.errors import NotLive
from tests.executions import AGENT, EXECUTION, WORKSPACE, completion, make_graph, report, step

from .scene import GRACE, USER, Scene

GRAPH = make_graph({"t": [step("a"), step("b"), step("d")], "u": [step("e")]}, {"u": ["t"]})


@pytest.fixture
def recorded(scene: Scene) -> Execution:
    """What the record knows of an execution that failed and was put away."""
    scene.start(GRAPH)
    scene.complete("a")
    scene.claim("b", "d")
    scene.do(report(EventType.TASK_BLOCKED, "d", max_wait_seconds=60))
    scene.fail()
    state = scene.verify()
    scene.live.retire(WORKSPACE, state.header)
    with pytest.raises(NotLive):
        scene.whole()
    return state


def test_what_was_restored_is_as_it_was_and_is_put_away_again(
    scene: Scene, recorded: Execution
) -> None:
    scene.now += 2 * GRACE
    scene.live.restore(recorded.copy(), scene.now)
    found = scene.whole()
    assert (found.header, found.subtasks, found.tasks) == (
        recorded.header,
        recorded.subtasks,
        recorded.tasks,
    )
    assert scene.timed("retire") == {f"retire|{EXECUTION}|": scene.now + GRACE}
    assert (scene.queued(), scene.blockers.all(WORKSPACE)) == ([], [])
    assert scene.work.executions(WORKSPACE, AGENT) == []
    scene.live.retire(WORKSPACE, found.header)
    with pytest.raises(NotLive):
        scene.whole()


def test_a_restored_execution_goes_on_from_where_it_failed(
    scene: Scene, recorded: Execution
) -> None:
    scene.now += 2 * GRACE
    scene.live.restore(recorded, scene.now)
    assert scene.one(c.ResumeExecution(**USER)).refusal is None
    assert scene.queued() == ["b", "d"]
    assert scene.timed("retire") == {}
    assert set(scene.timed("limit")) == {f"limit|{EXECUTION}|"}
    assert scene.work.executions(WORKSPACE, AGENT) == [EXECUTION]
    for one in "bde":
        scene.claim(one)
        assert scene.one(completion(one)).refusal is None
    state = scene.whole()
    assert state.header.status == "COMPLETED"
    assert state.header.seq == recorded.header.seq + len(scene.events())


def test_the_chain_of_a_restored_execution_goes_on(scene: Scene, recorded: Execution) -> None:
    scene.live.restore(recorded, scene.now)
    scene.do(c.ResumeExecution(**USER))
    ((seq, _, digest),) = scene.events()
    assert seq == recorded.header.seq + 1
    assert scene.whole().header.head_hash == digest != recorded.header.head_hash


def test_a_refusal_leaves_a_restored_execution_to_be_put_away(
    scene: Scene, recorded: Execution
) -> None:
    scene.live.restore(recorded, scene.now)
    assert isinstance(scene.one(c.PauseExecution(**USER)).refusal, IllegalMove)
    assert set(scene.timed("retire")) == {f"retire|{EXECUTION}|"}


def test_one_that_is_live_stays_as_it_is(scene: Scene) -> None:
    scene.start(GRAPH)
    scene.claim("a")
    old = scene.whole()
    scene.fail()
    scene.do(c.ResumeExecution(**USER))
    before = scene.dump()
    scene.live.restore(old, scene.now)
    assert scene.dump() == before
    scene.verify()


def test_one_that_failed_and_is_still_live_needs_no_record(scene: Scene) -> None:
    scene.start(GRAPH)
    scene.claim("a")
    scene.fail()
    scene.do(c.ResumeExecution(**USER))
    assert scene.queued() == ["a", "b", "d"]
    scene.verify()
