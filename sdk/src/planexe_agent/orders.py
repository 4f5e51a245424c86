"""What an agent is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from planexe_agent.results import Results
from planexe_agent.slots import Shared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.actions import Action
    from planexe_agent.backoff import Backoff
    from planexe_agent.outbox import Outbox
    from planexe_agent.registration import Registration
    from planexe_agent.reports import Reports
    from planexe_agent.running import Running
    from planexe_agent.steps import Alarm, Line
    from planexe_agent.task import Lease


@dataclass(frozen=True)
class Orders:
    """What an agent is to be: where, as whom, and how much at once."""

    url: str
    key: str
    profile: Mapping[str, Any]
    actions: Mapping[str, Action]
    instance: str
    slots: int
    poll_seconds: float
    heartbeat_seconds: float
    stop_seconds: float
    backoff: Backoff
    outbox: Outbox | None

    def shared(
        self,
        registration: Registration,
        *,
        polls: Line,
        reports: Reports,
        running: Running,
        stopping: Alarm,
        make_task: Callable[..., Lease],
    ) -> Shared:
        """Give what the slots have in common, once the server knows the agent."""
        return Shared(
            registration=registration,
            actions=self.actions,
            instance=self.instance,
            polls=polls,
            reports=reports,
            results=Results(registration.agent_id, reports, self.outbox),
            running=running,
            poll_seconds=min(self.poll_seconds, registration.long_poll_max_seconds),
            backoff=self.backoff,
            stopping=stopping,
            make_task=make_task,
        )
