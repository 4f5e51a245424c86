"""The way to a server that speaks OpenAI's chat completions: OpenRouter, Ollama, LM Studio, vLLM.

The SDK's ``timeout`` counts from one read to the next, so a slow drip would never end: the whole
call runs under one deadline, and is cancelled wherever it stands. The SDK repeats nothing: a call
that waits to be repeated would hold one of the places that all workers share.
"""

import asyncio
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import isfinite, nan
from typing import Any, Final

import msgspec
import openai

from decomposer.errors import ModelBusy, ModelTooSlow, ModelUnusable
from decomposer.model.answer import SCHEMA
from decomposer.model.exchange import Completion, Usage
from decomposer.model.prompt import plain

MOST_BYTES: Final = 4_000_000
_SHOWN: Final = 200
_LONGEST_RETRY_AFTER: Final = 600.0
_TAKES_NO_SCHEMA: Final = frozenset({400, 404, 415, 422, 501})
"""With one of these a server refuses ``response_format``; it is asked once more without."""

_NO_KEY: Final = "none"
_FORMAT: Final = {
    "type": "json_schema",
    "json_schema": {"name": "breakdown", "strict": True, "schema": SCHEMA},
}

Messages = Sequence[dict[str, str]]


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Counted(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None


class _Completed(msgspec.Struct):
    choices: list[_Choice]
    usage: Any = None


class ModelClient:
    """One model of one server. Threads may share it."""

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key: str | None,
        deadline_seconds: float,
        prices: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Keep what each call needs.

        Args:
            model: As its server names it.
            base_url: Of the server, up to and without ``/chat/completions``.
            api_key: None for servers that ask for none.
            deadline_seconds: For a whole call.
            prices: US dollars for a million tokens read and written; both 0: as the server says.
        """
        self.model = model
        self._base_url = base_url
        self._api_key = api_key or _NO_KEY
        self._deadline = deadline_seconds
        self._prices = prices
        self._takes_schema = True

    def call(self, messages: Messages) -> Completion:
        """Ask once; nothing is repeated here but a request that was refused for its schema.

        Raises:
            ModelBusy: 429, 5xx, or no connection.
            ModelTooSlow: The deadline is over.
            ModelUnusable: It refuses, or speaks another protocol.
        """
        try:
            return asyncio.run(asyncio.wait_for(self._call(messages), self._deadline))
        except (TimeoutError, openai.APITimeoutError) as error:
            raise ModelTooSlow(f"No whole answer within {self._deadline:g} seconds.") from error
        except openai.APIStatusError as error:
            raise self._refused(error) from error
        except openai.APIConnectionError as error:
            raise ModelBusy("The model's server cannot be reached.") from error
        except openai.OpenAIError as error:
            raise ModelUnusable(self._told(error)) from error

    async def _call(self, messages: Messages) -> Completion:
        # A client for each call, since each call has an event loop of its own.
        async with openai.AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            max_retries=0,
            timeout=self._deadline,
        ) as client:
            if self._takes_schema:
                try:
                    return self._completion(await _send(client, self._request(messages, True)))
                except openai.APIStatusError as error:
                    if error.status_code not in _TAKES_NO_SCHEMA:
                        raise
            answered = self._completion(await _send(client, self._request(messages, False)))
            self._takes_schema = False
            return answered

    def _request(self, messages: Messages, structured: bool) -> dict[str, Any]:
        if structured:
            return {"model": self.model, "messages": messages, "response_format": _FORMAT}
        return {"model": self.model, "messages": plain(messages)}

    def _completion(self, body: bytes) -> Completion:
        try:
            found = msgspec.json.decode(body, type=_Completed)
            choice = found.choices[0]
        except (msgspec.DecodeError, RecursionError, IndexError) as error:
            told = "The server's answer is no chat completion: check the base URL."
            raise ModelUnusable(told) from error
        refusal = choice.message.refusal or ""
        if choice.finish_reason == "content_filter":
            refusal = refusal or "the server's content filter stopped it"
        return Completion(choice.message.content or "", self._usage(found.usage), refusal)

    def _usage(self, told: Any) -> Usage:
        """Count what a call used; a server that says nothing, or nonsense, counts as nothing."""
        try:
            counted = msgspec.convert(told or {}, _Counted)
        except msgspec.ValidationError:
            counted = _Counted()
        taken = max(0, counted.prompt_tokens or 0), max(0, counted.completion_tokens or 0)
        return Usage(self.model, *taken, cost_usd=self._cost(*taken, counted.cost), calls=1)

    def _cost(self, taken: int, given: int, told: float | None) -> float | None:
        if not any(self._prices):
            return max(0.0, told) if told is not None else None
        return (taken * self._prices[0] + given * self._prices[1]) / 1_000_000

    def _refused(self, error: openai.APIStatusError) -> ModelBusy | ModelUnusable:
        status = error.status_code
        if status in (408, 409, 425, 429) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            told = f"The model's server answered {status}."
            return ModelBusy(told, _retry_after(error.response.headers.get("retry-after")))
        return ModelUnusable(f"The model's server answered {status}: {self._told(error)}")

    def _told(self, error: Exception) -> str:
        return str(error).replace(self._api_key, "***")[:_SHOWN]


async def _send(client: openai.AsyncOpenAI, request: dict[str, Any]) -> bytes:
    """Send a request and read its answer, so much of it that no server can fill the memory."""
    body = bytearray()
    create: Any = client.chat.completions.with_streaming_response.create
    async with create(**request) as response:
        async for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ModelUnusable(f"The server's answer is longer than {MOST_BYTES} bytes.")
    return bytes(body)


def _retry_after(header: str | None) -> float | None:
    """Read seconds or a date; nonsense means that no time was named."""
    try:
        seconds = float(header or "")
    except ValueError:
        seconds = _seconds_until(header or "")
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER) if isfinite(seconds) else None


def _seconds_until(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return nan
