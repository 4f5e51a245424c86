"""What goes on in an execution, in sentences; ``js/sentences.js`` says the same, live."""

from typing import Final

from app.dashboard.ports import Wire
from app.dashboard.presentation import percent, reason, subtasks_of, tasks_of

MOST_OF_A_KIND: Final = 3
_OUTSIDE: Final = ("external_wait", "retry_later")
_STANDSTILL: Final = ("at_capacity", "no_capable_agent", "paused")
_HELD_UP: Final = frozenset({"BLOCKED", "RETRYING"})
_ENDED: Final = ("COMPLETED", "FAILED", "CANCELLED")


def sentences(execution: Wire, tree: Wire) -> list[Wire]:
    """Say what is worked on, what is waited for, who is silent, and what comes next.

    Each: ``text``, ``tone``, ``item`` it is about; ``since`` and ``until`` where they are known.
    """
    if execution["status"] in _ENDED:
        return []
    all_rows = subtasks_of(tree)
    told = [
        *[_current(row) for row in all_rows if row["status"] == "RUNNING"][:MOST_OF_A_KIND],
        *[_waits(row) for row in all_rows if _cause(row) in _OUTSIDE][:MOST_OF_A_KIND],
    ]
    silent = next((row for row in all_rows if _cause(row) == "no_contact"), None)
    if silent:
        told.append(_silence(silent))
    stuck = next((row for row in all_rows if _cause(row) in _STANDSTILL), None)
    if stuck:
        told.append(_sentence(reason(stuck["why"]), "wait", stuck))
    coming = _next(tree)
    if coming:
        told.append(_sentence(f"Next up: {coming['title']}", "idle", coming))
    return told


def _next(tree: Wire) -> Wire | None:
    """Choose what is ready, or else what waits in a task that nothing holds up."""
    free = [
        row
        for task in tasks_of(tree)
        if _HELD_UP.isdisjoint(one["status"] for one in task["subtasks"])
        for row in task["subtasks"]
        if row["status"] == "QUEUED"
    ]
    ready = (row for row in subtasks_of(tree) if row["status"] == "READY")
    return next(ready, free[0] if free else None)


def _current(row: Wire) -> Wire:
    share = f" ({percent(row['progress_percent'])})" if row.get("progress_percent") else ""
    return _sentence(f"Current: {row['title']}{share}", "run", row)


def _waits(row: Wire) -> Wire:
    told = reason(row["why"]).rstrip(".") or row["title"]
    begins = told.casefold().startswith(("wait", "attempt"))
    text = told if begins else f"Waiting: {told}"
    return _sentence(text, "wait", row) | {
        "since": row["why"].get("since"),
        "until": row["why"].get("until"),
    }


def _silence(row: Wire) -> Wire:
    since = row["why"].get("since")
    text = "No agent has asked for work for" if since else "No agent has asked for work yet"
    return _sentence(text, "wait", row) | {"lasting": since}


def _sentence(text: str, tone: str, row: Wire) -> Wire:
    return {"text": text, "tone": tone, "item": row["subtask_id"]}


def _cause(row: Wire) -> str:
    why = row.get("why")
    return str(why.get("cause") or "") if isinstance(why, dict) else ""
