"""Timers: when a state has to be looked at again, set in the commit that entered the state."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from app.live.change import milliseconds
from app.live.keys import TIMER_SEPARATOR, Keys
from app.live.scripts import Scripts, translated


class Timer(msgspec.Struct, frozen=True):
    """A due timer.

    ``kind`` is lease, delay or timeout of a subtask; limit or retire of an execution; or offline,
    with the agent's id in the place of the execution's.
    """

    name: str
    kind: str
    execution_id: str
    subtask_id: str
    due_at: dt.datetime


class Timers:
    """The timers of all workspaces."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def due(self, workspace_id: str, now: dt.datetime, most: int) -> Sequence[Timer]:
        """Name what is due, longest due first."""
        with translated():
            found: Any = self._client.zrange(
                Keys(workspace_id).timers,
                "-inf",  # pyright: ignore[reportArgumentType]
                milliseconds(now),
                byscore=True,
                offset=0,
                num=most,
                withscores=True,
            )
        return [_timer(name.decode(), score) for name, score in found]

    def with_due(self, workspace_ids: Sequence[str], now: dt.datetime) -> list[str]:
        """Name those of the workspaces in which something is due, in one round trip."""
        pipeline = self._client.pipeline(transaction=False)
        for one in workspace_ids:
            pipeline.zcount(Keys(one).timers, "-inf", milliseconds(now))
        with translated():
            found: list[int] = pipeline.execute()
        return [one for one, due in zip(workspace_ids, found, strict=True) if due]

    def drop(self, workspace_id: str, due: Timer, now: dt.datetime) -> None:
        """Drop a timer that guards nothing any more, unless it has been set anew since."""
        keys = [Keys(workspace_id).timers]
        self._scripts.run("drop_due", keys, [due.name, milliseconds(now)])

    def put_back(self, workspace_id: str, due: Sequence[Timer], now: dt.datetime) -> None:
        """Put timers that are still set behind all others that are due now."""
        if due:
            behind = {one.name: milliseconds(now) + 1 for one in due}
            with translated():
                self._client.zadd(Keys(workspace_id).timers, behind, xx=True, gt=True)


def _timer(name: str, score: float) -> Timer:
    kind, execution_id, subtask_id = name.split(TIMER_SEPARATOR, 2)
    return Timer(
        name, kind, execution_id, subtask_id, dt.datetime.fromtimestamp(score / 1000, dt.UTC)
    )
