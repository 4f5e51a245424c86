"""What the walk knows and has made so far."""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from planexe_agent.check.line import Line
from planexe_agent.check.verdicts import Skipped, Wrong

ACTION = "planexe_agent_check"
"""The action of the check's own plan. No plan of anybody's asks for it, so a poll for it alone
takes no work away."""

_CLEAN_UP_SECONDS = 10.0


@dataclass(frozen=True)
class Options:
    """What the caller asked for.

    Attributes:
        url: The server's address.
        key: A user key, or an agent's own.
        agent_id: The author's agent; needed with its own key.
        execution_id: An execution of that agent which may get a note; only with its own key.
        poll_seconds: How long the idle poll waits.
        breakdown_seconds: How long the check's plan may take to be broken down.
    """

    url: str
    key: str
    agent_id: str | None = None
    execution_id: str | None = None
    poll_seconds: float = 5.0
    breakdown_seconds: float = 20.0


@dataclass
class Scene:
    """What later probes need of earlier ones; asking for what is not there skips a probe."""

    options: Options
    line: Line
    is_user: bool | None = None
    own_agent: dict[str, Any] = field(default_factory=dict)
    agent_id: str = ""
    plan_id: str = ""
    is_ready: bool = False
    execution_id: str = ""
    work: dict[str, Any] = field(default_factory=dict)
    started: dict[str, Any] = field(default_factory=dict)
    agent_line: Line | None = None

    def agent(self) -> Line:
        """Give the line with an agent's key."""
        if self.agent_line is None:
            raise Skipped("needs an agent's key")
        return self.agent_line

    def user(self) -> Line:
        """Give the line with a user's key."""
        if not self.is_user:
            raise Skipped("needs a user key")
        return self.line

    def task(self) -> dict[str, Any]:
        """Give the leased subtask."""
        if not self.work:
            raise Skipped("needs work that was handed out")
        return self.work

    def new_id(self, kind: str) -> str:
        """Make an id that nobody has."""
        return f"{kind}-{secrets.token_hex(6)}"

    def event(self, event_type: str, **fields: Any) -> dict[str, Any]:
        """Write an event of the leased subtask."""
        task = self.task()
        return {
            "event_type": event_type,
            "event_id": self.new_id("check"),
            "task_id": task["task_id"],
            "lease_token": task["lease_token"],
            **fields,
        }

    def poll_path(self, wait: float) -> str:
        """Give path and query of a poll that takes only the check's own work."""
        return f"/api/agents/{self.agent_id}/work?wait={wait:g}&supported_actions={ACTION}"

    def events_path(self) -> str:
        """Give the path that takes reports."""
        return f"/api/executions/{self.execution_id}/events"

    def clean_up(self) -> str:
        """Remove what was made; say what stays.

        Raises:
            Wrong: Something could not be removed.
        """
        if not (self.is_user and self.agent_id):
            raise Skipped("nothing was made")
        left = [path for path in self._made() if not self._is_gone(path)]
        if left:
            raise Wrong(f"could not remove {', '.join(left)}", "Remove it with DELETE.")
        stays = f"; {self.execution_id} stays on record, cancelled" if self.execution_id else ""
        return f"its agent and plan are removed{stays}"

    def _made(self) -> list[str]:
        plans = [f"/api/plans/{self.plan_id}"] if self.plan_id else []
        return [*plans, f"/api/agents/{self.agent_id}"]

    def _is_gone(self, path: str) -> bool:
        """Delete it; for a moment after its execution ended that is refused."""
        if self.execution_id:
            with contextlib.suppress(Wrong):
                self.line.send(
                    "PATCH", f"/api/executions/{self.execution_id}", body={"status": "CANCELLED"}
                )
        deadline = time.monotonic() + _CLEAN_UP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(Wrong):
                if self.line.send("DELETE", path).status in {204, 404}:
                    return True
            time.sleep(0.1)
        return False
