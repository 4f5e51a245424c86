"""The way to the server: its answers, its refusals, its silence."""

import datetime as dt
from email.utils import format_datetime
from typing import Any

import pytest

from decomposer.errors import ModelBusy, ModelTooSlow, ModelUnusable
from tests.model_server import ModelServer, Reply

from .conftest import KEY, client_of

MESSAGES = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Well?"}]


def test_answer_comes_with_what_it_used(server: ModelServer) -> None:
    server.always(Reply("yes"))

    found = client_of(server).call(MESSAGES)

    assert found.text == "yes"
    assert (found.usage.input_tokens, found.usage.output_tokens, found.usage.calls) == (100, 20, 1)
    assert found.usage.cost_usd is None
    (call,) = server.calls
    assert call.key == KEY
    assert call.body["model"] == "test-model"
    assert call.body["response_format"]["json_schema"]["strict"] is True


def test_cost_is_counted_by_the_prices_set_else_as_the_server_says(server: ModelServer) -> None:
    server.always(Reply("yes", usage={"prompt_tokens": 1000, "completion_tokens": 10, "cost": 7}))

    by_price = client_of(server, prices=(3.0, 15.0)).call(MESSAGES).usage
    told = client_of(server).call(MESSAGES).usage

    assert by_price.cost_usd == pytest.approx(0.00315)
    assert told.cost_usd == 7


@pytest.mark.parametrize(
    "usage", [None, {}, [], "many", {"prompt_tokens": "many"}, {"prompt_tokens": -5}]
)
def test_missing_or_odd_usage_counts_as_nothing(server: ModelServer, usage: Any) -> None:
    server.always(Reply("yes", usage=usage))

    found = client_of(server).call(MESSAGES)

    assert (found.text, found.usage.input_tokens, found.usage.calls) == ("yes", 0, 1)


def test_silent_server_is_left_at_the_deadline(server: ModelServer) -> None:
    server.always(Reply(hangs=True))

    with pytest.raises(ModelTooSlow, match=r"0\.3 seconds"):
        client_of(server, deadline_seconds=0.3).call(MESSAGES)


def test_slow_drip_is_left_at_the_deadline_though_every_read_is_quick(server: ModelServer) -> None:
    server.always(Reply("yes " * 100, drips=True))

    with pytest.raises(ModelTooSlow):
        client_of(server, deadline_seconds=0.3).call(MESSAGES)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("86400", 600.0), ("soon", None), ("nan", None)],
)
def test_busy_server_says_when_to_come_back(
    server: ModelServer, header: str, seconds: float | None
) -> None:
    server.always(Reply("slow down", status=429, headers={"Retry-After": header}))

    with pytest.raises(ModelBusy, match="429") as caught:
        client_of(server).call(MESSAGES)

    assert caught.value.retry_after == seconds
    assert len(server.calls) == 1


def test_busy_server_may_name_a_date(server: ModelServer) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    header = {"Retry-After": format_datetime(later, usegmt=True)}
    server.always(Reply("slow down", status=503, headers=header))

    with pytest.raises(ModelBusy) as caught:
        client_of(server).call(MESSAGES)

    assert caught.value.retry_after == pytest.approx(30, abs=3)


@pytest.mark.parametrize("status", [408, 500, 502, 529])
def test_server_in_trouble_is_busy(server: ModelServer, status: int) -> None:
    server.always(Reply("oops", status=status))

    with pytest.raises(ModelBusy, match=str(status)):
        client_of(server).call(MESSAGES)


def test_server_that_is_not_there_is_busy() -> None:
    nowhere = ModelServer()
    nowhere.url = "http://127.0.0.1:1/v1"

    with pytest.raises(ModelBusy, match="cannot be reached"):
        client_of(nowhere).call(MESSAGES)


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_refused_request_is_told_without_the_key(server: ModelServer, status: int) -> None:
    server.always(Reply(f"no such model for {KEY}", status=status))

    with pytest.raises(ModelUnusable, match="no such model") as caught:
        client_of(server).call(MESSAGES)

    assert KEY not in str(caught.value)


def test_server_without_schemas_is_asked_in_words_and_remembered(server: ModelServer) -> None:
    server.takes_schema = False
    server.always(Reply("yes"))
    client = client_of(server)

    assert client.call(MESSAGES).text == "yes"
    assert client.call(MESSAGES).text == "yes"

    assert [call.structured for call in server.calls] == [True, False, False]
    told = server.calls[-1].body["messages"][0]["content"]
    assert "JSON Schema" in told
    assert '"needs_approval"' in told


def test_refusal_in_its_field_and_by_the_filter_are_told(server: ModelServer) -> None:
    server.next.append(Reply(None, refusal="I will not."))
    server.next.append(Reply("half of", finish_reason="content_filter"))

    assert client_of(server).call(MESSAGES).refusal == "I will not."
    assert "filter" in client_of(server).call(MESSAGES).refusal


@pytest.mark.parametrize(
    "raw", [b"<html>", b"{}", b'{"choices": []}', b'{"choices": [', b"[" * 9999]
)
def test_what_is_no_chat_completion_is_told(server: ModelServer, raw: bytes) -> None:
    server.always(Reply(raw=raw))

    with pytest.raises(ModelUnusable, match="no chat completion"):
        client_of(server).call(MESSAGES)


def test_endless_answer_is_cut_off(server: ModelServer) -> None:
    server.always(Reply(raw=b" " * 4_000_001))

    with pytest.raises(ModelUnusable, match="longer than"):
        client_of(server).call(MESSAGES)
