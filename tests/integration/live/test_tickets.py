"""Tickets let in once."""

import redis

from app.live.keys import Keys
from app.live.tickets import TICKET_LIFE, Tickets
from tests.executions import WORKSPACE


def test_a_ticket_lets_its_holder_in_once(client: redis.Redis) -> None:
    tickets = Tickets(client)
    ticket = tickets.issue(WORKSPACE, b"user:1")
    assert tickets.redeem(ticket) == b"user:1"
    assert tickets.redeem(ticket) is None


def test_tickets_cannot_be_guessed_and_end_by_themselves(client: redis.Redis) -> None:
    tickets = Tickets(client)
    first, second = (tickets.issue(WORKSPACE, b"user:1") for _ in range(2))
    assert first != second
    assert first.startswith(f"{WORKSPACE}.")
    left = client.ttl(Keys(WORKSPACE).ticket(first))
    assert 0 < left <= TICKET_LIFE.total_seconds()


def test_what_is_no_ticket_lets_nobody_in(client: redis.Redis) -> None:
    tickets = Tickets(client)
    assert [tickets.redeem(one) for one in ("", "ws_1", "ws_1.guess", "ws_2.guess")] == [None] * 4
