"""Mending what a process left half-way when it was killed between two servers."""

import datetime as dt
import logging
from typing import Final

from app.live.executions import LiveExecutions
from app.record.executions import Executions
from app.record.partitions import Partitions
from app.record.plans import Plans
from app.services.clock import Clock
from app.services.jobs import Jobs
from app.services.recovery import RecoveryService

logger = logging.getLogger(__name__)

PATIENCE: Final = dt.timedelta(minutes=2)
"""How long something may be half-way before it is taken for left so."""


class MaintenanceService:
    """Brings back what Redis lost, forgets what was never born, has forgotten plans broken down.

    Also makes the log's partitions before their month comes.
    """

    def __init__(
        self,
        live: LiveExecutions,
        executions: Executions,
        plans: Plans,
        recovery: RecoveryService,
        partitions: Partitions,
        jobs: Jobs,
        clock: Clock,
    ) -> None:
        self._live = live
        self._executions = executions
        self._plans = plans
        self._recovery = recovery
        self._partitions = partitions
        self._jobs = jobs
        self._clock = clock

    def maintain(self) -> None:
        """Mend all workspaces; doing it again, or twice at once, changes nothing."""
        self._recovery.revive()
        before = self._clock() - PATIENCE
        for workspace_id, execution_id in self._executions.unborn(before):
            if not self._live.headers(workspace_id, [execution_id]):
                self._executions.forget_unborn(execution_id)
                logger.warning("unborn execution forgotten", extra={"execution_id": execution_id})
        for workspace_id, plan_id, version in self._plans.unbroken(before):
            due = version or self._plans.next_version(workspace_id, plan_id)
            self._jobs.decompose(workspace_id, plan_id, due)
            logger.warning("breakdown asked for again", extra={"plan_id": plan_id})
        for workspace_id, plan_id in self._plans.importing(before):
            self._jobs.fetch(workspace_id, plan_id, 0)
        self._partitions.make_ahead(self._clock())
