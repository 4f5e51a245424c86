"""What has to happen by itself: due timers are carried out, ended executions are put away."""

import contextlib
import datetime as dt
import logging
import random
from typing import Final

import msgspec

from app.domain import commands as c
from app.live.errors import LiveUnavailable, NotLive
from app.live.executions import LiveExecutions
from app.live.timers import Timer, Timers
from app.live.work import Work
from app.record.errors import RecordUnavailable
from app.record.executions import Executions
from app.record.history import History
from app.services.clock import Clock

logger = logging.getLogger(__name__)

TRY_AGAIN: Final = dt.timedelta(minutes=1)
"""When a timer is tried again that could not be carried out."""

MOST: Final = 500
"""Due timers per sweep; the next sweep goes on."""


class UpkeepLimits(msgspec.Struct, frozen=True):
    """How long an execution may take, and an agent may be silent."""

    execution: dt.timedelta
    offline: dt.timedelta


class UpkeepService:
    """Hands due timers to ``decide`` as commands. Several sweeps at once do no harm."""

    def __init__(
        self,
        live: LiveExecutions,
        timers: Timers,
        executions: Executions,
        history: History,
        work: Work,
        limits: UpkeepLimits,
        clock: Clock,
    ) -> None:
        self._live = live
        self._timers = timers
        self._executions = executions
        self._history = history
        self._work = work
        self._limit_hours = limits.execution.total_seconds() / 3600
        self._offline = limits.offline
        self._clock = clock

    def sweep(self, workspace_id: str) -> int:
        """Carry out every due timer of a workspace; give their number."""
        now = self._clock()
        due = self._timers.due(workspace_id, now, MOST)
        ended = [timer for timer in due if timer.kind == "retire"]
        try:
            # Last, since these alone need the record: nothing else waits for PostgreSQL.
            for timer in [*(one for one in due if one.kind != "retire"), *ended]:
                try:
                    self._handle(workspace_id, timer, now)
                except NotLive:
                    self._timers.drop(workspace_id, timer, now)
                except (LiveUnavailable, RecordUnavailable):
                    raise
                except Exception:  # An edge: one bad timer must not hold up all behind it.
                    logger.exception("timer failed", extra={"timer": timer.name})
                    self._timers.put_back(workspace_id, [timer], now + TRY_AGAIN)
        finally:
            # Those that are not recorded yet go to the end of the queue, or they would fill it.
            self._timers.put_back(workspace_id, ended, now)
        return len(due)

    def _handle(self, workspace_id: str, timer: Timer, now: dt.datetime) -> None:
        if timer.kind == "retire":
            self._retire(workspace_id, timer)
        elif timer.kind == "offline":
            self._agent_offline(workspace_id, timer, now)
        elif not self._carry_out(workspace_id, timer, now):
            self._timers.drop(workspace_id, timer, now)

    def _carry_out(self, workspace_id: str, timer: Timer, now: dt.datetime) -> bool:
        """Do what a timer of an execution stands for; tell whether it stood for anything."""
        command = self._command(workspace_id, timer)
        if command is None:
            return False
        guard = (timer.name, now)
        result = self._live.execute(workspace_id, timer.execution_id, [command], now, due=guard)
        return result.outcomes[0].refusal is None

    def _command(self, workspace_id: str, timer: Timer) -> c.Command | None:
        if timer.kind == "delay":
            return c.EndDelay(subtask_id=timer.subtask_id)
        if timer.kind == "timeout":
            return c.TimeOutSubtask(subtask_id=timer.subtask_id)
        if timer.kind == "limit":
            return c.TimeOutExecution(hours=self._limit_hours)
        state = self._live.part(workspace_id, timer.execution_id, [timer.subtask_id])
        subtask = state.subtasks.get(timer.subtask_id)
        if subtask is None or subtask.lease is None:
            return None
        jitter = random.random()  # noqa: S311 - spreads back-off, keeps no secret
        return c.ExpireLease(
            subtask_id=timer.subtask_id, lease_token=subtask.lease.token, jitter=jitter
        )

    def _agent_offline(self, workspace_id: str, timer: Timer, now: dt.datetime) -> None:
        """Hold up the executions of an agent that has not been heard of for too long."""
        agent_id = timer.execution_id
        heard = self._work.last_contacts(workspace_id, [agent_id]).get(agent_id)
        since = heard or timer.due_at - self._offline
        executions = self._work.executions(workspace_id, agent_id)
        if executions and now - since >= self._offline:
            self._work.mark_offline(workspace_id, agent_id)
            command = c.NoteAgentOffline(agent_id=agent_id, last_contact_at=since)
            # Only while it is silent: one that came back meanwhile has been welcomed already.
            guard = (timer.name, now)
            for execution_id in executions:
                with contextlib.suppress(NotLive):
                    self._live.execute(workspace_id, execution_id, [command], now, due=guard)
        self._timers.drop(workspace_id, timer, now)
        if set(self._work.executions(workspace_id, agent_id)) - set(executions):
            # One came meanwhile: it found the old timer set, which is gone now.
            self._work.watch(workspace_id, agent_id, now)

    def _retire(self, workspace_id: str, timer: Timer) -> None:
        """Put an ended execution away, once the record has all of it.

        What is set aside of it is in Redis only, until the record takes it.
        """
        header = self._live.header(workspace_id, timer.execution_id)
        recorded = self._executions.get(workspace_id, timer.execution_id)
        complete = recorded is not None and recorded.seq == header.seq
        if complete and self._history.holds_all(timer.execution_id, header.seq):
            self._live.retire(workspace_id, header)
            logger.info("execution retired", extra={"execution_id": timer.execution_id})
