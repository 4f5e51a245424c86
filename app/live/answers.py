"""Answers to requests that carried an ``Idempotency-Key``, so that a repeat gets the same."""

import datetime as dt
from typing import Any, Final

import msgspec
import redis

from app.live.keys import Keys
from app.live.scripts import translated

RESERVED_FOR: Final = dt.timedelta(seconds=10)
"""How long a key stays taken whose process has died; one that lives renews it meanwhile."""

ANSWER_LIFE: Final = dt.timedelta(hours=24)


class StoredAnswer(msgspec.Struct, frozen=True):
    """The answer to a POST with an ``Idempotency-Key``; ``status`` 0 while it is being made."""

    body_hash: str
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    location: str = ""


class StoredAnswers:
    """Answers by ``Idempotency-Key``, kept for a day."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def begin(self, workspace_id: str, owner: str, key: str, body_hash: str) -> StoredAnswer | None:
        """Reserve a key; give what is stored where it was used before."""
        name = Keys(workspace_id).idempotency(owner, key)
        mine = msgspec.msgpack.encode(StoredAnswer(body_hash))
        with translated():
            if self._client.set(name, mine, nx=True, ex=RESERVED_FOR):
                return None
            found: Any = self._client.get(name)
        return msgspec.msgpack.decode(found, type=StoredAnswer) if found else None

    def renew(self, workspace_id: str, owner: str, key: str) -> None:
        """Reserve a key for longer; one whose answer is there, or that is free, stays as it is."""
        name = Keys(workspace_id).idempotency(owner, key)
        with translated():
            self._client.expire(name, RESERVED_FOR, gt=True)

    def made_id(self, workspace_id: str, owner: str, key: str, proposed: str) -> str:
        """Give the id of what a request makes: that of its first try, also after a lost answer."""
        name = Keys(workspace_id).made(owner, key)
        with translated():
            self._client.set(name, proposed, nx=True, ex=ANSWER_LIFE)
            found: Any = self._client.get(name)
        return found.decode() if found else proposed

    def keep(self, workspace_id: str, owner: str, key: str, answer: StoredAnswer) -> None:
        """Keep an answer for repeats."""
        name = Keys(workspace_id).idempotency(owner, key)
        with translated():
            self._client.set(name, msgspec.msgpack.encode(answer), ex=ANSWER_LIFE)

    def forget(self, workspace_id: str, owner: str, key: str) -> None:
        """Free a key whose request failed, so that it can be tried again."""
        with translated():
            self._client.delete(Keys(workspace_id).idempotency(owner, key))
