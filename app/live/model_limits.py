"""What all workers together may ask of the model: so many calls at once, so many in a minute."""

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Generator
from typing import Final

import redis

from app.live.errors import LiveUnavailable
from app.live.keys import MODEL_CALLS, MODEL_PAUSE, MODEL_STARTS
from app.live.scripts import Scripts, translated

logger = logging.getLogger(__name__)

_SHORTEST_PAUSE: Final = dt.timedelta(milliseconds=1)

LIFE: Final = dt.timedelta(seconds=10)
"""How long a call counts that is not kept: that of a killed worker frees its place so soon."""


class ModelLimits:
    """The places for calls to the model, and its server's wish to be left alone."""

    def __init__(
        self,
        client: redis.Redis,
        scripts: Scripts,
        most: int,
        per_minute: int,
        life: dt.timedelta = LIFE,
    ) -> None:
        """Keep the limits.

        Args:
            client: Of the Redis that all workers share.
            scripts: Of the same.
            most: Calls at once.
            per_minute: Calls that begin in a minute; 0 for any number.
            life: How long a call counts that is not kept.
        """
        self._client = client
        self._scripts = scripts
        self._limits = (most, per_minute, int(life.total_seconds() * 1000))
        self._life = life

    def admit(self, call: str) -> dt.timedelta:
        """Let a call begin, or tell how long to wait before asking again: zero where it may."""
        keys = [MODEL_CALLS, MODEL_STARTS, MODEL_PAUSE]
        wait = self._scripts.run("admit", keys, [call, *self._limits])
        return dt.timedelta(milliseconds=wait)

    @contextlib.contextmanager
    def kept(self, call: str) -> Generator[None]:
        """Keep the place of a call while a block runs, and give it back."""
        ended = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(call, ended), name="place", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()
            self.leave(call)

    def _keep(self, call: str, ended: threading.Event) -> None:
        while not ended.wait(self._life.total_seconds() / 3):
            try:
                self._scripts.run("keep", [MODEL_CALLS], [call, self._limits[2]])
            except LiveUnavailable:
                logger.warning("model: a place could not be kept; the next try follows")

    def leave(self, call: str) -> None:
        """Give the place of a call back."""
        with translated():
            self._client.zrem(MODEL_CALLS, call)

    def pause(self, seconds: float) -> None:
        """Let nobody begin for a time."""
        life = max(dt.timedelta(seconds=seconds), _SHORTEST_PAUSE)
        with translated():
            self._client.set(MODEL_PAUSE, "1", px=life)
