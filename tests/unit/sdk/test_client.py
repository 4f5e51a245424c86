"""Requests: what is tried again, what is refused, what ends them."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

import pytest
from planexe_agent import (
    Backoff,
    Conflict,
    Interrupted,
    Invalid,
    NotFound,
    ServerRefused,
    StaleLease,
    Unauthorized,
    Unavailable,
)
from planexe_agent.client import Answer, Client
from planexe_agent.errors import refusal
from planexe_agent.task import lease_seconds
from tests.unit.sdk.protocol_server import USER_KEY, Fault, ProtocolServer

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL = {"wait": "50", "poll_id": "p", "instance": "i"}


@pytest.fixture
def client(server: ProtocolServer) -> Iterator[Client]:
    client = Client(server.url, USER_KEY, Backoff(0.01, 0.01))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("status", "problem", "kind"),
    [
        (400, {}, Invalid),
        (401, {}, Unauthorized),
        (403, {}, Unauthorized),
        (404, {}, NotFound),
        (409, {"type": "https://example.org/problems/terminal"}, Conflict),
        (409, {"type": "https://example.org/problems/stale-lease"}, StaleLease),
        (413, {}, Invalid),
        (422, {"errors": [{"field": "a"}]}, Invalid),
    ],
)
def test_status_below_500_becomes_the_error_that_fits(
    status: int, problem: dict[str, object], kind: type[ServerRefused]
) -> None:
    error = refusal(status, problem, "GET /x")
    assert type(error) is kind
    assert (error.status, error.problem) == (status, problem)
    assert str(error).startswith(f"GET /x: {status}")


def test_redirect_names_the_address_to_use(server: ProtocolServer, client: Client) -> None:
    moved = {"Location": "https://elsewhere"}
    server.faults.append(Fault("GET", "/work", status=301, headers=moved))
    with pytest.raises(ServerRefused, match="https://elsewhere"):
        client.send("GET", "/api/agents/a/work", params=POLL)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_impatient_request_is_tried_once(
    server: ProtocolServer, client: Client, status: int
) -> None:
    server.faults.append(Fault("GET", "/work", status, headers={"Retry-After": "7"}))
    with pytest.raises(Unavailable) as caught:
        client.send("GET", "/api/agents/a/work", params=POLL, patient=False)
    assert caught.value.retry_after_seconds == 7
    assert len(server.requests) == 1


@pytest.mark.parametrize("asked", ["999999999", "9" * 400])
def test_patience_has_an_end_whatever_is_asked_for(
    server: ProtocolServer, client: Client, asked: str
) -> None:
    server.faults.append(Fault("GET", "/work", 503, headers={"Retry-After": asked}))
    with pytest.raises(Unavailable) as caught:
        client.send("GET", "/api/agents/a/work", params=POLL, patient=False)
    assert caught.value.retry_after_seconds == 3600


def test_interrupt_ends_a_request_that_waits_for_its_answer(
    server: ProtocolServer, client: Client
) -> None:
    ended = threading.Event()

    def poll() -> None:
        with pytest.raises(Interrupted):
            client.send("GET", "/api/agents/a/work", params=POLL)
        ended.set()

    thread = threading.Thread(target=poll)
    thread.start()
    server.wait_for(lambda: server.requests, "the poll")
    client.interrupt()
    assert ended.wait(2)
    thread.join()


def test_interrupt_ends_a_wait_between_attempts(server: ProtocolServer, client: Client) -> None:
    ended = threading.Event()

    def poll() -> None:
        with pytest.raises(Interrupted):
            client.send("GET", "/api/agents/a/work", params=POLL)
        ended.set()

    server.faults.append(Fault("GET", "/work", 503, headers={"Retry-After": "60"}))
    thread = threading.Thread(target=poll)
    thread.start()
    server.wait_for(lambda: server.requests, "the refused poll")
    client.interrupt()
    assert ended.wait(2)
    thread.join()


def test_interrupted_client_sends_nothing_more(server: ProtocolServer, client: Client) -> None:
    client.interrupt()
    with pytest.raises(Interrupted):
        client.send("GET", "/api/agents/a/work", params=POLL)
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "", "ftp://host", "http://", "http://h:99999", "http://h:0", "http://["],
)
def test_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ValueError, match="no server address"):
        Client(url, "key")


def test_back_off_doubles_its_ceiling_up_to_the_cap_and_jitters_below() -> None:
    rounds = [Backoff(1.0, 8.0).delays() for _ in range(300)]
    for ceiling in (1.0, 2.0, 4.0, 8.0, 8.0):
        drawn = [next(delays) for delays in rounds]
        assert 0 <= min(drawn) < ceiling / 4
        assert ceiling * 3 / 4 < max(drawn) <= ceiling


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [
        ("2026-11-01T12:15:00Z", 900),
        ("2026-11-01T12:15:00.250000Z", 900.25),
        ("2026-11-01T11:00:00Z", 1),
        ("soon", 60),
        (None, 60),
    ],
)
def test_lease_time_goes_by_the_clock_of_the_server(expires_at: str | None, seconds: float) -> None:
    answer = Answer({}, dt.datetime(2026, 11, 1, 12, tzinfo=dt.timezone.utc))
    assert lease_seconds({"lease_expires_at": expires_at}, answer, 60) == seconds
    assert lease_seconds({"lease_expires_at": expires_at}, Answer({}, None), 60) == 60
