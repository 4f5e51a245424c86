"""Acknowledgements that wait for a replica: a real one, frozen and thawed."""

import signal
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis

from app.embedded.ports import free_port
from app.embedded.valkey import _find_binary
from app.live.client import connect
from app.live.errors import LiveUnavailable, Unconfirmed
from app.live.executions import LiveExecutions
from app.live.scripts import Confirmation, Scripts
from tests.executions import EXECUTION, chain, completion

from ..stage import wait_until
from .scene import DELAYS, Scene


@pytest.fixture(scope="module")
def following(
    valkey_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[bytes]]:
    """A replica of the tests' Redis."""
    master = urlsplit(valkey_server)
    folder = tmp_path_factory.mktemp("replica")
    words = ["--port", str(free_port()), "--bind", "127.0.0.1", "--dir", str(folder)]
    words += ["--replicaof", f"{master.hostname} {master.port}", "--save", ""]
    words += ["--masterauth", master.password] if master.password else []
    with (
        redis.Redis.from_url(valkey_server) as client,
        subprocess.Popen([_find_binary(), *words], stdout=subprocess.DEVNULL) as process,
    ):
        client.config_set("repl-diskless-sync-delay", 0)
        try:
            wait_until("the replica follows", lambda: _follows(client), seconds=30)
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
        wait_until("the replica is gone", lambda: _replicas(client) == 0)


@pytest.fixture
def replica(
    following: subprocess.Popen[bytes], client: redis.Redis
) -> Iterator[subprocess.Popen[bytes]]:
    """A replica that has all of the test's Redis, and runs again after the test."""
    wait_until("the replica follows", lambda: _follows(client))
    yield following
    following.send_signal(signal.SIGCONT)


@pytest.fixture
def confirmed(scene: Scene) -> Scene:
    """A workspace whose commits wait for a replica, long enough for one that has just come."""
    return waiting(scene, milliseconds=5000)


def waiting(scene: Scene, milliseconds: int) -> Scene:
    scene.scripts = Scripts(scene.client, Confirmation(1, milliseconds))
    scene.live = LiveExecutions(scene.client, scene.scripts, DELAYS)
    return scene


def test_a_commit_is_acknowledged_once_the_replica_has_it(
    confirmed: Scene, replica: subprocess.Popen[bytes]
) -> None:
    confirmed.start(chain(2))
    confirmed.complete("s0")
    assert confirmed.verify().header.seq == 5


def test_a_repeat_gets_its_answer_only_once_the_replica_has_the_first(
    confirmed: Scene, replica: subprocess.Popen[bytes]
) -> None:
    confirmed.start(chain(2))
    confirmed.claim("s0")
    report = completion("s0")
    replica.send_signal(signal.SIGSTOP)
    waiting(confirmed, milliseconds=30)
    for _ in range(2):
        with pytest.raises(Unconfirmed, match="0 of 1 replicas"):
            confirmed.do(report)
    assert confirmed.whole().header.seq == 5

    replica.send_signal(signal.SIGCONT)
    outcome = wait_until("the answer", lambda: _answered(confirmed, report))

    assert outcome.repeated
    assert confirmed.verify().header.seq == 5


def test_creating_again_is_acknowledged_only_once_the_replica_has_the_first(
    confirmed: Scene, replica: subprocess.Popen[bytes]
) -> None:
    replica.send_signal(signal.SIGSTOP)
    waiting(confirmed, milliseconds=30)
    for _ in range(2):
        with pytest.raises(Unconfirmed):
            confirmed.start(chain(1))
    replica.send_signal(signal.SIGCONT)
    wait_until("the answer", lambda: _started(confirmed))
    assert confirmed.verify().header.seq == 2


def test_a_script_that_redis_forgot_is_sent_again_and_confirmed(
    confirmed: Scene, replica: subprocess.Popen[bytes]
) -> None:
    confirmed.client.script_flush()
    confirmed.start(chain(1))
    assert confirmed.verify().header.seq == 2


def test_a_commit_that_lost_its_race_needs_no_replica(scene: Scene) -> None:
    keys = waiting(scene, milliseconds=30).keys
    names = [keys.header(EXECUTION), *["k"] * 8]
    assert scene.scripts.commit("commit", names, [5, b"\x80", ""]) == -1


def test_without_replicas_nothing_waits(scene: Scene) -> None:
    scene.client.config_resetstat()
    scene.start(chain(1))
    scene.scripts.confirm(scene.keys.header(EXECUTION))
    assert "cmdstat_wait" not in scene.client.info("commandstats")


def test_a_redis_that_goes_away_meanwhile_is_unavailable() -> None:
    client = connect(f"redis://127.0.0.1:{free_port()}/0")
    scripts = Scripts(client, Confirmation(replicas=1))
    with pytest.raises(LiveUnavailable):
        scripts.confirm("k")
    client.close()


def _follows(client: redis.Redis) -> bool:
    pipeline = client.pipeline(transaction=False)
    pipeline.set("written", "", ex=1)
    pipeline.wait(1, 100)
    return pipeline.execute()[1] == 1


def _replicas(client: redis.Redis) -> int:
    return client.info("replication")["connected_slaves"]


def _answered(scene: Scene, report: object) -> object:
    try:
        return scene.one(report)  # type: ignore[arg-type]
    except Unconfirmed:
        return None


def _started(scene: Scene) -> object:
    try:
        return scene.start(chain(1))
    except Unconfirmed:
        return None
