"""When tasks are planned to run, and when the whole is likely to end. Pure.

The critical path method: a task begins when the last of its prerequisites ends, as if somebody
were there for each. An hour of an estimate is an hour of the clock, since agents do not sleep.
Only edges between tasks count, those that the ordering added included.
"""

import datetime as dt
import statistics
from collections.abc import Mapping
from typing import Final

import msgspec

from app.domain.execution import Execution, Header, TaskState
from app.domain.execution_graph import ExecutionGraph
from app.domain.graph import topological_order

DEFAULT_HOURS: Final = 8.0
"""A task takes so long where no task of the plan has an estimate; else the median of those."""

MOST_AHEAD: Final = dt.timedelta(days=36_500)
"""Nothing is planned or forecast further ahead: an estimate may be any number."""

_NEGLIGIBLE: Final = dt.timedelta(seconds=1)
"""Slack that is only rounding."""


class Slot(msgspec.Struct, frozen=True):
    """When a task is planned, counted from the start of the execution.

    ``slack`` is how much later it may end without the whole ending later.
    """

    start: dt.timedelta
    end: dt.timedelta
    slack: dt.timedelta = dt.timedelta()

    @property
    def length(self) -> dt.timedelta:
        """How long it is thought to take."""
        return self.end - self.start

    @property
    def critical(self) -> bool:
        """Whether the whole ends later if this does."""
        return self.slack < _NEGLIGIBLE


class Schedule(msgspec.Struct, frozen=True):
    """The slots of all tasks, by id in an order in which they may run; ``length`` is the whole."""

    slots: dict[str, Slot]
    length: dt.timedelta


class Outlook(msgspec.Struct, frozen=True):
    """A schedule that begins at a moment, and when all is likely to ``end``; None once it has."""

    schedule: Schedule
    begin: dt.datetime
    end: dt.datetime | None


def look_ahead(schedule: Schedule, execution: Execution, now: dt.datetime) -> Outlook:
    """Join a schedule with how far an execution is; everything has to be loaded."""
    begin = planned_from(execution.header) or now
    return Outlook(schedule, begin, forecast_end(schedule, execution, now))


def make_schedule(graph: ExecutionGraph) -> Schedule:
    """Plan every task of a graph; costs the same per task and edge in every plan."""
    order = topological_order({one: node.prerequisites for one, node in graph.tasks.items()})
    usual = _usual_hours(graph)
    slots: dict[str, Slot] = {}
    for task_id in order:
        node = graph.tasks[task_id]
        start = max((slots[one].end for one in node.prerequisites), default=dt.timedelta())
        hours = usual if node.estimated_hours is None else node.estimated_hours
        slots[task_id] = Slot(start, min(start + _lasting(hours), MOST_AHEAD))
    length = max((slot.end for slot in slots.values()), default=dt.timedelta())
    latest = _latest_ends(graph, slots, length)
    return Schedule(
        {one: Slot(slot.start, slot.end, latest[one] - slot.end) for one, slot in slots.items()},
        length,
    )


def planned_from(header: Header) -> dt.datetime | None:
    """Give the moment that the plan counts from; None before it was started."""
    return header.started_at or header.queued_at


def forecast_end(schedule: Schedule, execution: Execution, now: dt.datetime) -> dt.datetime | None:
    """Say when all is likely to be done; None once it has ended.

    No sooner than the prerequisites allow at the pace so far, and no sooner than the rest takes
    if work goes on being done at the rate it was. Both count what is held up as if it went on now,
    or when it is due.
    """
    if execution.header.status.ended:
        return None
    begun = planned_from(execution.header) or now
    shares = {one: _share(execution.tasks.get(one)) for one in schedule.slots}
    soonest = _soonest_end(schedule, execution, shares, now)
    whole = sum((slot.length for slot in schedule.slots.values()), dt.timedelta())
    earned = sum(
        (shares[one] * slot.length for one, slot in schedule.slots.items()), dt.timedelta()
    )
    if earned and now > begun:
        soonest = max(soonest, now + _times(now - begun, (whole - earned) / earned))
    return min(soonest, now + MOST_AHEAD)


def _usual_hours(graph: ExecutionGraph) -> float:
    known = [one.estimated_hours for one in graph.tasks.values() if one.estimated_hours is not None]
    return statistics.median(known) if known else DEFAULT_HOURS


def _lasting(hours: float) -> dt.timedelta:
    return dt.timedelta(hours=min(max(hours, 0), MOST_AHEAD / dt.timedelta(hours=1)))


def _latest_ends(
    graph: ExecutionGraph, slots: Mapping[str, Slot], length: dt.timedelta
) -> dict[str, dt.timedelta]:
    latest: dict[str, dt.timedelta] = {}
    for task_id in reversed(list(slots)):
        after = graph.tasks[task_id].dependents
        latest[task_id] = min((latest[one] - slots[one].length for one in after), default=length)
    return latest


def _soonest_end(
    schedule: Schedule, execution: Execution, shares: Mapping[str, float], now: dt.datetime
) -> dt.datetime:
    pace = _pace(schedule, execution.tasks)
    ends: dict[str, dt.datetime] = {}
    for task_id, slot in schedule.slots.items():
        node = execution.graph.tasks[task_id]
        start = max([now, *(ends[one] for one in node.prerequisites)])
        left = _times(slot.length, pace * (1 - shares[task_id]))
        due = [state.due_at for one in node.subtasks if (state := execution.subtasks.get(one))]
        end = start + left if shares[task_id] < 1 else now
        ends[task_id] = min(max([end, *filter(None, due)]), now + MOST_AHEAD)
    return max(ends.values(), default=now)


def _times(span: dt.timedelta, factor: float) -> dt.timedelta:
    """Multiply, but to no more than can be added to a time."""
    return span * factor if factor * (span / MOST_AHEAD) < 1 else MOST_AHEAD


def _pace(schedule: Schedule, tasks: Mapping[str, TaskState]) -> float:
    """Say how many hours an hour of the estimates took so far; 1 while nothing is complete."""
    planned = actual = dt.timedelta()
    for task_id, state in tasks.items():
        if state.started_at and state.completed_at and not state.unfinished:
            planned += schedule.slots[task_id].length
            actual += max(state.completed_at - state.started_at, dt.timedelta())
    return actual / planned if planned else 1.0


def _share(task: TaskState | None) -> float:
    total = sum(task.counts.values()) if task else 0
    return (total - task.unfinished) / total if task and total else 0.0
