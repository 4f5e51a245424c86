"""An agent that does many tasks in one go, without the SDK: one poll, one call, one report.

Worth it where a hundred are as cheap as one: texts for a model's batch, addresses for a geocoder,
rows for a table. Here: words to be looked up, all at once.

Start it:  PLANEXE_KEY=$(cat .data/user_key) .venv/bin/python examples/batch_agent.py
"""

import contextlib
import os
import random
import signal
import time
from collections.abc import Generator
from http import HTTPStatus
from itertools import groupby
from typing import Any

import httpx

URL = os.environ.get("PLANEXE_URL", "http://127.0.0.1:8000")
AGENT_ID = os.environ.get("AGENT_ID", "batcher")
MOST = 100
SIGNALS = {signal.SIGTERM, signal.SIGINT}
AGAIN = {429, 500, 502, 503, 504}
server = httpx.Client(base_url=URL, timeout=70)


def main() -> None:
    """Work until SIGTERM or Ctrl-C; what was begun is reported first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        use_key(registered())
        while True:
            tasks = poll()
            with undisturbed():
                work_off(tasks)


@contextlib.contextmanager
def undisturbed() -> Generator[None]:
    """Let signals wait until the work is reported."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def work_off(tasks: list[dict[str, Any]]) -> None:
    """Do all tasks in one go and report them, one request for each execution."""
    events = zip(tasks, map(event, tasks, look_up(tasks)), strict=True)
    ordered = sorted(events, key=lambda pair: pair[0]["execution_id"])
    for execution_id, pairs in groupby(ordered, key=lambda pair: pair[0]["execution_id"]):
        batch = {"events": [told for _, told in pairs]}
        answer = send("POST", f"/api/executions/{execution_id}/events", json=batch)
        # 409 means: lost to another attempt, or the execution has ended. Nothing to do.
        print([one["status"] for one in answer.json().get("results", [])], flush=True)


def look_up(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Do the work of all tasks at once."""
    words = [str(task["params"].get("word", "")) for task in tasks]
    return [{"word": word, "letters": len(word)} for word in words]


def event(task: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Tell a result. The event_id is the lease's own, so sending it twice counts once."""
    lease = {"task_id": task["task_id"], "lease_token": task["lease_token"]}
    named = {"event_id": f"{task['execution_id']}:{task['task_id']}:{task['lease_token']}", **lease}
    if not result["word"]:
        wrong = {"error_type": "validation_error", "error_message": "There is no word."}
        return {**named, "event_type": "task_error", **wrong}
    return {**named, "event_type": "task_complete", "output_data": result}


def poll() -> list[dict[str, Any]]:
    """Wait for work. The same poll_id until it was answered: a lost answer comes again."""
    query = f"wait=50&max={MOST}&poll_id={random.getrandbits(64):x}"
    answer = send("GET", f"/api/agents/{AGENT_ID}/work?{query}")
    return answer.json()["tasks"] if answer.status_code == HTTPStatus.OK else []


def registered() -> str:
    """Register with a user key, or take another key where the agent exists; give the key."""
    use_key(os.environ["PLANEXE_KEY"])
    capability = {"action": "look_up", "params": ["word"]}
    profile = {"agent_id": AGENT_ID, "name": "Batcher", "capabilities": [capability]}
    answer = send("POST", "/api/agents", json={**profile, "max_concurrent_tasks": MOST})
    if answer.status_code == HTTPStatus.CONFLICT:
        answer = send("POST", f"/api/agents/{AGENT_ID}/keys")
    return answer.raise_for_status().json()["api_key"]


def use_key(key: str) -> None:
    """Send this key from now on."""
    server.headers["Authorization"] = f"Bearer {key}"


def send(method: str, path: str, **request: Any) -> httpx.Response:
    """Send the same request until it is answered, with back-off and as Retry-After says."""
    for attempt in range(1_000_000):
        with contextlib.suppress(httpx.TransportError):
            answer = server.request(method, path, **request)
            if answer.status_code not in AGAIN:
                return answer
            asked = answer.headers.get("Retry-After", "")
            time.sleep(int(asked) if asked.isdigit() else 0)
        time.sleep(random.uniform(0, min(30, 0.5 * 2 ** min(attempt, 6))))  # noqa: S311 - no secret
    raise TimeoutError(path)


if __name__ == "__main__":
    main()
