"""Many threads on one execution: nothing is done twice and nothing is forgotten."""

import datetime as dt
import random
import threading
from collections import Counter
from collections.abc import Callable

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
)

from .scene import USER, Scene

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


def test_random_commands_of_all_threads_leave_everything_in_agreement(scene: Scene) -> None:
    graph = layered()
    scene.start(graph)

    def work(number: int) -> None:
        draw = random.Random(number)
        own = Scene(scene.client, scene.client)
        for turn in range(60):
            own.now += dt.timedelta(milliseconds=1)
            subtask_id = draw.choice(list(graph.subtasks))
            own.do(*_commands(own, draw, subtask_id, f"{number}.{turn}"))

    together(work)
    state = scene.verify()
    assert all(count == 1 for count in completed(scene).values())
    assert state.header.seq > 100


def _commands(scene: Scene, draw: random.Random, chosen: str, event_id: str) -> list[c.Command]:
    """Draw commands that suit what there is: mostly work, sometimes trouble, seldom control."""
    desk = scene.work.look(WORKSPACE, AGENT, scene.now)
    entries = [entry.subtask_id for entry in desk.entries]
    held = [lease.subtask_id for lease in desk.leases]
    kind = draw.choices(["claim", "complete", "trouble", "delay", "control"], [4, 5, 2, 3, 1])[0]
    if kind == "claim":
        return [claim(draw.choice(entries or [chosen]))]
    if kind == "delay":
        return [c.EndDelay(subtask_id=one) for one in delayed(scene)] or [claim(chosen)]
    if kind == "control":
        return [draw.choice([c.PauseExecution(**USER), c.ResumeExecution(**USER)])]
    subject = draw.choice(held or [chosen])
    if kind == "complete":
        return [completion(subject, event_id=event_id, claimant=claimant())]
    trouble = draw.choice([EventType.TASK_BLOCKED, EventType.TASK_PROGRESS, EventType.NOTE])
    return [report(trouble, subject, event_id=event_id, max_wait_seconds=1e-6)]


def delayed(scene: Scene) -> list[str]:
    """Name what waits for the end of a delay, all of them due at once."""
    subtasks = scene.whole().subtasks
    return [one for one, state in subtasks.items() if state.due_at]
