"""The list of all that waits for somebody holds exactly what is open."""

import pytest

from app.domain import commands as c
from app.domain.events import EventType
from app.domain.plan import Assignee
from tests.executions import AGENT, EXECUTION, NOON, WORKSPACE, make_graph, report, step

from .scene import USER, Scene

GRAPH = make_graph(
    {
        "t": [
            step("a"),
            step("b", requires_approval=True),
            step("h", assignee=Assignee.HUMAN),
            step("n", action="sing"),
        ]
    }
)


@pytest.fixture
def open_ones(scene: Scene) -> Scene:
    """An execution in which only ``a`` goes on by itself."""
    scene.start(GRAPH, n="Nobody sings.")
    return scene


def listed(scene: Scene) -> dict[str, str]:
    """Name each open blocker's kind by its subtask."""
    found = scene.blockers.all(WORKSPACE)
    return {one.blocker.task_id: one.blocker.kind.value for one in found}


def test_what_waits_for_a_person_is_listed_from_the_start(open_ones: Scene) -> None:
    assert listed(open_ones) == {"b": "approval", "h": "human_task", "n": "no_capable_agent"}
    assert open_ones.queued() == ["a"]
    open_ones.verify()


def test_blockers_of_all_executions_stand_in_one_list(open_ones: Scene) -> None:
    open_ones.start(GRAPH, "exec_2")
    found = open_ones.blockers.all(WORKSPACE)
    assert sorted(one.execution_id for one in found) == [EXECUTION] * 3 + ["exec_2"] * 2
    assert open_ones.blockers.all("ws_2") == []


def test_one_is_found_by_its_id_while_it_is_open(open_ones: Scene) -> None:
    blocker = open_ones.whole().subtasks["b"].blocker
    assert blocker
    found = open_ones.blockers.find(WORKSPACE, blocker.blocker_id)
    assert found
    assert (found.execution_id, found.blocker) == (EXECUTION, blocker)
    open_ones.answer("b", "approve")
    assert open_ones.blockers.find(WORKSPACE, blocker.blocker_id) is None
    assert open_ones.blockers.find(WORKSPACE, "blk_0") is None


@pytest.mark.parametrize(
    ("subtask_id", "resolution"),
    [("b", "approve"), ("b", "reject"), ("h", "provide_input"), ("n", "retry"), ("n", "skip")],
)
def test_an_answer_leaves_exactly_what_is_open(
    open_ones: Scene, subtask_id: str, resolution: str
) -> None:
    assert open_ones.answer(subtask_id, resolution).refusal is None
    open_ones.verify()
    left = {"b": "human_input"} if resolution == "reject" else {}
    assert {one: kind for one, kind in listed(open_ones).items() if one == subtask_id} == left


def test_a_wait_stays_listed_while_it_is_looked_at_and_says_when_next(open_ones: Scene) -> None:
    open_ones.claim("a")
    open_ones.do(report(EventType.TASK_BLOCKED, "a"))
    first = open_ones.whole().subtasks["a"]
    assert first.due_at
    open_ones.now = first.due_at
    open_ones.sweep()
    open_ones.claim("a")
    assert listed(open_ones)["a"] == "external_wait"
    open_ones.do(report(EventType.TASK_BLOCKED, "a", event_id="again"))
    state = open_ones.verify()
    blocker = state.subtasks["a"].blocker
    assert first.blocker
    assert blocker
    found = open_ones.blockers.find(WORKSPACE, first.blocker.blocker_id)
    assert found
    assert found.blocker.next_check_at == state.subtasks["a"].due_at == blocker.next_check_at


def test_an_absent_agent_is_listed_until_it_is_back(scene: Scene) -> None:
    scene.start(make_graph({"t": [step("a")]}))
    scene.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    assert listed(scene) == {"": "agent_offline"}
    scene.claim("a")
    scene.verify()
    scene.do(c.NoteAgentOnline(agent_id=AGENT))
    assert listed(scene) == {}
    scene.verify()


@pytest.mark.parametrize("end", ["cancel", "fail", "limit", "complete"])
def test_nothing_is_open_after_the_end(open_ones: Scene, end: str) -> None:
    open_ones.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    if end == "cancel":
        open_ones.do(c.CancelExecution(**USER))
    elif end == "fail":
        open_ones.answer("", "fail")
    elif end == "limit":
        open_ones.do(c.TimeOutExecution(hours=168))
    else:
        for one in "abhn":
            open_ones.do(c.CompleteSubtask(**USER, subtask_id=one))
    assert open_ones.verify().header.status.ended
    assert listed(open_ones) == {}
    assert open_ones.keys.blockers not in open_ones.stored_keys()
