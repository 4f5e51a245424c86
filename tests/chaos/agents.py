"""Agents that work as real ones do: most well, some slowly, some with errors, some too late."""

import random
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

import httpx

from tests.chaos.caller import Caller, Over
from tests.chaos.journal import Ack, Journal
from tests.chaos.site import LEASE_SECONDS

_POLL_SECONDS: Final = 0.5
_EXPLAINED: Final = ("stale-lease", "execution-ended", "illegal-move", "conflict")
_SEVERAL: Final[list[dict[str, Any]]] = [
    {"event_type": "task_started"},
    {"event_type": "task_progress", "progress_percent": 30},
    {"event_type": "note", "message": "Half of it is done."},
]


class Agent:
    """One slot of an agent. What it does with a task is drawn by the seed."""

    def __init__(
        self, name: str, agent_id: str, caller: Caller, journal: Journal, chance: random.Random
    ) -> None:
        self._name = name
        self._agent_id = agent_id
        self._caller = caller
        self._journal = journal
        self._chance = chance
        self._ways: list[tuple[Callable[[dict[str, Any]], Any], float]] = [
            (self._complete, 12),
            (self._complete_and_claim, 30),
            (self._tell_progress, 8),
            (self._tell_much, 4),
            (self._fail_once, 3),
            (self._wait_for_others, 2),
            (self._stay_silent, 1.5),
        ]

    def run(self) -> None:
        """Work until the load is over."""
        task = None
        try:
            while True:
                task = self._work(task) if task else self._poll()
        except Over:
            return
        finally:
            self._caller.close()

    def _poll(self) -> dict[str, Any] | None:
        # The same poll_id each time: a lease whose answer was lost is given again.
        query = f"wait={_POLL_SECONDS}&instance={self._name}&poll_id={uuid.uuid4().hex}"
        path = f"/api/agents/{self._agent_id}/work?{query}"
        answer = self._ask("GET", path)
        if not answer.is_success:
            self._journal.is_surprised(f"{self._name}: poll answered {answer.text}")
            return None
        return answer.json()["next_task"] if answer.content else None

    def _work(self, task: dict[str, Any]) -> dict[str, Any] | None:
        ways, weights = zip(*self._ways, strict=True)
        (way,) = self._chance.choices(ways, weights)
        time.sleep(self._chance.uniform(0.02, 0.2))
        return (way if task["kind"] == "run" else self._complete)(task)

    def _complete(self, task: dict[str, Any]) -> None:
        self._report(task, "", event_type="task_complete", output_data={"by": self._name})

    def _complete_and_claim(self, task: dict[str, Any]) -> dict[str, Any] | None:
        claim = f"?claim=1&instance={self._name}&poll_id={uuid.uuid4().hex}"
        told = self._report(task, claim, event_type="task_complete", output_data={"n": 1})
        return told.get("next_task")

    def _tell_progress(self, task: dict[str, Any]) -> None:
        self._report(task, "", event_type="task_progress", progress_percent=50)
        self._complete(task)

    def _tell_much(self, task: dict[str, Any]) -> None:
        self._ask_events(task, "", {"events": [self._event(task, one) for one in _SEVERAL]})
        self._complete(task)

    def _fail_once(self, task: dict[str, Any]) -> None:
        self._report(task, "", event_type="task_error", error_type="temporary", error_message="no")

    def _wait_for_others(self, task: dict[str, Any]) -> None:
        self._report(task, "", event_type="task_blocked", message="later", retry_after_seconds=1)

    def _stay_silent(self, task: dict[str, Any]) -> None:
        with self._journal.silence(self._name):
            time.sleep(LEASE_SECONDS + self._chance.uniform(0.5, 2))
        self._complete(task)

    def _event(self, task: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        named = {"event_id": uuid.uuid4().hex, "task_id": task["task_id"]}
        return {**named, "lease_token": task["lease_token"], **fields}

    def _report(self, task: dict[str, Any], query: str, **fields: Any) -> dict[str, Any]:
        return self._ask_events(task, query, self._event(task, fields))

    def _ask_events(self, task: dict[str, Any], query: str, body: dict[str, Any]) -> dict[str, Any]:
        path = f"/api/executions/{task['execution_id']}/events{query}"
        answer = self._ask("POST", path, body)
        told: dict[str, Any] = answer.json()
        for one in told.get("results", [told]):
            self._note(task["execution_id"], one, answer)
        return told

    def _note(self, execution_id: str, told: dict[str, Any], answer: httpx.Response) -> None:
        if "seq" in told:
            named = told["event_id"], told["seq"], told["recorded_at"]
            self._journal.is_acknowledged(self._name, Ack(execution_id, *named, time.monotonic()))
        elif not str(told.get("type")).endswith(_EXPLAINED):
            sent = answer.request.content.decode()
            self._journal.is_surprised(f"{self._name}: {execution_id}: {sent} answered {told}")

    def _ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        self._journal.asks(self._name)
        answer = self._caller.send(method, path, body)
        # A poll is left waiting on purpose.
        self._journal.is_answered(self._name, allowed_s=_POLL_SECONDS if method == "GET" else 0)
        return answer
