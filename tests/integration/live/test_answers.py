"""Answers by Idempotency-Key."""

import redis

from app.live.answers import ANSWER_LIFE, RESERVED_FOR, StoredAnswer, StoredAnswers
from app.live.keys import Keys
from tests.executions import WORKSPACE

USER, KEY = "user:1", "k1"
ANSWER = StoredAnswer("h1", 201, "application/json", b'{"a": "\xc3\xbc"}')


def life(client: redis.Redis) -> int:
    return client.ttl(Keys(WORKSPACE).idempotency(USER, KEY))


def test_the_first_may_go_on_and_others_see_that_it_is_under_way(client: redis.Redis) -> None:
    answers = StoredAnswers(client)
    assert answers.begin(WORKSPACE, USER, KEY, "h1") is None
    found = answers.begin(WORKSPACE, USER, KEY, "h2")
    assert found == StoredAnswer("h1", status=0)
    assert 0 < life(client) <= RESERVED_FOR.total_seconds()


def test_a_repeat_gets_the_answer_that_was_kept(client: redis.Redis) -> None:
    answers = StoredAnswers(client)
    answers.begin(WORKSPACE, USER, KEY, "h1")
    answers.keep(WORKSPACE, USER, KEY, ANSWER)
    assert answers.begin(WORKSPACE, USER, KEY, "h1") == ANSWER
    assert RESERVED_FOR.total_seconds() < life(client) <= ANSWER_LIFE.total_seconds()


def test_a_reservation_is_renewed_and_an_answer_is_not(client: redis.Redis) -> None:
    answers = StoredAnswers(client)
    answers.begin(WORKSPACE, USER, KEY, "h1")
    client.expire(Keys(WORKSPACE).idempotency(USER, KEY), 2)
    answers.renew(WORKSPACE, USER, KEY)
    assert life(client) > 2
    answers.keep(WORKSPACE, USER, KEY, ANSWER)
    answers.renew(WORKSPACE, USER, KEY)
    assert life(client) > RESERVED_FOR.total_seconds()


def test_renewing_reserves_nothing_that_is_free(client: redis.Redis) -> None:
    answers = StoredAnswers(client)
    answers.renew(WORKSPACE, USER, KEY)
    assert answers.begin(WORKSPACE, USER, KEY, "h1") is None


def test_a_failed_request_may_be_tried_again_with_its_key(client: redis.Redis) -> None:
    answers = StoredAnswers(client)
    answers.begin(WORKSPACE, USER, KEY, "h1")
    answers.forget(WORKSPACE, USER, KEY)
    assert answers.begin(WORKSPACE, USER, KEY, "h2") is None


def test_the_same_key_of_another_is_another_key(client: redis.Redis) -> None:
    answers = StoredAnswers(client)
    answers.begin(WORKSPACE, USER, KEY, "h1")
    assert answers.begin(WORKSPACE, "user:2", KEY, "h1") is None
    assert answers.begin("ws_2", USER, KEY, "h1") is None


def test_an_answer_that_ran_out_just_now_counts_as_none(client: redis.Redis) -> None:
    answers = StoredAnswers(client)
    answers.begin(WORKSPACE, USER, KEY, "h1")

    class Expiring:
        def set(self, *_: object, **__: object) -> None:
            client.delete(Keys(WORKSPACE).idempotency(USER, KEY))

        get = client.get

    assert StoredAnswers(Expiring()).begin(WORKSPACE, USER, KEY, "h1") is None  # pyright: ignore[reportArgumentType]
