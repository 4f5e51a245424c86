"""Turn a key into an agent that may poll."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planexe_agent.errors import Conflict, Unauthorized
from planexe_agent.wire import Request, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.backoff import Backoff
    from planexe_agent.steps import Line, Steps

_log = logging.getLogger(__name__)
_FORBIDDEN = 403


@dataclass(frozen=True)
class Registration:
    """What the server knows this agent by, and the times it asks for.

    ``key`` is None where the key at hand is the agent's own already. The defaults are the
    server's.
    """

    agent_id: str
    key: str | None = None
    lease_seconds: float = 900.0
    long_poll_max_seconds: float = 60.0


def register(line: Line, profile: Mapping[str, Any], backoff: Backoff) -> Steps[Registration]:
    """Register the agent; act as the registered one where it exists or the key is its own.

    Waits for a server that is not there yet. Idempotent: a repeated call gets a fresh key, and
    brings the agent's capabilities up to date.

    Args:
        line: Carries a user key or an agent key.
        profile: The body of ``POST /api/agents``, with its ``agent_id``.
        backoff: How long to wait between attempts.

    Raises:
        Unauthorized: The key is unknown.
        NotFound: The id belongs to another user's agent: choose another.
        Invalid: The server does not accept the profile.
    """
    agent_id: str = profile["agent_id"]
    try:
        request = Request("POST", "/api/agents", body=profile)
        answer = (yield from send(line, request, backoff)).body
    except Unauthorized as refused:
        if refused.status != _FORBIDDEN:
            raise
        _log.info("acting with the agent's own key: agent=%s", agent_id)
        return Registration(agent_id)
    except Conflict:
        _log.info("registered already, taking a fresh key: agent=%s", agent_id)
        request = Request("POST", f"/api/agents/{agent_id}/keys", body={})
        answer = (yield from send(line, request, backoff)).body
        # What the code can do now: it may have learnt since.
        now = {name: profile[name] for name in ("capabilities", "max_concurrent_tasks")}
        request = Request("PATCH", f"/api/agents/{agent_id}", body=now)
        yield from send(line, request, backoff)
    return Registration(
        agent_id=answer.get("agent_id", agent_id),
        key=answer["api_key"],
        lease_seconds=answer.get("lease_seconds", Registration.lease_seconds),
        long_poll_max_seconds=answer.get(
            "long_poll_max_seconds", Registration.long_poll_max_seconds
        ),
    )
