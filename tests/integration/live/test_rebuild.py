"""All that Redis holds of an execution, set anew from its log."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from app.domain.events import EventType, parse_event
from app.domain.execution import Execution
from app.live.executions import Strays
from app.live.inventory import Inventory
from app.live.outcomes import Receipt
from app.live.receipts import fold_with_receipts
from tests.executions import (
    AGENT,
    EXECUTION,
    WORKSPACE,
    chain,
    claimant,
    completion,
    make_graph,
    report,
    step,
)

from .scene import DELAYS, LEASE, Scene
from .test_cost import counted_round_trips

GRAPH = make_graph(
    {"t": [step(one) for one in "abdfg"], "u": [step("e", requires_approval=True)]}, {"u": ["t"]}
)


@pytest.fixture
def inventory(scene: Scene) -> Inventory:
    return Inventory(scene.client, scene.live, DELAYS)


def act(scene: Scene) -> None:
    """Bring about one of everything: reports in time, late and repeated, waits, back-off."""
    scene.start(GRAPH)
    scene.complete("a")
    scene.claim("b", "d", "f")
    scene.do(report(EventType.TASK_STARTED, "b", progress_percent=10.0))
    scene.now += dt.timedelta(seconds=1)
    scene.do(report(EventType.TASK_BLOCKED, "d", max_wait_seconds=600))
    scene.now += dt.timedelta(seconds=1)
    scene.do(report(EventType.TASK_ERROR, "f", error_message="no door"))
    scene.now += dt.timedelta(seconds=1)
    scene.do(report(EventType.TASK_COMPLETE, "f", event_id="late", lease_token="1"))
    scene.now += dt.timedelta(seconds=1)
    scene.do(report(EventType.NOTE, "b", message="it rains", event_id="note"))
    scene.now += dt.timedelta(seconds=1)


def receipts(scene: Scene) -> dict[str, Receipt]:
    raw = scene.client.hgetall(scene.keys.seen(EXECUTION))
    return {key.decode(): msgspec.json.decode(value, type=Receipt) for key, value in raw.items()}


def folded(scene: Scene) -> tuple[Execution, dict[str, Receipt]]:
    events = scene.events()
    unborn = Execution.unborn(GRAPH, EXECUTION, WORKSPACE)
    state, made = fold_with_receipts(unborn, [parse_event(body) for _, body, _ in events])
    state.set_header(head_hash=events[-1][2])
    return state, made


def lose(scene: Scene) -> None:
    """Delete every key but those of the log: they stay, since nothing is ever thrown away."""
    kept = {scene.keys.log, scene.keys.events(EXECUTION)}
    scene.client.delete(*(scene.stored_keys() - kept))


def test_receipts_made_from_the_log_are_those_that_were_given(scene: Scene) -> None:
    act(scene)
    scene.do(completion("b", claimant=claimant()))
    assert len(receipts(scene)) == 7
    assert folded(scene)[1] == receipts(scene)


def test_what_was_claimed_along_with_a_report_is_in_its_receipt(scene: Scene) -> None:
    graph = chain(1, 3)
    scene.start(graph)
    scene.claim("s0")
    scene.now += dt.timedelta(seconds=1)
    scene.do(completion("s0", claimant=claimant()))
    unborn = Execution.unborn(graph, EXECUTION, WORKSPACE)
    events = [parse_event(body) for _, body, _ in scene.events()]
    made = fold_with_receipts(unborn, events)[1]
    assert made == receipts(scene)
    assert [one.claimed for one in made.values()] == ["s1"]


def test_a_rebuilt_execution_is_as_it_was_in_every_structure(scene: Scene) -> None:
    act(scene)
    before, timers, known = scene.verify(), scene.timed(), receipts(scene)
    state, made = folded(scene)
    lose(scene)

    assert scene.live.rebuild(state, None, scene.now, receipts=made)

    after = scene.verify()
    assert (after.header, after.subtasks, after.tasks) == (
        before.header,
        before.subtasks,
        before.tasks,
    )
    assert receipts(scene) == known
    assert set(scene.timed()) == set(timers)
    assert scene.timed("lease") == {f"lease|{EXECUTION}|b": scene.now + LEASE}
    scene.do(completion("b"))
    scene.verify()


def test_nothing_is_changed_where_the_version_is_another(scene: Scene) -> None:
    act(scene)
    state, made = folded(scene)
    before = scene.dump()
    for expected in (None, state.header.seq - 1, state.header.seq + 1):
        assert not scene.live.rebuild(state, expected, scene.now, receipts=made)
    assert scene.dump() == before


def test_rebuilding_twice_leaves_one_entry_of_each_subtask(scene: Scene) -> None:
    act(scene)
    state = scene.whole()
    for _ in range(2):
        assert scene.live.rebuild(state, state.header.seq, scene.now)
    scene.verify()
    assert scene.queued() == ["g"]


def test_waiting_polls_are_told_of_work_that_came_back(scene: Scene) -> None:
    act(scene)
    state = scene.whole()
    lose(scene)
    with scene.client.pubsub() as channel:
        channel.subscribe(scene.keys.wake)
        assert channel.get_message(timeout=5)
        scene.live.rebuild(state, None, scene.now)
        message: Any = channel.get_message(timeout=5)
    assert message["data"] == AGENT.encode()


def test_what_is_left_of_an_execution_that_is_live_is_not_removed(scene: Scene) -> None:
    act(scene)
    before = scene.dump()
    strays = Strays(untimed=[f"limit|{EXECUTION}|"], left=[scene.keys.executions(AGENT)])
    assert not scene.live.forget(WORKSPACE, EXECUTION, strays)
    assert scene.dump() == before


def test_an_execution_in_order_shows_no_difference(scene: Scene, inventory: Inventory) -> None:
    act(scene)
    (found,) = inventory.find().values()
    (copy,) = inventory.copies(WORKSPACE, found, found.executions, scene.now)
    assert copy.differences == []
    assert not any(msgspec.structs.astuple(copy.strays))
    assert inventory.unrecorded(WORKSPACE) == {EXECUTION: 1}


def test_looking_at_many_executions_costs_round_trips_for_hundreds_at_a_time(
    scene: Scene, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1200):
        scene.start(GRAPH, f"exec_{number}")
    found = inventory.find()[WORKSPACE]
    with counted_round_trips(monkeypatch) as sent:
        copies = list(inventory.copies(WORKSPACE, found, found.executions, scene.now))
    assert len(copies) == 1200
    assert not any(copy.differences for copy in copies)
    assert len(sent) <= 5  # the lists, and three times five hundred
