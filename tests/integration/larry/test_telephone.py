"""The telephone and its twin keep the same promises."""

from typing import Any, Protocol

import pytest
from larry import settings
from larry.connectors import TwilioTelephone
from larry.notebook import Notebook
from larry.ports import Call, Refused, Telephone, Unreachable
from larry.simulated import Pace, SimulatedTelephone

from .conftest import Town, TurnedTime
from .provider import Provider, Said
from .twilio_server import ACCOUNT, TOKEN, Twilio

CAROL = "+15550101"


class Exchange(Protocol):
    """A way to call, and the people at its other end."""

    def telephone(self, notebook: Notebook) -> Telephone:
        """Take up the telephone, as after a start of Larry."""
        ...

    def will_end(self, to: str, status: str, transcript: str = "") -> None:
        """Say how the next call to a number ends."""
        ...

    def let_calls_end(self) -> None:
        """Let time pass until all calls are over."""
        ...

    def dialled(self) -> list[str]:
        """Name the numbers that were dialled, in order."""
        ...


class SimulatedExchange:
    def __init__(self, town: Town, pace: Pace, time_passes: TurnedTime) -> None:
        self._town, self._pace, self._time = town, pace, time_passes

    def telephone(self, notebook: Notebook) -> Telephone:
        return SimulatedTelephone(self._town, notebook, self._pace)

    def will_end(self, to: str, status: str, transcript: str = "") -> None:
        self._town.calls[to] = Call("", to, status, 90, transcript)

    def let_calls_end(self) -> None:
        self._time.now += 9

    def dialled(self) -> list[str]:
        return self._town.asked


class TwilioExchange:
    def __init__(self, provider: Provider) -> None:
        self._provider, self._twilio = provider, Twilio()
        self._coming: dict[str, dict[str, Any]] = {}
        provider.answer = self._twilio.answer

    def telephone(self, notebook: Notebook) -> Telephone:
        return TwilioTelephone(settings_of(self._provider), notebook)

    def will_end(self, to: str, status: str, transcript: str = "") -> None:
        said = {"transcript": transcript} if transcript else {}
        self._coming[to] = {"status": status, "duration": "90", **said}

    def let_calls_end(self) -> None:
        self._twilio.ends.update(self._coming)

    def dialled(self) -> list[str]:
        return [call["to"] for call in self._twilio.calls.values()]


def settings_of(provider: Provider) -> settings.Settings:
    given = {
        "telephone": "twilio",
        "twilio_url": provider.url,
        "twilio_account": ACCOUNT,
        "twilio_token": TOKEN,
        "twilio_from": "+15550100",
    }
    return settings.read(given, environment={})


@pytest.fixture(params=["simulated", "twilio"])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    if request.param == "twilio":
        return TwilioExchange(request.getfixturevalue("provider"))
    names = ("town", "pace", "time_passes")
    return SimulatedExchange(*(request.getfixturevalue(name) for name in names))


class TestTelephone:
    def test_call_goes_from_under_way_to_what_was_said(
        self, exchange: Exchange, notebook: Notebook
    ) -> None:
        exchange.will_end(CAROL, "completed", "Yes, tell me more.")
        telephone = exchange.telephone(notebook)
        begun = telephone.dial(CAROL, "Hello Carol", "key")
        assert begun.status in ("queued", "ringing", "in-progress")
        assert begun.transcript == ""

        exchange.let_calls_end()
        ended = telephone.look(begun.call_id)
        assert (ended.status, ended.duration_seconds) == ("completed", 90)
        assert ended.transcript == "Yes, tell me more."
        assert ended.to == CAROL

    @pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
    def test_call_that_nobody_takes_ends_without_words(
        self, exchange: Exchange, notebook: Notebook, status: str
    ) -> None:
        exchange.will_end(CAROL, status)
        telephone = exchange.telephone(notebook)
        call = telephone.dial(CAROL, "Hello", "key")
        exchange.let_calls_end()
        ended = telephone.look(call.call_id)
        assert (ended.status, ended.transcript) == (status, "")

    def test_same_key_is_the_same_call_even_after_a_restart(
        self, exchange: Exchange, notebook: Notebook
    ) -> None:
        first = exchange.telephone(notebook).dial(CAROL, "Hello", "key")
        again = exchange.telephone(notebook).dial(CAROL, "Hello", "key")
        other = exchange.telephone(notebook).dial(CAROL, "Hello", "other key")
        assert first.call_id == again.call_id != other.call_id
        assert exchange.dialled() == [CAROL, CAROL]

    def test_unknown_call_is_refused(self, exchange: Exchange, notebook: Notebook) -> None:
        with pytest.raises(Refused):
            exchange.telephone(notebook).look("CAnone")


@pytest.fixture
def twilio(provider: Provider) -> Twilio:
    twilio = Twilio()
    provider.answer = twilio.answer
    return twilio


@pytest.fixture
def telephone(provider: Provider, notebook: Notebook) -> TwilioTelephone:
    return TwilioTelephone(settings_of(provider), notebook)


def test_call_whose_answer_was_lost_is_found_and_not_made_again(
    telephone: TwilioTelephone, provider: Provider, twilio: Twilio
) -> None:
    def made_but_not_told(asked: Any) -> Said:
        twilio.answer(asked)
        return Said(502, {})

    provider.answer = made_but_not_told
    with pytest.raises(Unreachable):
        telephone.dial(CAROL, "Hello", "key")
    provider.answer = twilio.answer

    call = telephone.dial(CAROL, "Hello", "key")
    assert list(twilio.calls) == [call.call_id]


def test_call_is_under_way_until_it_is_written_down(
    telephone: TwilioTelephone, twilio: Twilio
) -> None:
    twilio.ends[CAROL] = {"status": "completed", "duration": "5", "transcript": "Yes."}
    twilio.transcribing = True
    call = telephone.dial(CAROL, "Hello", "key")
    assert call.status == "in-progress"
    twilio.transcribing = False
    ended = telephone.look(call.call_id)
    assert ended.transcript == "Yes."
    assert ended.recording_url.endswith(".mp3")


def test_script_cannot_give_twilio_orders(telephone: TwilioTelephone, twilio: Twilio) -> None:
    telephone.dial(CAROL, "Hi</Say><Dial>+1900</Dial><Say> & bye", "key")
    [call] = twilio.calls.values()
    assert "<Dial>" not in call["twiml"]


def test_refusal_says_why_and_hides_the_token(telephone: TwilioTelephone, twilio: Twilio) -> None:
    with pytest.raises(Refused, match="is not valid") as refused:
        telephone.dial("12", "Hello", "key")
    assert TOKEN not in str(refused.value)
    assert twilio.calls == {}


@pytest.mark.parametrize("fault", [None, Said(503, {}), Said(429, {}), Said(200, b"<html>")])
def test_fault_of_the_provider_is_worth_another_attempt(
    telephone: TwilioTelephone, provider: Provider, twilio: Twilio, fault: Said | None
) -> None:
    provider.faults = [fault]
    with pytest.raises(Unreachable):
        telephone.look("CA1")
