"""What came before an item: the results that it builds on, for who has to decide about it."""

from typing import Any, Final, cast

from app.dashboard.ports import Wire
from app.dashboard.presentation import find_item, tasks_of

MOST_RESULTS: Final = 12


def came_before(item: Wire, tree: Wire) -> list[Wire]:
    """List the results of what an item waited for, newest first.

    For a subtask these are the subtasks named to come before it, and those of the tasks before its
    own.

    Args:
        item: As its row of the tree and its graph tell together.
        tree: Where all items stand.
    """
    task = item.get("task") or item
    waited = {*(task.get("prerequisites") or ()), *(task.get("implied_prerequisites") or ())}
    found = [row for one in tasks_of(tree) if one["task_id"] in waited for row in one["subtasks"]]
    named = (find_item(tree, one["item_id"]) for one in item.get("after") or ())
    found += [row for row in named if row and "subtask_id" in row]
    told = [_told(row) for row in found if row.get("result") is not None]
    return sorted(told, key=lambda one: one["completed_at"] or "", reverse=True)[:MOST_RESULTS]


def output_of(result: Any) -> Any:
    """Give a result without the files it names, where all of these can be shown as links."""
    if not isinstance(result, dict):
        return result
    told, files = cast("Wire", result), evidence_of(cast("Wire", result))
    if not files or len(files) != len(told["evidence"]):
        return told
    return {name: one for name, one in told.items() if name != "evidence"} or None


def evidence_of(result: Any) -> list[Wire]:
    """List the files that an agent names in a result."""
    made: Any = cast("Wire", result).get("evidence") if isinstance(result, dict) else None
    named: list[Any] = made if isinstance(made, list) else []
    return list(filter(_is_evidence, named))


def _told(row: Wire) -> Wire:
    return {
        "item_id": row["subtask_id"],
        "title": row["title"],
        "completed_at": row.get("completed_at"),
        "result": output_of(row["result"]),
        "evidence": evidence_of(row["result"]),
    }


def _is_evidence(value: Any) -> bool:
    """Tell whether a value of an agent's has the shape: it may be anything."""
    if not isinstance(value, dict):
        return False
    told = cast("Wire", value)
    return all(isinstance(told.get(name, ""), str) for name in ("name", "url", "file_id"))
