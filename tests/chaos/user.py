"""The user: gives plans to the agents, and answers what waits for a person."""

import itertools
import random
import threading
import uuid
from typing import Any, Final

from tests.chaos.caller import Caller, Over
from tests.chaos.journal import Journal

ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_CONFLICT: Final = 409
_LOOK_SECONDS: Final = 0.5
_RETRIES: Final = {
    "max_attempts": 6,
    "backoff": "exponential",
    "backoff_seconds": 0,
    "max_backoff_seconds": 1,
}


class User:
    """One hand of the user, for one thread. ``started`` collects the executions it was told of."""

    def __init__(
        self,
        caller: Caller,
        journal: Journal,
        agents: list[str],
        chance: random.Random,
        enough: threading.Event,
    ) -> None:
        """``enough`` tells that nothing new is to be begun."""
        self._caller = caller
        self._journal = journal
        self._agents = agents
        self._chance = chance
        self._enough = enough
        self.started: list[str] = []

    def create(self, at_once: int) -> None:
        """Keep a number of executions going until it is enough."""
        going: set[str] = set()
        try:
            while not self._enough.wait(_LOOK_SECONDS):
                going = {one for one in going if self._status(one) not in ENDED}
                for _ in itertools.repeat(None, at_once - len(going)):
                    if execution_id := self._start():
                        going.add(execution_id)
        except Over:
            return
        finally:
            self._caller.close()

    def answer(self, over: threading.Event) -> None:
        """Let everything that waits for a person be tried again."""
        try:
            while not over.wait(_LOOK_SECONDS):
                for item in self._caller.send("GET", "/api/inbox?limit=100").json()["items"]:
                    if path := item["links"].get("resolve"):
                        # Whatever the answer: it may have settled by itself meanwhile.
                        self._caller.send("POST", path, {"resolution": "retry"})
        except Over:
            return
        finally:
            self._caller.close()

    def _start(self) -> str | None:
        plan = self._post("/api/plans", _plan(self._chance))
        path = f"/api/plans/{plan['plan_id']}"
        while (status := self._caller.send("GET", path).json()["status"]) != "READY":
            if status not in ("IMPORTING", "DECOMPOSING"):
                self._journal.is_surprised(f"user: plan {plan['plan_id']} is {status}")
                return None
            self._caller.pause(_LOOK_SECONDS / 5)
        wanted = {"plan_id": plan["plan_id"], "agent_id": self._chance.choice(self._agents)}
        execution_id: str = self._post("/api/executions", wanted)["execution_id"]
        self.started.append(execution_id)
        return execution_id

    def _status(self, execution_id: str) -> str:
        return str(self._caller.send("GET", f"/api/executions/{execution_id}").json()["status"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        key = uuid.uuid4().hex
        while True:
            answer = self._caller.send("POST", path, body, **{"Idempotency-Key": key})
            if answer.is_success:
                return answer.json()
            # A try that was killed holds its key for a while.
            if answer.status_code != _CONFLICT:
                self._journal.is_surprised(f"user: POST {path} answered {answer.text}")
            self._journal.meets(f"POST {path}: {answer.status_code}")
            if self._enough.wait(_LOOK_SECONDS):
                raise Over  # Nobody was told that it was made.


def _plan(chance: random.Random) -> dict[str, Any]:
    """Make a plan of a few tasks, each after the one before or beside it."""
    count = chance.randint(2, 4)
    return {
        "title": f"Plan {chance.getrandbits(32):08x}",
        "phases": [{"name": "All", "tasks": [_task(number, chance) for number in range(count)]}],
    }


def _task(number: int, chance: random.Random) -> dict[str, Any]:
    after = [f"t{chance.randrange(number)}"] if number and chance.random() < 0.6 else []
    subtasks = [
        {"title": f"Step {number}.{step}", "action": "noop", "retry_policy": _RETRIES}
        for step in range(chance.randint(3, 8))
    ]
    if chance.random() < 0.5:
        subtasks = [{**one, "prerequisites": []} for one in subtasks]
    return {
        "task_id": f"t{number}",
        "title": f"Task {number}",
        "prerequisites": after,
        "subtasks": subtasks,
    }
