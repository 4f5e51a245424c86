"""Write agents for PlanExe-AX: decorate functions, run, done.

Example:
    >>> larry = Agent("http://localhost:8000", key="...")
    >>> @larry.action("send_email", params={"to": "string", "body": "string"})
    ... def send_email(task, to, body):
    ...     return {"message_id": deliver(to, body)}
    >>> larry.run()  # doctest: +SKIP
"""

from planexe_agent.agent import Agent
from planexe_agent.aio import AsyncTask
from planexe_agent.async_agent import AsyncAgent, run_all
from planexe_agent.backoff import Backoff
from planexe_agent.errors import (
    AgentError,
    Conflict,
    Interrupted,
    Invalid,
    InvalidParams,
    NeedsHuman,
    NotFound,
    OutboxError,
    OutboxInUse,
    Outcome,
    Permanent,
    ServerRefused,
    StaleLease,
    Stopped,
    Unauthorized,
    Unavailable,
    Wait,
)
from planexe_agent.outbox import Outbox
from planexe_agent.task import Task

__all__ = [
    "Agent",
    "AgentError",
    "AsyncAgent",
    "AsyncTask",
    "Backoff",
    "Conflict",
    "Interrupted",
    "Invalid",
    "InvalidParams",
    "NeedsHuman",
    "NotFound",
    "Outbox",
    "OutboxError",
    "OutboxInUse",
    "Outcome",
    "Permanent",
    "ServerRefused",
    "StaleLease",
    "Stopped",
    "Task",
    "Unauthorized",
    "Unavailable",
    "Wait",
    "run_all",
]
