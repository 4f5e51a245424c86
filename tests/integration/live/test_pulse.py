"""Redis' time and room, as every process follows them."""

import datetime as dt
import socket
import time
from collections.abc import Iterator

import pytest
import redis

from app.live import pulse as pulse_module
from app.live.client import connect
from app.live.pulse import Pulse

from ..stage import wait_until

SECOND = dt.timedelta(seconds=1)


class Steady:
    """A steady clock that moves as it is told, or by a step with each look."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 100.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def away() -> Iterator[redis.Redis]:
    """A client of a Redis that is not there."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        client = connect(f"redis://127.0.0.1:{reserved.getsockname()[1]}/0")
        yield client
        client.close()


def redis_time(client: redis.Redis) -> dt.datetime:
    seconds, microseconds = client.time()
    return dt.datetime.fromtimestamp(seconds + microseconds / 1e6, dt.UTC)


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_the_time_is_that_of_redis_whatever_the_machine_says(
    client: redis.Redis, minutes: int
) -> None:
    pulse = Pulse(client, machine=lambda: time.time() + minutes * 60)
    before = redis_time(client)
    now = pulse.now()
    assert before - SECOND / 10 <= now <= redis_time(client) + SECOND / 10


def test_the_time_goes_on_while_redis_is_away(client: redis.Redis, away: redis.Redis) -> None:
    steady = Steady()
    pulse = Pulse(client, steady)
    begun = pulse.now()
    pulse._client = away
    steady.now += 30
    pulse.measure()
    assert pulse.now() == begun + 30 * SECOND


def test_without_redis_the_machine_s_time_serves_until_it_answers(
    client: redis.Redis, away: redis.Redis
) -> None:
    pulse = Pulse(away, machine=lambda: time.time() + 600)
    assert pulse.now() > redis_time(client) + 500 * SECOND
    pulse._client = client
    pulse.measure()
    assert abs(pulse.now() - redis_time(client)) < SECOND


def test_the_time_never_goes_back(client: redis.Redis) -> None:
    steady = Steady()
    pulse = Pulse(client, steady)
    first = pulse.now()
    steady.now -= 60
    assert pulse.now() == first
    steady.now += 61
    assert pulse.now() == first + SECOND


def test_half_of_the_round_trip_counts_as_the_way_back(client: redis.Redis) -> None:
    steady = Steady(step=0.4)
    pulse = Pulse(client, steady)
    pulse.measure()
    told = pulse._sample
    assert told.steady == pytest.approx(steady.now - 0.2)


def test_a_slow_answer_tells_nothing_of_the_time(client: redis.Redis) -> None:
    steady = Steady()
    pulse = Pulse(client, steady)
    pulse.measure()
    known = pulse._sample
    steady.step = 1.1
    pulse.measure()
    assert pulse._sample is known


def test_the_share_is_that_of_the_limit_or_of_the_machine(client: redis.Redis) -> None:
    pulse = Pulse(client)
    assert pulse.share() == 0
    pulse.measure()
    assert 0 < pulse.share() < 0.5
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", client.info("memory")["used_memory"] * 2)
    try:
        pulse.measure()
    finally:
        client.config_set("maxmemory", before)
    assert pulse.share() == pytest.approx(0.5, abs=0.1)


def test_a_thread_keeps_measuring_until_it_is_stopped(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse_module, "EVERY", dt.timedelta(milliseconds=5))
    pulse = Pulse(client)
    pulse.start()
    first = pulse._sample
    wait_until("another measurement", lambda: pulse._sample is not first)
    pulse.stop()
