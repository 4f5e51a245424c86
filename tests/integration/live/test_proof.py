"""What follows from a state in Redis: found complete after every commit, and missed when gone."""

import datetime as dt
import random

import pytest

from app.live.proof import ProofReader, compare
from tests.executions import EXECUTION, WORKSPACE
from tests.walk import draw_command, varied

from .scene import Scene


def differences(scene: Scene) -> list[str]:
    state = scene.whole()
    reading = ProofReader(scene.client).read(WORKSPACE, EXECUTION, state.graph)
    assert reading
    assert reading.there is not None
    assert reading.stored.header == state.header
    return [one.what for one in compare(state, reading)]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_missed_whatever_happened(scene: Scene, seed: int) -> None:
    rng = random.Random(seed)
    scene.start(varied(2))
    done = 0
    for number in range(120):
        scene.now += dt.timedelta(seconds=rng.randrange(300))
        command = draw_command(
            scene.whole(), scene.now, rng.randrange, f"{number}", ends=number > 60
        )
        done += scene.one(command).refusal is None
        if number % 10 == 0:
            scene.sweep()
        assert differences(scene) == [], command
    assert done > 5


@pytest.mark.parametrize("seed", range(4))
def test_every_timer_and_place_that_is_lost_is_missed(scene: Scene, seed: int) -> None:
    rng = random.Random(seed)
    scene.start(varied(2))
    for number in range(30):
        scene.one(draw_command(scene.whole(), scene.now, rng.randrange, f"{number}", ends=False))
    timers = [name for name in scene.timed() if not name.startswith("offline")]
    for name in timers:
        score = scene.client.zscore(scene.keys.timers, name)
        assert score
        scene.client.zrem(scene.keys.timers, name)
        kind, _, subtask_id = name.split("|")
        assert differences(scene) == [f"timer {kind} of {subtask_id or 'the execution'}"]
        scene.client.zadd(scene.keys.timers, {name: score})
    for key in (scene.keys.places(EXECUTION), scene.keys.blockers):
        for field, value in scene.client.hgetall(key).items():
            scene.client.hdel(key, field)
            assert len(differences(scene)) == 1
            scene.client.hset(key, field, value)
    assert differences(scene) == []


def test_executions_in_redis_are_named_once(scene: Scene) -> None:
    graph = varied()
    for one in ("exec_a", "exec_b"):
        scene.start(graph, one)
    scene.client.set("ax:{ws_10}:x:exec_c", "another workspace")

    assert ProofReader(scene.client).names(WORKSPACE) == ["exec_a", "exec_b"]
