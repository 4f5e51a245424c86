"""The shapes of the contract (``docs/api.md``), made from states. Pure.

Values are plain Python: datetimes stay datetimes and are written as RFC 3339 by the encoder.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from app.domain.agents import Agent
from app.domain.blockers import Blocker
from app.domain.execution import Execution, Header, TaskState
from app.domain.execution_graph import ExecutionGraph
from app.domain.plan import Breakdown, Subtask
from app.domain.schedule import Outlook
from app.domain.states import ExecutionStatus, SubtaskStatus
from app.domain.why import Why
from app.live.work import AgentFigures
from app.record.agents import TrackRecord

NEIGHBOURS: Final = 5
"""How many previous and upcoming subtasks of the same task an agent is shown."""

View = dict[str, Any]


def execution_view(header: Header, forecast: dt.datetime | None = None) -> View:
    """Give an execution with its progress. ``percent`` is completed tasks of all tasks."""
    return {
        "execution_id": header.execution_id,
        "plan_id": header.plan_id,
        "plan_title": header.title,
        "plan_version": header.plan_version,
        "agent_id": header.agent_id,
        "ordering": header.ordering,
        "status": header.status,
        "status_message": header.status_message,
        "progress": progress_view(header),
        "counts": counts_view(header.counts),
        "open_blockers": header.open_blockers,
        "created_at": header.created_at,
        "started_at": header.started_at,
        "completed_at": header.completed_at,
        "forecast_end_at": forecast,
        "updated_at": header.updated_at,
        "seq": header.seq,
    }


def progress_view(header: Header) -> View:
    """Give the numbers a progress bar needs."""
    return {
        "tasks_completed": header.tasks_done,
        "tasks_total": header.tasks_total,
        "percent": percent(header.tasks_done, header.tasks_total),
        "subtasks_completed": header.subtasks_done,
        "subtasks_total": header.subtasks_total,
        "current_task_id": header.current_subtask_id,
        "current_task_title": header.current_title,
    }


def percent(done: int, total: int) -> int:
    """Give whole percent, never 100 before all is done."""
    return done * 100 // total if total else 0


def tree_view(execution: Execution, why: Mapping[str, View], outlook: Outlook) -> View:
    """Give phases → tasks → subtasks with their states; ``why`` by id, of those not done."""
    graph = execution.graph
    return {
        "planned_from": outlook.begin,
        "planned_end_at": outlook.begin + outlook.schedule.length,
        "forecast_end_at": outlook.end,
        "phases": [
            {
                "phase_id": phase.phase_id,
                "name": phase.name,
                "status": _sum(execution.tasks[one] for one in phase.tasks),
                "tasks": [_task_view(execution, one, why, outlook) for one in phase.tasks],
            }
            for phase in graph.phases
        ],
    }


def _sum(tasks: Any) -> SubtaskStatus:
    total = TaskState()
    for task in tasks:
        counts = dict(total.counts)
        for status, count in task.counts.items():
            counts[status] = counts.get(status, 0) + count
        total = TaskState(counts=counts)
    return total.status


def _task_view(
    execution: Execution, task_id: str, why: Mapping[str, View], outlook: Outlook
) -> View:
    node, task = execution.graph.tasks[task_id], execution.tasks[task_id]
    slot = outlook.schedule.slots[task_id]
    total = sum(task.counts.values())
    return {
        "task_id": task_id,
        "title": node.title,
        "status": task.status,
        "progress_percent": percent(total - task.unfinished, total),
        "agent_id": node.agent_id or execution.header.agent_id,
        "prerequisites": node.prerequisites,
        "implied_prerequisites": node.implied,
        "estimated_hours": node.estimated_hours,
        "planned_start_at": outlook.begin + slot.start,
        "planned_end_at": outlook.begin + slot.end,
        "critical": slot.critical,
        "started_at": task.started_at,
        "completed_at": task.completed_at,
        "why": why.get(task_id),
        "subtasks": [row_view(execution, one, why.get(one)) for one in node.subtasks],
    }


def row_view(execution: Execution, subtask_id: str, why: View | None) -> View:
    """Give one subtask as the tree shows it."""
    node, state = execution.graph.subtasks[subtask_id], execution.subtasks[subtask_id]
    return {
        "subtask_id": subtask_id,
        "title": node.title,
        "action": node.action,
        "status": state.status,
        "attempt": state.attempt,
        "max_attempts": node.retry_policy.max_attempts,
        "progress_percent": state.progress_percent,
        "agent_id": state.agent_id,
        "started_at": state.started_at,
        "completed_at": state.completed_at,
        "last_event_at": state.last_event_at,
        "due_at": state.due_at,
        "result": state.result,
        "error_type": state.error_type,
        "error_message": state.error_message,
        "why": why,
    }


def why_view(why: Why) -> View:
    """Give why something is not running."""
    return {
        **msgspec.structs.asdict(why),
        "actions": [msgspec.structs.asdict(one) for one in why.actions],
    }


class Closure(msgspec.Struct, frozen=True):
    """How a blocker was closed.

    ``resolution`` is a person's answer; or completed, superseded or agent_online where it settled
    by itself; or failed, cancelled or completed as its execution.
    """

    resolution: str
    by: str
    at: dt.datetime | None


def blocker_view(
    execution_id: str | None,
    blocker: Blocker,
    closure: Closure | None = None,
    graph: ExecutionGraph | None = None,
) -> View:
    """Give a blocker; without a closure it is open. The graph tells what it is about."""
    node = graph.subtasks.get(blocker.task_id) if graph else None
    return {
        "task_title": node.title if node else None,
        "action": node.action if node else None,
        "params": node.params if node else None,
        "blocker_id": blocker.blocker_id,
        "execution_id": execution_id,
        "task_id": blocker.task_id or None,
        "kind": blocker.kind,
        "message": blocker.message,
        "suggestions": blocker.suggestions,
        "next_step_options": blocker.options,
        "owner": blocker.owner,
        "opened_at": blocker.opened_at,
        "next_check_at": blocker.next_check_at,
        "expires_at": blocker.expires_at,
        "holds_up": blocker.holds_up,
        "status": "RESOLVED" if closure else "OPEN",
        "resolution": closure.resolution if closure else None,
        "resolved_by": closure.by if closure else None,
        "resolved_at": closure.at if closure else None,
    }


def open_blocker_views(execution: Execution) -> list[View]:
    """Give the open blockers of an execution with everything loaded, most blocking first."""
    states = execution.subtasks.values()
    found = [execution.header.blocker, *(state.blocker for state in states)]
    blockers = sorted((one for one in found if one), key=lambda one: (-one.holds_up, one.opened_at))
    execution_id, graph = execution.header.execution_id, execution.graph
    return [blocker_view(execution_id, one, graph=graph) for one in blockers]


def work_view(
    execution: Execution, subtask_id: str, lease_ends_at: dt.datetime, *, redelivered: bool
) -> View:
    """Give one leased subtask as an agent gets it, with the context it may build on."""
    node, state = execution.graph.subtasks[subtask_id], execution.subtasks[subtask_id]
    lease = state.lease
    return {
        "execution_id": execution.header.execution_id,
        "plan_id": execution.header.plan_id,
        "task_id": subtask_id,
        "parent_task_id": node.task_id,
        "title": node.title,
        "description": node.description,
        "action": node.action,
        "params": {**node.params, **((state.resolution or {}).get("params") or {})},
        "attempt": state.attempt,
        "lease_token": lease.token if lease else "",
        "lease_expires_at": lease_ends_at,
        "timeout_hours": node.timeout_hours,
        "retry_policy": msgspec.to_builtins(node.retry_policy),
        "redelivered": redelivered,
        "kind": lease.kind if lease else "run",
        "context": _context(execution, subtask_id),
    }


def _context(execution: Execution, subtask_id: str) -> View:
    graph, state = execution.graph, execution.subtasks[subtask_id]
    node = graph.subtasks[subtask_id]
    siblings = graph.tasks[node.task_id].subtasks
    here = siblings.index(subtask_id)
    results = {
        one: execution.subtasks[one].result
        for one in graph.inputs(subtask_id)
        if one in execution.subtasks and execution.subtasks[one].status.done
    }
    last_error = None
    if state.error_type or state.error_message:
        last_error = {"error_type": state.error_type, "error_message": state.error_message}
    return {
        "plan_goal": graph.goal,
        "task_title": graph.tasks[node.task_id].title,
        "success_criteria": node.success_criteria,
        "prerequisite_results": results,
        "previous_tasks": _titles(graph, siblings[max(0, here - NEIGHBOURS) : here]),
        "upcoming_tasks": _titles(graph, siblings[here + 1 : here + 1 + NEIGHBOURS]),
        "last_error": last_error,
        "resolution": state.resolution,
    }


def _titles(graph: ExecutionGraph, subtask_ids: list[str]) -> list[View]:
    return [{"task_id": one, "title": graph.subtasks[one].title} for one in subtask_ids]


def control_view(header: Header) -> View:
    """Tell an agent whether to go on: the check before each task."""
    return {
        "status": header.status,
        "force_pause": header.status is ExecutionStatus.PAUSED,
        "force_cancel": header.status in (ExecutionStatus.CANCELLED, ExecutionStatus.FAILED),
        "reason": header.status_message,
    }


def agent_view(
    agent: Agent, stands: AgentFigures, track: TrackRecord, heard_since: dt.datetime
) -> View:
    """Give an agent, with how it stands; one heard of after ``heard_since`` is on line."""
    heard = stands.last_contact_at
    return {
        "agent_id": agent.agent_id,
        "name": agent.name,
        "role": agent.role,
        "capabilities": [msgspec.to_builtins(one) for one in agent.capabilities],
        "max_concurrent_tasks": agent.max_concurrent_tasks,
        "webhook_url": agent.webhook_url,
        "status": "PAUSED" if agent.paused_at else "ACTIVE",
        "paused_at": agent.paused_at,
        "paused_by": agent.paused_by,
        "created_at": agent.created_at,
        "last_contact_at": heard,
        "online": heard is not None and heard >= heard_since and not stands.given_up,
        "running": stands.running,
        "queued": stands.queued,
        "subtasks_completed": track.completed,
        "attempts": track.attempts,
        "success_rate": track.success_rate,
    }


def breakdown_view(breakdown: Breakdown) -> View:
    """Give a breakdown as the contract's decomposition."""
    return {
        "task_id": breakdown.task_id,
        "version": breakdown.version,
        "decomposition_confidence": breakdown.confidence,
        "confidence_reasons": breakdown.confidence_reasons,
        "confidence_parts": [msgspec.to_builtins(one) for one in breakdown.parts],
        "uncovered": breakdown.uncovered,
        "needs_review": breakdown.needs_review,
        "strategy": breakdown.strategy,
        "executable_subtasks": [subtask_view(one) for one in breakdown.subtasks],
        "execution_sequence": [one.subtask_id for one in breakdown.subtasks],
        "notes": breakdown.notes,
        "warnings": [msgspec.to_builtins(one) for one in breakdown.warnings],
        "usage": breakdown.usage,
        "approved_by": breakdown.approved_by,
        "approved_at": breakdown.approved_at,
        "edited_by": breakdown.edited_by,
        "edited_at": breakdown.edited_at,
        "note": breakdown.note,
        "changes": breakdown.changes,
    }


def subtask_view(subtask: Subtask) -> View:
    """Give one executable subtask of a breakdown."""
    return msgspec.to_builtins(subtask)


def counts_view(counts: Mapping[SubtaskStatus, int]) -> View:
    """Give how many subtasks stand in each status."""
    return {str(status): count for status, count in counts.items() if count}
