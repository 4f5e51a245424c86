"""Locks between processes."""

import datetime as dt

import redis

from app.live.keys import Keys
from app.live.locks import Locks
from tests.executions import WORKSPACE

LIFE = dt.timedelta(seconds=15)


def test_a_lock_is_taken_by_one_until_it_is_given_back(client: redis.Redis) -> None:
    locks = Locks(client)
    assert locks.take(WORKSPACE, "persist", LIFE)
    assert not Locks(client).take(WORKSPACE, "persist", LIFE)
    assert locks.take(WORKSPACE, "sweep", LIFE)
    assert locks.take("ws_2", "persist", LIFE)
    locks.release(WORKSPACE, "persist")
    assert locks.take(WORKSPACE, "persist", LIFE)


def test_a_lock_ends_by_itself(client: redis.Redis) -> None:
    Locks(client).take(WORKSPACE, "persist", LIFE)
    assert 0 < client.pttl(Keys(WORKSPACE).lock("persist")) <= 15_000
