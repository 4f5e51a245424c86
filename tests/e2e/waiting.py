"""What waits for a person, made to order on the shared run."""

from typing import Any

from .browsing import EVIL, Hand
from .running import Serving

LETTER = {
    "to": "marie@harbour.example",
    "subject": "Two berths",
    "body": f"Dear Marie,\nmay we call you? {EVIL}",
}


class Desk(Hand):
    """An agent whose plan asks for people: an approval, a failure, then a task for a person."""

    def _plan(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [
            {
                "title": f"Write to Marie {EVIL}",
                "action": "noop",
                "params": LETTER,
                "requires_approval": True,
                "success_criteria": ["A date is asked for"],
            },
            {"title": "Order the lamps", "action": "noop"},
            {"title": f"Taste the menus {EVIL}", "action": "noop", "assignee": "human"},
        ]
        tasks = [{"task_id": "t0", "title": "Prepare", "subtasks": steps}]
        return {"title": self.title, "phases": [{"name": "All", "tasks": tasks}]}

    def approve(self, execution_id: str) -> None:
        """Allow what waits for it, as somebody else would."""
        with self._run.api() as api:
            path = f"/api/executions/{execution_id}/blockers"
            (waiting,) = api.get(f"{path}?status=OPEN").json()["items"]
            answer = {"resolution": "approve"}
            assert api.post(f"{path}/{waiting['blocker_id']}/resolve", json=answer).is_success

    def waits(self, execution_id: str) -> int:
        """Count what it waits for."""
        with self._run.api() as api:
            return int(api.get(f"/api/executions/{execution_id}").json()["open_blockers"])

    def give_up(self) -> None:
        """Take the next task and ask a person what to do instead."""
        self.fail(
            "The lamp is out of stock.",
            error_type="permanent",
            suggestions=[f"Take the brass one {EVIL}", "Ask in Quimper"],
        )


def evidence_of(run: Serving, execution_id: str) -> list[dict[str, Any]]:
    """Give what was brought as evidence of any subtask."""
    with run.api() as api:
        events: Any = api.get(f"/api/executions/{execution_id}/events?limit=1000").json()
    return [one for event in events["items"] for one in event["evidence"]]
