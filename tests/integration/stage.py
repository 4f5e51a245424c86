"""What tests of services, API and workers share: a clock to turn, plans, an agent's reports."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from app.domain import commands as c
from app.domain.events import EventType
from app.domain.ids import new_id
from app.services import Services
from app.services.clock import Clock
from app.services.identity import Principal
from app.services.work import Poll

T = TypeVar("T")


class TurnedClock:
    """The real time, moved by as much as a test wants."""

    def __init__(self) -> None:
        self._ahead = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self._ahead

    def advance(self, **by: float) -> None:
        """Move the time on; takes what ``timedelta`` takes."""
        self._ahead += dt.timedelta(**by)


def wait_until(what: str, holds: Callable[[], T], seconds: float = 10) -> T:
    """Look again and again until a described condition holds; give what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(0.01)
    return found


def plan_document(tasks: int = 2, subtasks: int = 2, **fields: Any) -> dict[str, Any]:
    """Write a plan of chained tasks, each of chained subtasks that any agent here performs."""
    return {
        "title": "Build a lighthouse",
        "goal": "Ships find the harbour",
        "phases": [
            {
                "name": "Build",
                "tasks": [
                    {
                        "task_id": f"t{task}",
                        "title": f"Task {task}",
                        "prerequisites": [f"t{task - 1}"] if task else [],
                        "subtasks": [
                            {
                                "subtask_id": f"t{task}s{number}",
                                "title": f"Step {number} of task {task}",
                                "action": "noop",
                            }
                            for number in range(subtasks)
                        ],
                    }
                    for task in range(tasks)
                ],
            }
        ],
        **fields,
    }


def wide_plan(subtasks: int, **step: Any) -> dict[str, Any]:
    """Write a plan of one task whose subtasks may all run at once."""
    document = plan_document(1, subtasks)
    for one in document["phases"][0]["tasks"][0]["subtasks"]:
        one.update(prerequisites=[], **step)
    return document


class Process(Protocol):
    """Wires all services as in a process of its own."""

    def __call__(self, clock: Clock | None, **changes: Any) -> Services:
        """Go by this clock, or by Redis' time; ``changes`` are settings unlike the others'."""
        ...


class Stage:
    """One workspace in which plans are stored, started and carried out through the services."""

    def __init__(self, services: Services, owner: Principal) -> None:
        self.services = services
        self.owner = owner
        self.workspace_id = owner.workspace_id

    def plan(self, document: dict[str, Any]) -> str:
        """Store a plan and break it down."""
        plan_id: str = self.services.plans.import_json(self.owner, document)["plan_id"]
        self.services.decomposition.decompose(self.workspace_id, plan_id, 1)
        return plan_id

    def agent(self, **fields: Any) -> Principal:
        """Register an agent."""
        request = {"name": "Worker", "capabilities": [{"action": "noop"}], **fields}
        agent_id = self.services.agents.register(self.owner, request)["agent_id"]
        return Principal(self.workspace_id, "Worker", agent_id=agent_id)

    def execution(self, agent: Principal, document: dict[str, Any] | None = None) -> str:
        """Start a plan with an agent."""
        plan_id = self.plan(document or plan_document())
        request = {"plan_id": plan_id, "agent_id": agent.agent_id}
        execution_id: str = self.services.executions.create(self.owner, request)["execution_id"]
        return execution_id

    def poll(self, agent: Principal, **asked: Any) -> dict[str, Any] | None:
        """Ask for work once."""
        return self.services.work.poll(agent, agent.agent_id or "", Poll(**asked))

    def report(
        self,
        agent: Principal,
        execution_id: str,
        event_type: EventType,
        task_id: str,
        **fields: Any,
    ) -> dict[str, Any]:
        """Report one event and give the answer; a refusal is raised."""
        report = c.Report(
            event_type=event_type,
            agent_id=agent.agent_id or "",
            event_id=fields.pop("event_id", new_id("evt")),
            task_id=task_id,
            **fields,
        )
        (answer,) = self.services.reports.report(agent, execution_id, [report])
        if answer.refusal:
            raise answer.refusal
        return answer.view or {}

    def carry_out(self, agent: Principal, most: int = 1_000_000) -> int:
        """Complete what there is, at most so many subtasks; give how many."""
        done = 0
        while done < most and (work := self.poll(agent)):
            task = work["next_task"]
            self.report(
                agent,
                task["execution_id"],
                EventType.TASK_COMPLETE,
                task["task_id"],
                output_data={"done": done},
            )
            done += 1
        return done

    def status(self, execution_id: str) -> str:
        """Tell where an execution stands."""
        return str(self.services.executions.get(self.workspace_id, execution_id)["status"])

    def subtask(self, execution_id: str, subtask_id: str) -> dict[str, Any]:
        """Give one subtask of the tree."""
        tree = self.services.executions.tree(self.workspace_id, execution_id)
        rows = [
            row
            for phase in tree["phases"]
            for task in phase["tasks"]
            for row in task["subtasks"]
            if row["subtask_id"] == subtask_id
        ]
        return rows[0]

    def seqs(self, execution_id: str, **asked: Any) -> list[int]:
        """Give the ``seq`` of every event, page by page."""
        found: list[int] = []
        cursor: str | None = None
        while True:
            page = self.services.history.page(
                self.workspace_id, execution_id, cursor=cursor, **asked
            )
            found += [one["seq"] for one in page.items]
            if page.next_cursor is None:
                return found
            cursor = page.next_cursor
