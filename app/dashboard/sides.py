"""Two versions of a breakdown as two lists beside each other."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Final

from app.dashboard.ports import Wire

_MARKS: Final = {
    "added": ("added", "Added", "done"),
    "removed": ("removed", "Removed", "fail"),
    "changed": ("changed", "Changed", "wait"),
    "moved": ("moved", "Moved", "wait"),
    "same": ("same", "", ""),
}
_WORDS: Final = {
    "dependencies": "waits for",
    "timeout_hours": "time limit, hours",
    "success_criteria": "done when",
    "requires_approval": "asks for approval",
    "assignee": "done by",
    "retry_policy": "retries",
}
_UNTOLD: Final = frozenset({"title", "action", "reasons", "source"})


def sides_of(found: Wire) -> list[Wire]:
    """Make the two sides of a comparison; each step says how it differs from the other side."""
    return [_side(found, "from"), _side(found, "to")]


def aligned(sides: list[Wire]) -> list[tuple[Wire | None, Wire | None]]:
    """Put the steps of both sides in rows: what is in both in one, what is in one alone."""
    before, after = (side["steps"] for side in sides)
    ids = [[step["subtask_id"] for step in steps] for steps in (before, after)]
    found: list[tuple[Wire | None, Wire | None]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, *ids, autojunk=False).get_opcodes():
        if tag == "equal":
            found += zip(before[i1:i2], after[j1:j2], strict=True)
        else:
            found += [(step, None) for step in before[i1:i2]]
            found += [(None, step) for step in after[j1:j2]]
    return found


def _side(found: Wire, side: str) -> Wire:
    steps = found[f"{side}_subtasks"]
    titles = {
        step["subtask_id"]: step["title"]
        for step in (*found["from_subtasks"], *found["to_subtasks"])
    }
    return {
        "version": found[side],
        "confidence": found[f"{side}_confidence"],
        "steps": [_step(step, found, side, titles) for step in steps],
    }


def _step(step: Wire, found: Wire, side: str, titles: dict[str, str]) -> Wire:
    changes = next(
        (one["fields"] for one in found["changed"] if one["subtask_id"] == step["subtask_id"]), []
    )
    mark, label, tone = _MARKS[_mark(step, found, side, changed=bool(changes))]
    fields = [
        (_WORDS.get(one["field"], one["field"]), text)
        for one in changes
        if one["field"] not in _UNTOLD
        for text in [", ".join(_texts(one[side], titles)) or "nothing"]
    ]
    told = [one["field"] for one in changes]
    return {
        **step,
        "mark": mark,
        "label": label,
        "tone": tone,
        "fields": fields,
        "told_fields": told,
    }


def _mark(step: Wire, found: Wire, side: str, *, changed: bool) -> str:
    gone = {one["subtask_id"] for one in found["removed" if side == "from" else "added"]}
    if step["subtask_id"] in gone:
        return "removed" if side == "from" else "added"
    if changed:
        return "changed"
    return "moved" if step["subtask_id"] in found["moved"] else "same"


def _texts(value: Any, titles: dict[str, str]) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{name}: {one}" for name, one in value.items())
    elif isinstance(value, list):
        yield from (titles.get(str(one), str(one)) for one in value)
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif value not in ("", None):
        yield str(value)
