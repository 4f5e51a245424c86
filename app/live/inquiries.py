"""Inquiries: an agent asks how a task breaks down, and comes back for the answer."""

import datetime as dt
from typing import Any, Final

import redis

from app.live.keys import Keys
from app.live.scripts import translated

KEPT_FOR: Final = dt.timedelta(hours=1)


class Inquiries:
    """Questions and answers as bytes; both are gone an hour after the last of them came."""

    def __init__(self, client: redis.Redis, blocking: redis.Redis) -> None:
        self._client = client
        self._blocking = blocking

    def put(self, workspace_id: str, inquiry_id: str, question: bytes) -> None:
        """Keep a question."""
        self._set(Keys(workspace_id).inquiry(inquiry_id), "question", question)

    def get(self, workspace_id: str, inquiry_id: str) -> tuple[bytes | None, bytes | None]:
        """Give question and answer, as far as they are there."""
        with translated():
            found: Any = self._client.hmget(
                Keys(workspace_id).inquiry(inquiry_id), ["question", "answer"]
            )
        return found[0], found[1]

    def answer(self, workspace_id: str, inquiry_id: str, answer: bytes) -> None:
        """Keep an answer, and tell those who wait."""
        keys = Keys(workspace_id)
        self._set(keys.inquiry(inquiry_id), "answer", answer)
        pipeline = self._client.pipeline()
        pipeline.rpush(keys.answered(inquiry_id), "1")
        pipeline.expire(keys.answered(inquiry_id), KEPT_FOR)
        with translated():
            pipeline.execute()

    def wait(self, workspace_id: str, inquiry_id: str, seconds: float) -> None:
        """Wait until there is an answer, or the time is over."""
        key = Keys(workspace_id).answered(inquiry_id)
        blocking: Any = self._blocking  # Its types know whole seconds only.
        with translated():
            # Pushed back to the same list: whoever else waits is told as well.
            blocking.blmove(key, key, max(seconds, 0.001), "LEFT", "RIGHT")

    def _set(self, key: str, field: str, value: bytes) -> None:
        pipeline = self._client.pipeline()
        pipeline.hset(key, field, value)
        pipeline.expire(key, KEPT_FOR)
        with translated():
            pipeline.execute()
