"""Probes of the work itself, by a plan of the check's own: from the import to the cancellation."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from planexe_agent.check.scene import ACTION
from planexe_agent.check.upgrade import first_message
from planexe_agent.check.verdicts import Doubt, Skipped, Wrong

if TYPE_CHECKING:
    from planexe_agent.check.line import Reply
    from planexe_agent.check.scene import Scene

_WAKE_SECONDS: Final = 10.0
_AT_ONCE_SECONDS: Final = 1.0
_SPARE_SECONDS: Final = 10.0
_WORK: Final = ("task_id", "action", "params", "attempt", "lease_token", "lease_expires_at", "kind")
_ANSWER: Final = ("event_id", "execution_id", "seq", "recorded_at", "status", "next_action")
_NEWER: Final = "Bring the server up to date, or let the proxy pass answers on as they are."


def plan(scene: Scene) -> str:
    """A plan is imported and broken down."""
    line, plan_id, began = scene.user(), scene.new_id("planexe-agent-check"), time.monotonic()
    limit = scene.options.breakdown_seconds
    scene.agent()
    scene.plan_id = plan_id
    line.ask("POST", "/api/plans", 202, body=_document(plan_id))
    while time.monotonic() < began + limit:
        if line.ask("GET", f"/api/plans/{plan_id}", 200).body.get("status") == "READY":
            scene.is_ready = True
            return f"imported and ready after {time.monotonic() - began:.1f} s"
        time.sleep(0.1)
    raise Wrong(
        f"not broken down within {limit:g} s",
        "Look whether the server's worker runs: `planexe-ax worker`, and its log.",
    )


def _document(plan_id: str) -> dict[str, Any]:
    steps = [
        {"subtask_id": f"{plan_id}-{number}", "title": f"Check {number}", "action": ACTION}
        for number in (1, 2, 3)
    ]
    task = {"task_id": f"{plan_id}-task", "title": "Check the contract", "subtasks": steps}
    phases = [{"name": "Check", "tasks": [task]}]
    return {"plan_id": plan_id, "title": "planexe-agent check", "phases": phases}


def wake_up(scene: Scene) -> str:
    """A poll that waits gets work the moment it is there."""
    line = scene.user()
    if not scene.is_ready:
        raise Skipped("needs the check's plan")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(_waited_for, scene)
        # The poll is to be there first; where it is not, it finds the work and is no slower.
        time.sleep(0.3)
        body = {"plan_id": scene.plan_id, "agent_id": scene.agent_id}
        created = line.ask("POST", "/api/executions", 201, body=body).body
        scene.execution_id = created["execution_id"]
        started = time.monotonic()
        reply, ended = waiting.result()
    return _woken(scene, reply, ended - started)


def _waited_for(scene: Scene) -> tuple[Reply, float]:
    path, limit = scene.poll_path(_WAKE_SECONDS), _WAKE_SECONDS + _SPARE_SECONDS
    return scene.agent().ask("GET", path, 200, 204, seconds=limit), time.monotonic()


def _woken(scene: Scene, reply: Reply, seconds: float) -> str:
    if reply.status == HTTPStatus.NO_CONTENT:
        raise Wrong(
            f"the poll ended empty after {reply.seconds:.1f} s, though there was work",
            "Let the proxy cache nothing below /api, and answer no poll in the server's place.",
        )
    scene.work = reply.body.get("next_task") or {}
    if seconds > _AT_ONCE_SECONDS:
        raise Doubt(
            f"work reached the waiting poll {seconds:.1f} s after the start",
            "Switch off what holds answers back on the way: buffering, batching, scanning.",
        )
    return f"work reached the waiting poll {max(seconds, 0) * 1000:.0f} ms after the start"


def lease(scene: Scene) -> str:
    """Work comes with all that an agent needs."""
    task = scene.task()
    missing = [name for name in _WORK if name not in task]
    if missing:
        scene.work = {}
        raise Wrong(f"work lacks {', '.join(missing)}", _NEWER)
    return f"attempt {task['attempt']}, until {task['lease_expires_at']}"


def report(scene: Scene) -> str:
    """An event is accepted."""
    event = scene.event("task_started", message="planexe-agent check")
    answer = scene.agent().ask("POST", scene.events_path(), 201, body=event).body
    missing = [name for name in _ANSWER if name not in answer]
    if missing:
        raise Wrong(f"the answer lacks {', '.join(missing)}", _NEWER)
    scene.started = {"event": event, "answer": answer}
    return f"seq {answer['seq']}, execution {answer['status']}"


def repeat(scene: Scene) -> str:
    """The same ``event_id`` again gets the first answer again."""
    if not scene.started:
        raise Skipped("needs an event that was accepted")
    again = scene.agent().ask("POST", scene.events_path(), 201, body=scene.started["event"]).body
    if again["seq"] != scene.started["answer"]["seq"]:
        raise Wrong(
            f"the repeat became event {again['seq']}, the first was "
            f"{scene.started['answer']['seq']}",
            "Do not rely on repeats here; bring the server up to date.",
        )
    return f"the same event_id gets the first answer, seq {again['seq']}"


def heartbeat(scene: Scene) -> str:
    """A heartbeat extends the lease."""
    event = scene.event("heartbeat")
    answer = scene.agent().ask("POST", scene.events_path(), 201, body=event).body
    before, after = scene.task()["lease_expires_at"], answer.get("lease_expires_at") or ""
    # Both are RFC 3339 in UTC with the same digits, so their order is that of text.
    if after <= before:
        raise Wrong(f"the lease ends {after or 'nowhere'} after it, {before} before", _NEWER)
    return f"the lease holds until {after}"


def stale(scene: Scene) -> str:
    """A report under a lease that has passed on is refused."""
    event = {**scene.event("task_progress", progress_percent=10), "lease_token": "0"}
    reply = scene.agent().send("POST", scene.events_path(), body=event)
    if (reply.status, reply.problem) != (HTTPStatus.CONFLICT, "stale-lease"):
        raise Wrong(f"it gave {reply.told()}; 409 stale-lease belongs there", _NEWER)
    return "409 stale-lease"


def refusal(scene: Scene) -> str:
    """A wrong field is refused and named."""
    event = scene.event("task_progress", progress_percent="half")
    reply = scene.agent().send("POST", scene.events_path(), body=event)
    named = [one.get("field") for one in reply.body.get("errors", [])]
    if reply.status != HTTPStatus.UNPROCESSABLE_ENTITY or named != ["progress_percent"]:
        raise Wrong(f"it gave {reply.told()}; 422 naming the field belongs there", _NEWER)
    return "422 names the field"


def next_task(scene: Scene) -> str:
    """A result brings the next subtask with its answer."""
    done = scene.event("task_complete", output_data={"checked": True})
    params = {"claim": "1", "supported_actions": ACTION}
    reply = scene.agent().ask("POST", scene.events_path(), 201, body=done, params=params)
    work = reply.body.get("next_task")
    if not work:
        scene.work = {}
        raise Wrong("no next_task, though there is one", "Let the proxy pass the query on.")
    scene.work = work
    return f"in the same round trip, {reply.seconds * 1000:.0f} ms"


def batch(scene: Scene) -> str:
    """Many events go in one request; each is answered for itself."""
    events = [scene.event("task_progress", progress_percent=50), {"event_type": "nonsense"}]
    body = {"events": events}
    answer = scene.agent().ask("POST", scene.events_path(), 207, body=body).body
    statuses = [one["status"] for one in answer.get("results", [])]
    if statuses != [201, 422]:
        raise Wrong(f"a good and a bad event were answered {statuses}, not [201, 422]", _NEWER)
    return "one result for each event"


def note(scene: Scene) -> str:
    """An execution of the author's own agent takes a note, and once only."""
    if scene.is_user:
        raise Skipped("a user key has its own plan instead")
    execution_id = scene.options.execution_id
    if not execution_id:
        raise Skipped("name an execution of the agent with --execution-id to have it take a note")
    path = f"/api/executions/{execution_id}"
    event = {
        "event_type": "note",
        "event_id": scene.new_id("check"),
        "message": "planexe-agent check was here",
    }
    seqs = [scene.agent().ask("POST", f"{path}/events", 201, body=event).body for _ in (1, 2)]
    if seqs[0]["seq"] != seqs[1]["seq"]:
        raise Wrong("the same event_id was taken twice", _NEWER)
    status = scene.agent().ask("GET", f"{path}/status", 200).body["status"]
    return f"one note at seq {seqs[0]['seq']} for two sends; the execution is {status}"


def stream(scene: Scene) -> str:
    """The dashboard's WebSocket comes through. Agents need none."""
    line = scene.user()
    if not scene.execution_id:
        raise Skipped("needs an execution")
    path = f"/api/executions/{scene.execution_id}/stream"
    try:
        message = first_message(scene.options.url, path, line.key, 10)
    except Wrong as wrong:
        raise Doubt(wrong.said, wrong.to_do) from wrong
    if not isinstance(message, dict) or message.get("type") != "snapshot":
        raise Doubt("the WebSocket does not begin with a snapshot", _NEWER)
    return "upgraded, with a snapshot first"


def cancel(scene: Scene) -> str:
    """A cancelled execution tells its agent to stop, and takes no more events."""
    line = scene.user()
    event = scene.event("task_progress", progress_percent=60)
    path = f"/api/executions/{scene.execution_id}"
    line.ask("PATCH", path, 200, body={"status": "CANCELLED", "reason": "The check is over."})
    told = scene.agent().ask("GET", f"{path}/status", 200).body
    if told.get("force_cancel") is not True:
        raise Wrong("its status does not say force_cancel", _NEWER)
    reply = scene.agent().send("POST", scene.events_path(), body=event)
    if (reply.status, reply.problem) != (HTTPStatus.CONFLICT, "execution-ended"):
        raise Wrong(f"a late event gave {reply.told()}; 409 execution-ended belongs there", _NEWER)
    return "force_cancel is told, a late event gets 409 execution-ended"
