"""What an event costs does not depend on the size of its plan."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis.connection import AbstractConnection

from app.domain import commands as c
from app.domain.execution_graph import ExecutionGraph
from tests.executions import chain, claimant, completion, make_graph, step

from .scene import USER, Scene


@contextmanager
def counted_round_trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Gather what is sent to Redis: one item per round trip."""
    sent: list[object] = []
    send = AbstractConnection.send_packed_command

    def counting(self: AbstractConnection, command: object, **options: object) -> object:
        sent.append(command)
        return send(self, command, **options)

    with monkeypatch.context() as patch:
        patch.setattr(AbstractConnection, "send_packed_command", counting)
        yield sent


def calls(scene: Scene) -> dict[str, int]:
    """Count the commands that Redis has carried out, also those inside scripts."""
    return {
        name.removeprefix("cmdstat_"): stats["calls"]
        for name, stats in scene.client.info("commandstats").items()
    }


def cost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, graph: ExecutionGraph, execution_id: str
) -> tuple[int, dict[str, int]]:
    """Give the round trips and the commands of a completion with a claim, in a warm process."""
    scene.start(graph, execution_id)
    scene.claim("s0", execution_id=execution_id)
    scene.do(completion("s0", claimant=claimant()), execution_id=execution_id)
    before = calls(scene)
    with counted_round_trips(monkeypatch) as sent:
        command = completion("s1", claimant=claimant())
        (outcome,) = scene.do(command, execution_id=execution_id, lease_limit=1).outcomes
    after = calls(scene)
    assert outcome.receipt
    assert outcome.receipt.claimed == "s2"
    used = {name: after[name] - before.get(name, 0) for name in after if name != "info"}
    return len(sent), {name: count for name, count in used.items() if count}


@pytest.mark.parametrize("width", [1, 4], ids=["tasks of one", "tasks of four"])
def test_a_completion_with_a_claim_takes_two_round_trips_in_any_plan(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    small = cost(scene, monkeypatch, chain(100 // width, width), "small")
    scene.do(c.CancelExecution(**USER), execution_id="small")
    large = cost(scene, monkeypatch, chain(5000 // width, width), "large")
    assert small[0] == 2
    assert large == small


def test_looking_for_work_takes_one_round_trip(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.start(make_graph({"t": [step(f"s{number}") for number in range(1000)]}))
    with counted_round_trips(monkeypatch) as sent:
        assert scene.queued()
    assert len(sent) == 1
