"""``planexe-ax execute``: carry out one plan through the API, as any other client would."""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from app.commands.client import Client, Refused
from app.commands.options import add_auto_approve, path
from app.commands.upload import read_upload
from app.embedded.errors import StartError
from config.settings import Settings

_LOOK_AGAIN_SECONDS: Final = 0.2
_BREAKDOWN_SECONDS: Final = 600.0
_AGENT_SECONDS: Final = 60.0
_BLOCKED_SECONDS: Final = 30.0
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_ENDS_OF_ATTEMPTS: Final = frozenset({"task_blocked", "task_error", "lease_expired"})
_REASON: Final = "granted by --auto-approve"

Json = dict[str, Any]


class NotCompleted(Exception):
    """The plan was not carried out; the message is the reason."""


@dataclass(frozen=True)
class Order:
    """What shall be carried out and how.

    Without ``agent_id`` the plan is imported only. ``give_up_blocked`` ends the wait for an
    execution that stays BLOCKED, as nobody would be there to clear it.
    """

    plan: Path
    agent_id: str | None
    auto_approve: bool = False
    give_up_blocked: bool = False


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument("--url", required=True, help="address of the web server")
    parser.add_argument("--plan", type=path, required=True, help="plan: a file or a folder")
    parser.add_argument("--agent-id", help="agent to carry it out (default: import only)")
    add_auto_approve(parser)
    parser.add_argument(
        "--give-up-blocked", action="store_true", help="fail when it stays blocked for 30 seconds"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do what the options ask for."""
    try:
        key = (settings.data_dir / "user_key").read_text().strip()
    except OSError as error:
        raise StartError(f"There is no user key in {settings.data_dir}: {error}") from error
    order = Order(options.plan, options.agent_id, options.auto_approve, options.give_up_blocked)
    return execute(Client(options.url, key), order)


def execute(client: Client, order: Order) -> int:
    """Import the plan, start it, follow it to its end and print a summary.

    Returns:
        0 when the execution ended COMPLETED (or was not to be started), else 1.
    """
    started = time.monotonic()
    try:
        plan = _import(client, order)
        if order.agent_id is None:
            print(f"Imported {plan['title']!r}. No agent was asked for: start it on its page.")
            return 0
        _await_agent(client, order.agent_id)
        execution = _follow(client, _start(client, plan, order), order)
    except (NotCompleted, Refused, OSError) as error:
        print(f"The plan was not carried out: {error}")
        return 1
    print(summary(plan, execution, time.monotonic() - started))
    return 0 if execution["status"] == "COMPLETED" else 1


def summary(plan: Json, execution: Json, seconds: float) -> str:
    """Write what became of an execution."""
    progress, warnings = execution["progress"], plan.get("warnings", [])
    reason = execution.get("status_message") or ""
    lines = [
        f"{execution['status']}: {plan['title']}" + (f" ({reason})" if reason else ""),
        f"  tasks     {progress['tasks_completed']} of {progress['tasks_total']}",
        f"  subtasks  {progress['subtasks_completed']} of {progress['subtasks_total']}",
        f"  events    {execution['seq']}",
        f"  duration  {seconds:.1f} s",
        f"  warnings  {len(warnings)}",
    ]
    lines += [f"    {item['code']}: {item['message']} ({item['where']})" for item in warnings]
    return "\n".join(lines)


def _import(client: Client, order: Order) -> Json:
    for execution in client.get("/api/executions?limit=500")["items"]:
        if execution["status"] not in _ENDED:
            told = f"{execution['execution_id']} ({execution['plan_title']})"
            print(f"Unfinished from before, and going on: {told}")
    print(f"Importing {order.plan}")
    plan = client.upload("/api/plans", *read_upload(order.plan))
    path = f"/api/plans/{plan['plan_id']}"
    deadline = time.monotonic() + _BREAKDOWN_SECONDS
    while (plan := client.get(path))["status"] in {"IMPORTING", "DECOMPOSING"}:
        if time.monotonic() > deadline:
            raise NotCompleted(f"its breakdown took more than {_BREAKDOWN_SECONDS:g} seconds")
        time.sleep(_LOOK_AGAIN_SECONDS)
    if plan["status"] == "FAILED":
        raise NotCompleted(plan.get("status_message") or "breaking it down failed")
    return _reviewed(client, plan, order)


def _reviewed(client: Client, plan: Json, order: Order) -> Json:
    path = f"/api/plans/{plan['plan_id']}"
    waiting = [
        task for phase in plan["phases"] for task in phase["tasks"] if task.get("needs_review")
    ]
    if waiting and not order.auto_approve:
        titles = "".join(f"\n  {task['title']}" for task in waiting)
        page = f"{client.url}/plans/{plan['plan_id']}"
        told = f"{len(waiting)} breakdowns wait for a review"
        raise NotCompleted(f"{told}. Approve them and start it on {page}{titles}")
    for task in waiting:
        client.post(f"{path}/tasks/{task['task_id']}/approve", {})
    return client.get(path) if waiting else plan


def _await_agent(client: Client, agent_id: str) -> None:
    """Wait for the agent to register itself, which it does while the plan is broken down."""
    deadline = time.monotonic() + _AGENT_SECONDS
    while not client.exists(f"/api/agents/{agent_id}"):
        if time.monotonic() > deadline:
            raise NotCompleted(f"agent {agent_id} did not register in {_AGENT_SECONDS:g} seconds")
        time.sleep(_LOOK_AGAIN_SECONDS)


def _start(client: Client, plan: Json, order: Order) -> Json:
    body: Json = {"plan_id": plan["plan_id"], "agent_id": order.agent_id}
    if plan["status"] == "REFUSED" and order.auto_approve:
        refusals = plan["gates"]["refusals"]
        body["approvals"] = {gate: {"reason": _REASON} for gate in refusals}
    execution = client.post("/api/executions", body)
    print(f"Started {execution['execution_id']}: {plan['title']}")
    return execution


def _follow(client: Client, execution: Json, order: Order) -> Json:
    path = f"/api/executions/{execution['execution_id']}"
    shown, since = "", time.monotonic()
    while (execution := client.get(path))["status"] not in _ENDED:
        line = _progress(execution)
        if line != shown:
            print(line)
            if execution["status"] == "BLOCKED" and not order.auto_approve:
                print(f"{execution['open_blockers']} wait for somebody: {client.url}/inbox")
            shown, since = line, time.monotonic()
        if order.auto_approve and execution["open_blockers"]:
            _stand_in(client, path)
        blocked = execution["status"] == "BLOCKED" and order.give_up_blocked
        if blocked and time.monotonic() - since > _BLOCKED_SECONDS:
            raise NotCompleted(
                f"it is blocked: {execution.get('status_message') or 'see its page'}"
            )
        time.sleep(_LOOK_AGAIN_SECONDS)
    return execution


def _stand_in(client: Client, path: str) -> None:
    """Play the people: grant approvals, do human tasks, and give up waiting where it was in vain.

    What went wrong is left to real ones.
    """
    for blocker in client.get(f"{path}/blockers")["items"]:
        if blocker["status"] != "OPEN":
            continue
        if blocker["kind"] == "approval":
            answer = {"resolution": "approve", "message": _REASON}
            client.post(f"{path}/blockers/{blocker['blocker_id']}/resolve", answer)
        elif blocker["kind"] == "human_task":
            client.post(f"{path}/tasks/{blocker['task_id']}/complete", {"notes": _REASON})
        elif blocker["kind"] == "human_input" and _waited_in_vain(client, path, blocker):
            answer = {"resolution": "skip", "message": f"no answer came: {_REASON}"}
            client.post(f"{path}/blockers/{blocker['blocker_id']}/resolve", answer)


def _waited_in_vain(client: Client, path: str, blocker: Json) -> bool:
    """Tell whether the last that an agent said was that it waits: then nothing went wrong."""
    said = f"{path}/events?task_id={quote(blocker['task_id'])}&order=desc&limit=20"
    agents = (one for one in client.get(said)["items"] if one["event_type"] in _ENDS_OF_ATTEMPTS)
    return next((one["event_type"] == "task_blocked" for one in agents), False)


def _progress(execution: Json) -> str:
    progress = execution["progress"]
    done = f"{progress['tasks_completed']} of {progress['tasks_total']} tasks"
    reason = execution.get("status_message") if execution["status"] != "RUNNING" else ""
    return f"{execution['status']}: {done}" + (f" ({reason})" if reason else "")
