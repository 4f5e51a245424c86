"""What has to happen by itself: due timers are carried out, ended executions are put away."""

import datetime as dt
import logging
import random
from typing import Final

from app.domain import commands as c
from app.live.errors import NotLive
from app.live.executions import LiveExecutions
from app.live.timers import Timer, Timers
from app.record.executions import Executions
from app.record.history import History
from app.services.clock import Clock

logger = logging.getLogger(__name__)

MOST: Final = 500
"""Due timers per sweep; the next sweep goes on."""


class UpkeepService:
    """Hands due timers to ``decide`` as commands. Several sweeps at once do no harm."""

    def __init__(
        self,
        live: LiveExecutions,
        timers: Timers,
        executions: Executions,
        history: History,
        clock: Clock,
    ) -> None:
        self._live = live
        self._timers = timers
        self._executions = executions
        self._history = history
        self._clock = clock

    def sweep(self, workspace_id: str) -> int:
        """Carry out every due timer of a workspace; give their number."""
        now = self._clock()
        due = self._timers.due(workspace_id, now, MOST)
        for timer in due:
            try:
                self._handle(workspace_id, timer, now)
            except NotLive:
                self._timers.drop(workspace_id, timer, now)
        return len(due)

    def _handle(self, workspace_id: str, timer: Timer, now: dt.datetime) -> None:
        if timer.kind == "retire":
            self._retire(workspace_id, timer)
            return
        command = self._command(workspace_id, timer)
        if command is not None:
            guard = (timer.name, now)
            result = self._live.execute(workspace_id, timer.execution_id, [command], now, due=guard)
            if result.outcomes[0].refusal is None:
                return
        self._timers.drop(workspace_id, timer, now)

    def _command(self, workspace_id: str, timer: Timer) -> c.Command | None:
        if timer.kind == "delay":
            return c.EndDelay(subtask_id=timer.subtask_id)
        state = self._live.part(workspace_id, timer.execution_id, [timer.subtask_id])
        subtask = state.subtasks.get(timer.subtask_id)
        if subtask is None or subtask.lease is None:
            return None
        jitter = random.random()  # noqa: S311 - spreads back-off, keeps no secret
        return c.ExpireLease(
            subtask_id=timer.subtask_id, lease_token=subtask.lease.token, jitter=jitter
        )

    def _retire(self, workspace_id: str, timer: Timer) -> None:
        """Put an ended execution away, once the record has all of it."""
        header = self._live.header(workspace_id, timer.execution_id)
        recorded = self._executions.get(workspace_id, timer.execution_id)
        complete = recorded is not None and recorded.seq == header.seq
        if complete and self._history.last_seq(timer.execution_id) == header.seq:
            self._live.retire(workspace_id, header)
            logger.info("execution retired", extra={"execution_id": timer.execution_id})
