"""Columns of a table of tasks, told by their headings: for CSV files and tables in Markdown."""

from collections.abc import Sequence
from typing import Final

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "task",
        "title",
        "task name",
        "task title",
        "name",
        "activity",
        "action item",
        "todo",
    ),
    "phase": (
        "phase",
        "section",
        "stage",
        "milestone",
        "epic",
        "workstream",
        "group",
        "phase name",
    ),
    "subtask": ("subtask", "sub-task", "step", "subtask name"),
    "id": ("id", "task id", "#", "no", "no.", "nr", "key", "wbs", "number"),
    "needs": (
        *("depends on", "dependencies", "dependency", "predecessors", "predecessor", "after"),
        *("prerequisites", "prerequisite", "blocked by", "depends", "requires"),
    ),
    "description": ("description", "details", "notes", "detail", "comment", "comments"),
    "hours": (
        "hours",
        "estimated hours",
        "estimate (h)",
        "hours (est)",
        "effort (h)",
        "effort (hours)",
    ),
    "days": ("days", "duration (days)", "duration (d)", "estimated days", "effort (days)"),
    "effort": ("duration", "estimate", "effort", "time", "estimated time", "estimated duration"),
    "role": ("owner", "assignee", "role", "responsible", "assigned to", "who", "assignee role"),
    "done": ("done", "status", "state", "complete", "completed"),
    "risk": ("risk", "risks"),
    "mitigation": ("mitigation", "response", "countermeasure", "mitigation strategy"),
}
"""What a column holds, and the headings it goes by."""

_KIND: Final = {heading: kind for kind, headings in COLUMNS.items() for heading in headings}


def kinds_of(headings: Sequence[str]) -> dict[int, str]:
    """Tell what each column holds; those with an unknown heading are left out, as are repeats."""
    found: dict[int, str] = {}
    for place, heading in enumerate(headings):
        kind = _KIND.get(" ".join(heading.replace("_", " ").split()).casefold())
        if kind and kind not in found.values():
            found[place] = kind
    if "title" not in found.values() and "subtask" in found.values():
        # With steps alone, the steps are the tasks.
        found = {place: "title" if kind == "subtask" else kind for place, kind in found.items()}
    return found


def is_task_table(kinds: dict[int, str]) -> bool:
    """Tell whether a table lists tasks: it names them, and something else about them."""
    return "title" in kinds.values()
