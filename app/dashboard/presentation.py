"""Words for people: what statuses, events and numbers are called on the pages.

``words.json`` is the one vocabulary; the templates read it here, the scripts find it in the page.
"""

import datetime as dt
import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from app.dashboard.choices import field_of, hinted, offered, told_after
from app.dashboard.ports import Page, Wire
from app.dashboard.values import laid_out, plain

WORDS: Final[dict[str, dict[str, dict[str, str]]]] = json.loads(
    Path(__file__).with_name("words.json").read_text()
)
_SPACE: Final = "\N{NO-BREAK SPACE}"
_MOST_SEGMENTS: Final = 80
_MOST_OPEN: Final = 40
_MOST_STEPS: Final = 1000
_GOOD_SHARE: Final = 0.75
_POOR_SHARE: Final = 0.4
_ENVELOPE: Final = ("from", "to", "recipient", "cc", "bcc", "subject")
_LONG: Final = 120
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_UNEXPLAINED: Final = frozenset({"COMPLETED", "SKIPPED", "CANCELLED", "RUNNING", "QUEUED"})
_OPEN_ONES: Final = frozenset({"RUNNING", "RETRYING", "BLOCKED", "FAILED", "READY"})


class Rows(msgspec.Struct, frozen=True):
    """One page of a list, ready to show."""

    items: list[Wire]
    next_cursor: str | None


NOTHING: Final = Rows([], None)
"""An empty list."""


def rows(page: Page) -> Rows:
    """Give a page of a list with values as on the wire."""
    return Rows([wire(row) for row in page.items], page.next_cursor)


def wire(view: Wire) -> Wire:
    """Give a view with values as on the wire: times in RFC 3339, statuses as plain text."""
    return msgspec.to_builtins(view)


def word(status: str) -> dict[str, str]:
    """Give label, tone and icon of a status; an unknown one is shown as it is."""
    label = status.replace("_", " ").capitalize()
    return WORDS["statuses"].get(status, {"label": label, "tone": "idle", "icon": "queued"})


def happening(event_type: str) -> dict[str, str]:
    """Give text and tone of an event type."""
    return WORDS["events"].get(event_type, {"text": event_type.replace("_", " "), "tone": "idle"})


def tally(progress: Wire) -> str:
    """Say how far an execution is: ``3/12 tasks complete (25 %)``."""
    done, total = progress.get("tasks_completed") or 0, progress.get("tasks_total") or 0
    return f"{done}/{total} tasks complete ({percent(progress.get('percent'))})"


def percent(value: Any) -> str:
    """Give a whole percentage; a part of the way is never rounded up to 100."""
    return f"{int(value or 0)}{_SPACE}%"


def confidence(value: float | None) -> str:
    """Give a confidence from 0 to 1 as a percentage."""
    return "unknown" if value is None else percent(value * 100)


def fill_tone(share: float) -> str:
    """Give the tone of a part of a confidence: what pulls it down stands out."""
    return "done" if share >= _GOOD_SHARE else "wait" if share >= _POOR_SHARE else "fail"


def repeated(step: Wire) -> list[str]:
    """Name the params that only repeat the step's own title or description."""
    params = step.get("params") or {}
    return [
        name
        for name in ("title", "description")
        if name in params and params[name] == step.get(name)
    ]


def utc(text: str) -> str:
    """Give a time on the wire for readers whose zone is not known."""
    moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def milliseconds_now() -> int:
    """Give the time by this clock, in milliseconds since 1970, for scripts to go by."""
    return int(dt.datetime.now(dt.UTC).timestamp() * 1000)


def lasting(text: str) -> str:
    """Say how long something lasts already, as ``age`` in ``js/time.js`` does."""
    seconds = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(text)).total_seconds()
    for size, unit in ((86_400, "day"), (3600, "h"), (60, "min")):
        if (count := int(seconds // size)) > 0:
            return f"{count} {unit}s" if unit == "day" and count > 1 else f"{count} {unit}"
    return "less than a minute"


def reason(why: Any) -> str:
    """Give the sentence that says why something is not running, or nothing."""
    if isinstance(why, dict):
        told: dict[str, Any] = why
        return str(told.get("detail") or told.get("cause") or "")
    return str(why or "")


def trouble(subtask: Wire) -> list[tuple[str, str]]:
    """Give the sentences under a subtask with their tones: why it waits, and what went wrong.

    One that just waits for others says nothing: its task does. Nothing is said twice.
    """
    status, error = subtask["status"], subtask.get("error_message") or ""
    why = "" if status in _UNEXPLAINED else reason(subtask.get("why"))
    told = [(why, "wait")] if why else []
    if error and status not in ("COMPLETED", "SKIPPED", "CANCELLED") and error not in why:
        told.append((error, "fail"))
    return told


def awaited(task: Wire) -> str:
    """Say what a whole task waits for, if it has not begun."""
    return reason(task.get("why")) if task["status"] == "QUEUED" else ""


def kind(name: str) -> dict[str, str]:
    """Give label and tone of a kind of blocker; an unknown one is shown as it is."""
    label = name.replace("_", " ").capitalize()
    return WORDS["blockers"].get(name, {"label": label, "tone": "wait"})


def letter(blocker: Wire) -> list[tuple[str, str, bool]]:
    """Give what is about to be sent or done: name, value, and whether the value is a long text.

    Who it goes to and what it is about come first; what only repeats the title is left out.
    """
    params: dict[str, Any] = blocker.get("params") or {}
    first = [name for name in _ENVELOPE if name in params]
    rest = [name for name in params if name not in first]
    shown = [(name, plain(params[name])) for name in (*first, *rest)]
    return [
        (name.replace("_", " "), value, len(value) > _LONG or "\n" in value)
        for name, value in shown
        if value != blocker.get("task_title")
    ]


def message_of(blocker: Wire) -> str:
    """Give what a blocker says beyond the title of its subtask."""
    message = str(blocker.get("message") or "")
    return message.removesuffix(blocker.get("task_title") or "").strip()


def tasks_of(tree: Wire) -> list[Wire]:
    """Give all tasks of a tree in written order."""
    return [task for phase in tree.get("phases", []) for task in phase.get("tasks", [])]


def named_documents(plan: Wire) -> list[tuple[str, list[str]]]:
    """Name the documents a plan asks for, by whether they are to be written or to be found.

    They are as the plan's author wrote them: what is no list of named documents is left out.
    """
    context = plan.get("context") or {}
    kinds = {"documents_to_create": "Documents to create", "documents_to_find": "To find"}
    found: list[tuple[str, list[str]]] = []
    for key, label in kinds.items():
        rows = context.get(key)
        listed: list[Any] = rows if isinstance(rows, list) else []
        names = [str(row["document_name"]) for row in listed if _is_named(row)]
        found += [(label, names)] if names else []
    return found


def _is_named(row: object) -> bool:
    return isinstance(row, dict) and bool(cast("Wire", row).get("document_name"))


def subtasks_of(tree: Wire) -> list[Wire]:
    """Give all subtasks of a tree in written order."""
    return [row for task in tasks_of(tree) for row in task.get("subtasks", [])]


def tasks_having(phase: Wire, status: str) -> list[Wire]:
    """Give the tasks of a phase that have a subtask of a status."""
    return [
        task for task in phase["tasks"] if status in [row["status"] for row in task["subtasks"]]
    ]


def find_item(tree: Wire, item_id: str) -> Wire | None:
    """Find a task or subtask of a tree; a subtask knows its ``task``."""
    for task in tasks_of(tree):
        if task["task_id"] == item_id:
            return task
        for row in task["subtasks"]:
            if row["subtask_id"] == item_id:
                return row | {"task": task}
    return None


def titles(tree: Wire) -> dict[str, str]:
    """Give titles by the id of every task and subtask."""
    found: dict[str, str] = {}
    for task in tasks_of(tree):
        found[task["task_id"]] = task["title"]
        found |= {row["subtask_id"]: row["title"] for row in task.get("subtasks", [])}
    return found


def segments(tree: Wire) -> list[tuple[str, int, int]]:
    """Cut a progress bar: status, start and length in tasks, in plan order.

    One piece per task while they can be told apart; above that, neighbours of one status join.
    """
    statuses = [str(task["status"]) for task in tasks_of(tree)]
    runs = [(status, len(list(run))) for status, run in groupby(statuses)]
    pieces = runs if len(statuses) > _MOST_SEGMENTS else [(status, 1) for status in statuses]
    cut: list[tuple[str, int, int]] = []
    start = 0
    for status, length in pieces:
        cut.append((status, start, length))
        start += length
    return cut


def counted(rows: Iterable[Wire]) -> dict[str, int]:
    """Count rows by status, in the order of the vocabulary."""
    found = [str(row["status"]) for row in rows]
    return {status: found.count(status) for status in WORDS["statuses"] if status in found}


def unfolded(tree: Wire, show: str) -> set[str]:
    """Name the tasks and phases that are shown open, as ``js/tree.js`` does.

    These are the first tasks where something moves or needs somebody, or that have steps of the
    status that was asked for, and the phases they are in.
    """
    found: set[str] = set()
    for phase in tree["phases"]:
        moving = tasks_having(phase, show) if show else _moving(phase)
        opened = moving[: max(0, _MOST_OPEN - len(found))]
        found |= {task["task_id"] for task in opened}
        found |= {phase["phase_id"]} if opened else set()
    return found


def _moving(phase: Wire) -> list[Wire]:
    return [task for task in phase["tasks"] if task["status"] in _OPEN_ONES]


def is_large(tree: Wire) -> bool:
    """Tell whether steps are shown only of the tasks that are open."""
    return sum(len(task["subtasks"]) for task in tasks_of(tree)) > _MOST_STEPS


def without_results(tree: Wire) -> Wire:
    """Leave out what steps brought: the details of an item show it, and it may be long.

    A field without a value is left out too; to scripts it is the same.
    """
    phases = [phase | {"tasks": [*map(_slim, phase["tasks"])]} for phase in tree["phases"]]
    return tree | {"phases": phases}


def _slim(task: Wire) -> Wire:
    steps = [
        {name: value for name, value in one.items() if value is not None and name != "result"}
        for one in task["subtasks"]
    ]
    return task | {"subtasks": steps}


def moves(status: str) -> list[str]:
    """Give the controls that make sense now: start, pause or resume, reassign, cancel."""
    if status in _ENDED:
        return ["resume", "cancel"] if status == "FAILED" else []
    first = {"PAUSED": "resume", "CREATED": "start"}.get(status, "pause")
    return [first, "reassign", "cancel"]


FOR_TEMPLATES: Final = {
    "word": word,
    "happening": happening,
    "tally": tally,
    "percent": percent,
    "confidence": confidence,
    "fill_tone": fill_tone,
    "plain": plain,
    "laid_out": laid_out,
    "repeated": repeated,
    "utc": utc,
    "lasting": lasting,
    "milliseconds_now": milliseconds_now,
    "trouble": trouble,
    "awaited": awaited,
    "kind": kind,
    "message_of": message_of,
    "offered": offered,
    "hinted": hinted,
    "field_of": field_of,
    "told_after": told_after,
    "letter": letter,
    "segments": segments,
    "tasks_of": tasks_of,
    "subtasks_of": subtasks_of,
    "tasks_having": tasks_having,
    "named_documents": named_documents,
    "titles": titles,
    "counted": counted,
    "unfolded": unfolded,
    "is_large": is_large,
    "moves": moves,
}
