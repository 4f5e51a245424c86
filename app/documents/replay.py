"""An execution as it was at an event, as text and as a page."""

from collections.abc import Iterator

from app.documents.pages import render
from app.documents.wording import moment, plain, who
from app.domain.execution import Execution, Header, SubtaskState
from app.domain.states import SubtaskStatus
from app.services.replay import Replayed

_SIGNS = {
    SubtaskStatus.QUEUED: "·",
    SubtaskStatus.READY: "○",
    SubtaskStatus.RUNNING: "▶",
    SubtaskStatus.RETRYING: "↻",
    SubtaskStatus.BLOCKED: "!",
    SubtaskStatus.COMPLETED: "✓",
    SubtaskStatus.SKIPPED: "»",
    SubtaskStatus.FAILED: "✗",
    SubtaskStatus.CANCELLED: "-",
}


def to_text(replayed: Replayed) -> str:
    """Write the tree for a terminal."""
    return "\n".join(plain(line) for line in _lines(replayed))


def to_html(replayed: Replayed) -> str:
    """Make a page that needs no other file."""
    execution = replayed.execution
    return render(
        "replay.html",
        header=execution.header,
        graph=execution.graph,
        execution=execution,
        event=replayed.event,
        events=replayed.events,
        about_event=_about_event(replayed),
        about={one: _about(state) for one, state in execution.subtasks.items()},
    )


def _lines(replayed: Replayed) -> Iterator[str]:
    execution = replayed.execution
    header = execution.header
    yield _about_header(header)
    yield _about_event(replayed)
    yield ""
    for phase in execution.graph.phases:
        yield phase.name or phase.phase_id
        for task_id in phase.tasks:
            yield from _task_lines(execution, task_id)


def _task_lines(execution: Execution, task_id: str) -> Iterator[str]:
    node, task = execution.graph.tasks[task_id], execution.tasks[task_id]
    yield f"  {_SIGNS[task.status]} {node.title} [{task_id}] {task.status}"
    for subtask_id in node.subtasks:
        state = execution.subtasks[subtask_id]
        title = execution.graph.subtasks[subtask_id].title
        about = _about(state)
        yield f"    {_SIGNS[state.status]} {title} [{subtask_id}] {state.status}{about}"


def _about_header(header: Header) -> str:
    done = f"{header.tasks_done} of {header.tasks_total} tasks"
    subtasks = f"{header.subtasks_done} of {header.subtasks_total} subtasks done"
    told = f": {header.status_message}" if header.status_message else ""
    agent = f", agent {header.agent_id}" if header.agent_id else ""
    return f"{header.title} — {header.status}{told} — {done}, {subtasks}{agent}"


def _about_event(replayed: Replayed) -> str:
    event = replayed.event
    about = f" {event.task_id}" if event.task_id else ""
    return (
        f"After event {event.seq} of {replayed.events}, {moment(event.recorded_at)} UTC: "
        f"{event.event_type}{about} by {who(event.actor)}"
    )


def _about(state: SubtaskState) -> str:
    told: list[str] = []
    if state.attempt:
        told.append(f"attempt {state.attempt}")
    if state.agent_id:
        told.append(f"by {state.agent_id}")
    if state.progress_percent and state.status is SubtaskStatus.RUNNING:
        told.append(f"{state.progress_percent:.0f} %")
    if state.due_at:
        told.append(f"again at {moment(state.due_at)}")
    if state.blocker:
        told.append(f"{state.blocker.kind.replace('_', ' ')}: {state.blocker.message}")
    elif state.error_message and not state.status.done:
        told.append(state.error_message)
    return f" — {', '.join(told)}" if told else ""
