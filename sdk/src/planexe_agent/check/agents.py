"""Probes of the key and of the agent behind it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from planexe_agent.check.scene import ACTION
from planexe_agent.check.verdicts import Doubt, Skipped, Wrong

if TYPE_CHECKING:
    from planexe_agent.check.line import Reply
    from planexe_agent.check.scene import Scene

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_TIMES: Final = (
    "poll_interval_seconds",
    "long_poll_max_seconds",
    "heartbeat_interval_seconds",
    "lease_seconds",
)


def key(scene: Scene) -> str:
    """The key is known; tells whose it is."""
    try:
        reply = scene.line.send("GET", "/api/agents?limit=1")
    except Wrong as wrong:
        raise Wrong(wrong.said, wrong.to_do, final=True) from wrong
    if reply.status != HTTPStatus.OK and reply.problem != "forbidden":
        raise _refused(reply)
    scene.is_user = reply.status == HTTPStatus.OK
    return "a user key" if scene.is_user else "an agent's own key"


def _refused(reply: Reply) -> Wrong:
    if reply.problem == "unauthorized":
        return Wrong(
            "the key is unknown, or was revoked",
            "Take the key the server printed at its first start, or POST /api/agents/ID/keys.",
            final=True,
        )
    said = f"the key was answered {reply.told()}"
    return Wrong(
        said, "It is not the server that says so: look at what stands before it.", final=True
    )


def own_agent(scene: Scene) -> str:
    """The author's agent is registered, active, and the key's own."""
    agent_id = scene.options.agent_id
    if not agent_id:
        if scene.is_user:
            raise Skipped("name your agent with --agent-id to have it looked at")
        raise Wrong(
            "a key does not tell which agent it belongs to",
            "Say so: --agent-id ID.",
            final=True,
        )
    reply = scene.line.send("GET", f"/api/agents/{agent_id}")
    if reply.problem == "not-found":
        whose = "there is no such agent of yours" if scene.is_user else "the key is another agent's"
        raise Wrong(
            f"{agent_id}: {whose}",
            "Use the agent's own id, or the key that its registration answered.",
            final=not scene.is_user,
        )
    scene.own_agent = scene.line.ask("GET", f"/api/agents/{agent_id}", 200).body
    if not scene.is_user:
        scene.agent_id, scene.agent_line = agent_id, scene.line
    return _active(scene.own_agent)


def _active(agent: dict[str, Any]) -> str:
    if agent.get("status") == "PAUSED":
        raise Doubt(
            f"{agent['agent_id']} is paused: its polls get 204",
            "Resume it on the dashboard, or PATCH it with status ACTIVE.",
        )
    contact = agent.get("last_contact_at")
    return (
        f"{agent['agent_id']}, last heard of {contact}"
        if contact
        else (f"{agent['agent_id']}, not heard of yet")
    )


def capabilities(scene: Scene) -> str:
    """What the agent says of its actions' params can be held against a task's params."""
    if not scene.own_agent:
        raise Skipped("needs your agent")
    announced: list[dict[str, Any]] = scene.own_agent["capabilities"]
    faults = [fault for one in announced for fault in faults_of(one)]
    if faults:
        raise Wrong(
            "; ".join(faults),
            "Mend it where the agent registers: it is what tasks are held against.",
        )
    names = ", ".join(one["action"] for one in announced)
    return f"{len(announced)}: {names}"


def faults_of(capability: dict[str, Any]) -> list[str]:
    """Name what is wrong with a capability's params."""
    params, name = capability.get("params"), capability["action"]
    if isinstance(params, list):
        words = cast("list[str]", params)
        return [f"{name}: params name {one!r} twice" for one in set(words) if words.count(one) > 1]
    return [f"{name}: {fault}" for fault in _schema_faults(cast("dict[str, Any]", params or {}))]


def _schema_faults(schema: dict[str, Any]) -> list[str]:
    properties = schema.get("properties", {})
    if schema.get("type", "object") != "object" or not isinstance(properties, dict):
        return ["the schema of params describes no object with properties"]
    known = cast("dict[str, Any]", properties)
    required: Any = schema.get("required", [])
    if not isinstance(required, list):
        return ["`required` is a list of names"]
    lacking = [str(one) for one in cast("list[Any]", required) if one not in known]
    faults = [f"`required` names {one}, `properties` does not" for one in lacking]
    return faults + [f"{one} has no known type" for one in known if not _typed(known[one])]


def _typed(described: Any) -> bool:
    if not isinstance(described, dict):
        return isinstance(described, bool)
    kinds: Any = cast("dict[str, Any]", described).get("type", [])
    listed = cast("list[Any]", kinds) if isinstance(kinds, list) else [kinds]
    return all(one in _TYPES for one in listed)


def registration(scene: Scene) -> str:
    """An agent registers and gets a key and the times it is to keep."""
    line, agent_id = scene.user(), scene.new_id("planexe-agent-check")
    capability = {"action": ACTION, "params": {"type": "object", "properties": {}}}
    body = {"agent_id": agent_id, "name": "planexe-agent check", "capabilities": [capability]}
    scene.agent_id = agent_id
    answer = line.ask("POST", "/api/agents", 201, body=body).body
    missing = [name for name in ("api_key", *_TIMES) if name not in answer]
    if missing:
        raise Wrong(f"the answer lacks {', '.join(missing)}", "Bring the server up to date.")
    scene.agent_line = line.with_key(answer["api_key"])
    return ", ".join(f"{name} {answer[name]}" for name in _TIMES)


def agent_key(scene: Scene) -> str:
    """An agent's key acts as its agent, and as nobody else."""
    line = scene.agent()
    line.ask("GET", f"/api/agents/{scene.agent_id}", 200)
    reply = line.send("POST", "/api/agents", body={})
    if reply.problem not in {"forbidden", "invalid-request", "unprocessable-entity"}:
        raise Wrong(f"it could call for users: {reply.told()}", "Bring the server up to date.")
    return "sees its agent, and may not act for users"
