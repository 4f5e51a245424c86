"""Documents: findings and drafts, as Markdown and PDF."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from planexe_agent import Task

from larry.folder import slug
from larry.paper import to_pdf
from larry.people import fill
from larry.tools import Result, Tools, answer_of_person, results

_LISTS: Final = {
    "places": ("name", "town", "phone", "website"),
    "hits": ("title", "url"),
    "websites": ("name", "url", "score", "summary"),
    "calls": ("name", "status", "interested", "transcript"),
    "replies": ("name", "interested", "text"),
    "sent": ("name", "to", "subject"),
}
_ROWS: Final = 200
_MESSAGE: Final = ("message", "email", "mail", "letter")


class Documents:
    """The actions that write."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def document_findings(
        self, task: Task, topic: str = "", person: str = "", file: str = "", text: str = ""
    ) -> Result:
        """Write down what was learned, so that the next step can build on it."""
        title = f"{topic or task.title}{f' ({person})' if person else ''}"
        told = [text] if text else []
        body = "\n\n".join([f"# {title}", *told, *_findings(task)])
        return self._written(task, file or f"findings-{slug(title, 'notes')}", body)

    def draft_document(
        self,
        task: Task,
        subject: str = "",
        file: str = "",
        audience: str = "",
        body: str = "",
        **known: Any,
    ) -> Result:
        """Write a document to the point where somebody can review it.

        ``body`` is the text where the plan brings it, with ``{gaps}`` for the other params.
        """
        title = subject or task.title
        if _is_message(title):
            message = fill(body, _texts(known)) if body else _message(task)
            written = self._written(task, file or slug(title, "message"), f"# {title}\n\n{message}")
            return {**written, "message": message}
        text = fill(body, _texts(known)) if body else "\n\n".join(_outline(task, audience))
        written = self._written(task, file or slug(title, "document"), f"# {title}\n\n{text}")
        return {**written, "document": title}

    def _written(self, task: Task, file: str, text: str) -> Result:
        stem = PurePath(file).stem if PurePath(file).suffix.lower() in (".md", ".pdf") else file
        links = [
            self._tools.write(task, f"{stem}.md", f"{text.strip()}\n".encode()),
            self._tools.write(task, f"{stem}.pdf", to_pdf(text)),
        ]
        return {"file": f"{stem}.md", "words": len(text.split()), "evidence": links}


def _findings(task: Task) -> Iterator[str]:
    for result in results(task):
        for name, columns in _LISTS.items():
            rows = result.get(name)
            if isinstance(rows, list) and rows:
                yield f"## {name.capitalize()}: {len(rows)}\n\n{_table(rows, columns)}"
        for name in ("summary", "told_by_owner", "transcript"):
            if isinstance(result.get(name), str):
                yield f"## {name.replace('_', ' ').capitalize()}\n\n{result[name]}"


def _outline(task: Task, audience: str) -> Iterator[str]:
    if audience:
        yield f"For {audience}."
    if task.context.get("plan_goal"):
        yield f"## Purpose\n\n{task.context['plan_goal']}"
    yield from _findings(task)
    told = answer_of_person(task)
    if told:
        yield f"## What the owner said\n\n{told}"
    criteria = task.context.get("success_criteria")
    if isinstance(criteria, list) and criteria:
        yield "## It is good when\n\n" + "\n".join(f"- {one}" for one in criteria)


def _message(task: Task) -> str:
    goal = str(task.context.get("plan_goal") or task.title).strip().rstrip(".")
    return f"Hello {{name}},\n\nI am writing to you about this: {goal}.\n\nMay I tell you more?\n"


def _is_message(title: str) -> bool:
    return title.lower().startswith(_MESSAGE)


def _texts(known: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in known.items()}


def _table(rows: Sequence[Any], columns: Sequence[str]) -> str:
    used = [column for column in columns if any(_cell(row, column) for row in rows)]
    head = f"| {' | '.join(used)} |\n|{'---|' * len(used)}"
    lines = [f"| {' | '.join(_cell(row, one) for one in used)} |" for row in rows[:_ROWS]]
    return "\n".join([head, *lines])


def _cell(row: Any, column: str) -> str:
    value = row.get(column) if isinstance(row, dict) else None
    return "" if value is None else " ".join(str(value).split()).replace("|", "/")
