"""The report of an execution as a page and as Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from app.documents.pages import render
from app.documents.wording import (
    amount,
    clip,
    duration,
    lateness,
    link,
    marked,
    moment,
    name_of,
    number,
    paragraph,
    plural,
    value,
    who,
)
from app.domain.execution_report import ExecutionReport, Happening, SubtaskReport, TaskReport
from app.domain.outcomes import Outcome


def to_html(report: ExecutionReport) -> str:
    """Make a page that needs no other file."""
    return render("report.html", report=report, phases=list(_phases(report)))


def to_markdown(report: ExecutionReport) -> str:
    """Make Markdown with tables, as common renderers read it."""
    return "\n".join(_lines(report)) + "\n"


def _phases(report: ExecutionReport) -> Iterator[tuple[str, list[TaskReport]]]:
    """Put tasks under their phases, in written order."""
    name, tasks = "", list[TaskReport]()
    for task in report.tasks:
        if task.phase != name and tasks:
            yield name, tasks
            tasks = []
        name = task.phase
        tasks.append(task)
    if tasks:
        yield name, tasks


def _lines(report: ExecutionReport) -> Iterator[str]:
    yield f"# {marked(report.title)}"
    yield ""
    if report.goal:
        yield paragraph(clip(report.goal))
        yield ""
    yield from _facts(report)
    yield from _outcomes(report)
    yield from _task_table(report)
    yield from _results(report)
    yield from _happenings("Deviations", report.deviations)
    yield from _happenings("What people did", report.interventions)
    yield from _blockers(report)
    yield from _agents(report)
    yield from ("## Proof", "")
    yield f"Made from {plural(report.events, 'event')} of the log. Hash of the last: "
    yield f"`{report.head_hash}`"


def _facts(report: ExecutionReport) -> Iterator[str]:
    spent = report.spent
    facts = [
        ("Execution", report.execution_id),
        ("Status", ". ".join(filter(None, (report.status, report.status_message)))),
        ("Plan", f"{report.plan_id}, version {report.plan_version}"),
        ("Tasks", f"{report.tasks_done} of {report.tasks_total} done"),
        ("Subtasks", f"{report.subtasks_done} of {report.subtasks_total} done"),
        ("Attempts", number(report.attempts)),
        ("Created", moment(report.created_at)),
        ("Started", moment(report.started_at)),
        ("Ended", moment(report.completed_at)),
        ("Lasted", duration(report.duration_seconds)),
        ("Worked", duration(spent.working_seconds)),
        ("Waited", duration(spent.waiting_seconds)),
        ("Blocked", duration(spent.blocked_seconds)),
        ("Input tokens", number(report.usage.input_tokens)),
        ("Output tokens", number(report.usage.output_tokens)),
        ("Cost", f"{number(report.usage.cost_usd)} USD"),
    ]
    yield from _table(("Fact", "Value"), [fact for fact in facts if fact[1]])


def _outcomes(report: ExecutionReport) -> Iterator[str]:
    if not report.outcomes:
        return
    yield from ("## Targets and results", "")
    yield from _table(("Metric", "Target", "Result", "Unit"), map(_outcome, report.outcomes))


def _outcome(one: Outcome) -> tuple[str, str, str, str]:
    return name_of(one.metric), amount(one.target), amount(one.result), one.unit


def _task_table(report: ExecutionReport) -> Iterator[str]:
    yield from ("## Tasks", "")
    names = ("Phase", "Task", "Status", "Started", "Ended", "Planned end", "Against the plan")
    names += ("Worked", "Waited", "Blocked")
    yield from _table(
        names,
        (
            (
                task.phase,
                task.title,
                task.status,
                moment(task.started_at),
                moment(task.completed_at),
                moment(task.planned_end_at),
                lateness(task.late_seconds),
                duration(task.spent.working_seconds),
                duration(task.spent.waiting_seconds),
                duration(task.spent.blocked_seconds),
            )
            for task in report.tasks
        ),
    )


def _results(report: ExecutionReport) -> Iterator[str]:
    yield from ("## Results", "")
    names = ("Task", "Subtask", "Status", "By", "Attempts", "Ended", "Result", "Evidence")
    yield from _table(
        names,
        (
            (
                task.title,
                one.title,
                one.status,
                who(one.done_by),
                str(one.attempts),
                moment(one.completed_at),
                value(one.result) or clip(one.message or one.error or ""),
                _evidence(one),
            )
            for task in report.tasks
            for one in task.subtasks
        ),
    )


def _evidence(subtask: SubtaskReport) -> str:
    return ", ".join(
        f"{one.get('name') or 'file'} {link(one.get('url')) or one.get('file_id') or ''}".strip()
        for one in subtask.evidence
    )


def _happenings(title: str, happenings: Sequence[Happening]) -> Iterator[str]:
    yield from (f"## {title}", "")
    if not happenings:
        yield from ("None.", "")
        return
    yield from _table(
        ("Event", "At", "What", "Where", "By", "Detail"),
        (
            (str(it.seq), moment(it.at), it.kind, it.title, who(it.actor), clip(it.detail))
            for it in happenings
        ),
    )


def _blockers(report: ExecutionReport) -> Iterator[str]:
    yield from ("## Blockers", "")
    if not report.blockers:
        yield from ("None.", "")
        return
    yield from _table(
        ("Kind", "Where", "Opened", "For", "Resolution", "By", "Message"),
        (
            (
                it.kind.replace("_", " "),
                it.title or "the execution",
                moment(it.opened_at),
                duration(it.seconds),
                it.resolution or ("" if it.resolved_at else "still open"),
                who(it.resolved_by),
                clip(it.message),
            )
            for it in report.blockers
        ),
    )


def _agents(report: ExecutionReport) -> Iterator[str]:
    yield from ("## Agents", "")
    names = ("Agent", "Attempts", "Completed", "Failed", "Tokens in", "Tokens out", "USD")
    yield from _table(
        names,
        (
            (
                it.agent_id,
                number(it.attempts),
                number(it.completed),
                number(it.failed),
                number(it.usage.input_tokens),
                number(it.usage.output_tokens),
                number(it.usage.cost_usd),
            )
            for it in report.agents
        ),
    )


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(marked(cell) for cell in row)} |"
    yield ""
