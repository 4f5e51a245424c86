"""Agents and what they can do."""

import datetime as dt
from typing import Any

import msgspec


class Capability(msgspec.Struct, frozen=True):
    """One action an agent performs. ``params`` is a list of names or a JSON Schema object."""

    action: str
    params: list[str] | dict[str, Any] = []
    description: str = ""


class Agent(msgspec.Struct, frozen=True):
    """An autonomous program that polls for work."""

    agent_id: str
    workspace_id: str
    name: str
    capabilities: list[Capability]
    created_at: dt.datetime
    role: str = ""
    max_concurrent_tasks: int = 1
    webhook_url: str | None = None
    paused_at: dt.datetime | None = None
    paused_by: str | None = None

    @property
    def actions(self) -> frozenset[str]:
        """Names of the actions it performs; ``*`` among them means any."""
        return frozenset(capability.action for capability in self.capabilities)
