"""What a run leaves behind is found on the real servers."""

import psycopg
import pytest
import redis

from tests.chaos.proof import orphan_keys, stray_tables

from ..stage import Stage


def test_installation_that_works_has_nothing_stray(
    stage: Stage, database_url: str, redis_url: str
) -> None:
    stage.agent()

    assert stray_tables(database_url) == []
    assert orphan_keys(redis_url) == []


def test_table_of_nobody_is_found(stage: Stage, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE execution_events_left (id int)")
        try:
            assert stray_tables(database_url) == ["execution_events_left"]
        finally:
            connection.execute("DROP TABLE execution_events_left")


@pytest.mark.parametrize(
    "key", ["ax:{default}:x:exec_1", "ax:{default}:work:agent_1", "ax:{default}:g:1", "strange"]
)
def test_key_that_outlived_its_execution_is_found(redis_url: str, key: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set(key, "1")
        client.set("ax:{default}:ticket:t", "1", ex=60)
        client.hset("ax:{default}:agent:a", "last_contact_at", "1")
        client.zadd("ax:{default}:timers", {"offline|a|": 1})

    assert orphan_keys(redis_url) == [key]


def test_timer_that_outlived_its_execution_is_found(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.zadd("ax:{default}:timers", {"lease|exec_1|t": 1})

    assert orphan_keys(redis_url) == ["the timer lease|exec_1|t"]
