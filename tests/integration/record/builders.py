"""Plans, executions and events as the tests of the record need them."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from app.domain.events import FIRST_HASH, Event, EventType, SealedEvent, seal
from app.domain.execution import Header
from app.domain.plan import Breakdown, Phase, Plan, Subtask, Task
from app.record.batches import LoggedEvent

WORKSPACE = "ws_1"
NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def make_plan(plan_id: str = "plan_1", phases: int = 2, tasks: int = 3, **fields: Any) -> Plan:
    return Plan(
        plan_id=plan_id,
        title="Build a lighthouse",
        phases=[
            Phase(
                f"phase_{phase}",
                f"Phase {phase}",
                [
                    Task(f"task_{phase}_{number}", f"Task {number}", context={"b": 1, "a": [2]})
                    for number in range(tasks)
                ],
            )
            for phase in range(phases)
        ],
        **fields,
    )


def make_breakdown(task_id: str, subtasks: int = 2, **fields: Any) -> Breakdown:
    given: dict[str, Any] = {
        "strategy": "rules",
        "confidence": 0.9,
        "confidence_reasons": ["short"],
        **fields,
    }
    return Breakdown(
        task_id=task_id,
        subtasks=[
            Subtask(
                f"{task_id}.{number}", f"Step {number}", "perform_task", params={"z": 1, "a": 2}
            )
            for number in range(subtasks)
        ],
        **given,
    )


def make_header(execution_id: str = "exec_1", plan_id: str = "plan_1", **fields: Any) -> Header:
    given: dict[str, Any] = {
        "agent_id": "agent_1",
        "ordering": "dependencies",
        "created_at": NOON,
        **fields,
    }
    return Header(execution_id=execution_id, workspace_id=WORKSPACE, plan_id=plan_id, **given)


def make_events(
    count: int, execution_id: str = "exec_1", first: int = 1, **fields: Any
) -> list[SealedEvent]:
    given: dict[str, Any] = {
        "event_type": EventType.NOTE,
        "actor": "agent_1",
        "status": "RUNNING",
        **fields,
    }
    events = [
        Event(
            seq=seq,
            event_id=f"evt_{execution_id}_{seq}",
            execution_id=execution_id,
            recorded_at=NOON + dt.timedelta(seconds=seq),
            **given,
        )
        for seq in range(first, first + count)
    ]
    return seal(events, FIRST_HASH)


def logged(events: Iterable[SealedEvent]) -> list[LoggedEvent]:
    return [
        LoggedEvent(WORKSPACE, sealed.event.execution_id, sealed.body, sealed.hash)
        for sealed in events
    ]
