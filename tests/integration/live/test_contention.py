"""Many threads on one execution: nothing is done twice and nothing is forgotten."""

import datetime as dt
import random
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from app.domain import commands as c
from app.domain.events import EventType, parse_event
from app.domain.execution_graph import ExecutionGraph
from app.live.errors import AtCapacity
from tests.executions import (
    AGENT,
    EXECUTION,
    WORKSPACE,
    claim,
    claimant,
    completion,
    make_graph,
    report,
    step,
    types,
)
from tests.walk import draw_command, finish, varied
from tests.witness import Witness

from .scene import LEASE, USER, Scene

THREADS = 8
SUBTASKS = 60


def layered() -> ExecutionGraph:
    """Make six layers of ten subtasks; each waits for two of the layer before."""
    return make_graph(
        {
            f"t{layer}": [
                step(
                    f"s{layer}_{number}",
                    *(f"s{layer - 1}_{(number + offset) % 10}" for offset in (0, 3) if layer),
                )
                for number in range(10)
            ]
            for layer in range(SUBTASKS // 10)
        }
    )


def together(work: Callable[[int], None]) -> None:
    """Run it in all threads at once; raise what any of them raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(THREADS)

    def run(number: int) -> None:
        try:
            gate.wait(10)
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed on to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def completed(scene: Scene) -> Counter[str]:
    """Count the completions of each subtask in the log."""
    events = (parse_event(body) for _, body, _ in scene.events())
    return Counter(
        event.task_id or "" for event in events if event.event_type is EventType.TASK_COMPLETE
    )


def test_eight_threads_complete_each_subtask_once(scene: Scene) -> None:
    graph = layered()
    scene.start(graph)

    def work(number: int) -> None:
        # Every thread is a process of its own: it shares nothing but the pool.
        own = Scene(scene.client, scene.client)
        while not own.live.header(WORKSPACE, EXECUTION).status.ended:
            for entry in own.work.look(WORKSPACE, AGENT, own.now).entries[number % 4 :][:1]:
                who = claimant(instance=str(number))
                mine = own.one(claim(entry.subtask_id, who))
                subtask_id = None if mine.refusal else entry.subtask_id
                while subtask_id:
                    done = own.one(completion(subtask_id, claimant=who))
                    assert done.receipt
                    subtask_id = done.receipt.claimed

    together(work)
    state = scene.verify()
    assert state.header.status == "COMPLETED"
    assert completed(scene) == dict.fromkeys(graph.subtasks, 1)


def test_all_threads_reporting_the_same_event_get_one_receipt(scene: Scene) -> None:
    scene.start(layered())
    scene.claim("s0_0")
    receipts: list[object] = []

    def work(_: int) -> None:
        own = Scene(scene.client, scene.client)
        receipts.append(own.one(completion("s0_0")).receipt)

    together(work)
    assert len(receipts) == THREADS
    assert receipts == [receipts[0]] * THREADS
    assert completed(scene) == {"s0_0": 1}
    scene.verify()


def test_all_threads_claiming_one_subtask_give_out_one_lease(scene: Scene) -> None:
    scene.start(layered())
    refusals: list[bool] = []

    def work(number: int) -> None:
        own = Scene(scene.client, scene.client)
        refusals.append(own.one(claim("s0_0", claimant(instance=str(number)))).refusal is None)

    together(work)
    assert sorted(refusals) == [False] * (THREADS - 1) + [True]
    scene.verify()


def test_a_limit_of_leases_holds_against_all_threads(scene: Scene) -> None:
    scene.start(layered())

    def work(number: int) -> None:
        own = Scene(scene.client, scene.client)
        try:
            own.do(claim(f"s0_{number}"), lease_limit=3)
        except AtCapacity:
            return

    together(work)
    assert len(scene.held()) == 3
    scene.verify()


@pytest.mark.parametrize(
    ("seed", "ends"), [(1, False), (2, False), (3, False), (4, True), (5, True), (6, True)]
)
def test_random_commands_of_all_threads_leave_everything_in_agreement(
    scene: Scene, seed: int, ends: bool
) -> None:
    graph = varied(4)
    scene.start(graph)

    def work(number: int) -> None:
        draw = random.Random(THREADS * seed + number)
        own = Scene(scene.client, scene.client)
        for turn in range(120):
            own.now += dt.timedelta(seconds=draw.choice([0.001, 1, 400]))
            if draw.random() < 0.2:
                own.sweep()
                continue
            tag = f"{number}.{turn}"
            own.do(draw_command(own.whole(), own.now, draw.randrange, tag, ends=ends))

    together(work)
    _follow(scene)
    assert scene.verify().header.seq > 100 or ends
    finish(scene.whole, lambda command, at: _at(scene, at).do(command))
    assert scene.verify().header.status in ("COMPLETED", "CANCELLED")
    _follow(scene)


def _at(scene: Scene, at: dt.datetime | None) -> Scene:
    scene.now = max(scene.now, at or scene.now)
    return scene


def _follow(scene: Scene) -> None:
    """Look at each step of the log: no move outside the tables, nothing unapproved or twice."""
    witness = Witness(scene.whole().graph)
    for _, body, _ in scene.events():
        witness.follow(parse_event(body))


def test_all_threads_sweeping_at_once_do_everything_once(scene: Scene) -> None:
    """Two clocks, or a late worker: each timer has one effect."""
    graph = make_graph({"t": [step(f"s{number}") for number in range(12)]})
    scene.start(graph)
    scene.claim(*graph.subtasks)
    for number in range(4):
        scene.do(report(EventType.TASK_ERROR, f"s{number}", jitter=1.0))
        scene.do(report(EventType.TASK_BLOCKED, f"s{number + 4}"))
    before = scene.whole().header.seq
    later = scene.now + LEASE

    def work(_: int) -> None:
        own = Scene(scene.client, scene.client)
        own.now = later
        own.sweep()

    together(work)
    state = scene.verify()
    statuses = [state.subtasks[one].status.value for one in graph.subtasks]
    assert statuses == ["READY"] * 8 + ["RETRYING"] * 4
    kinds = Counter(types(parse_event(body) for seq, body, _ in scene.events() if seq > before))
    assert kinds == {"task_ready": 8, "lease_expired": 4, "retry_scheduled": 4}


def test_agents_people_and_sweeps_race_for_one_subtask_and_one_of_them_wins(scene: Scene) -> None:
    scene.start(make_graph({"t": [step("a")]}))
    scene.claim("a")
    token = scene.lease("a").token
    scene.now += LEASE
    commands: list[c.Command] = [
        completion("a", lease_token=token),
        c.CompleteSubtask(**USER, subtask_id="a"),
        c.SkipSubtask(**USER, subtask_id="a", reason="late"),
        c.ExpireLease(subtask_id="a", lease_token=token),
        c.ReassignExecution(**USER, agent_id="agent_2"),
        c.PauseExecution(**USER),
        report(EventType.TASK_ERROR, "a", lease_token=token),
        report(EventType.TASK_BLOCKED, "a", lease_token=token),
    ]

    def work(number: int) -> None:
        Scene(scene.client, scene.client).do(commands[number])

    together(work)
    scene.verify()
    _follow(scene)
    assert completed(scene)["a"] <= 1
