"""What a plan comes to: its totals, its phases, and what was odd about its import."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from app.dashboard.ports import Wire
from app.dashboard.presentation import tasks_of
from app.domain.errors import Fault

REVIEW: Final = "review"
REVIEWED_AT_ONCE: Final = 40
FOLDED_AT_MOST: Final = 100
"""Of a plan with more tasks, each is shown on a page of its own only."""
_SPACE: Final = "\N{NO-BREAK SPACE}"
_MENDING: Final = {
    "is missing": "Add it.",
    "unknown field": "Take it out, or look how the name is spelled.",
    "expected str": "Write a text, in quotes.",
    "expected float": "Write a number without quotes, or leave it out.",
    "expected int": "Write a whole number without quotes, or leave it out.",
    "expected bool": "Write true or false without quotes.",
    "expected array": "Write a list, in square brackets.",
    "expected object": "Write an object, in curly brackets.",
    "circle": "Take one of these dependencies out.",
    "cycle": "Take one of these dependencies out.",
}
_GATE_TONES: Final = {"ALLOW": "done", "ALLOW_WITH_SAFETY_FRAMING": "wait", "REFUSE": "fail"}


def shown(tree: Wire, show: str) -> Wire:
    """Give the tree with all tasks, or only with the first of those that wait for review."""
    if show != REVIEW:
        return tree
    waiting = [task["task_id"] for task in tasks_of(tree) if task["needs_review"]]
    chosen = frozenset(waiting[:REVIEWED_AT_ONCE])
    phases = [
        {**phase, "tasks": [task for task in phase["tasks"] if task["task_id"] in chosen]}
        for phase in tree["phases"]
    ]
    return {"phases": [phase for phase in phases if phase["tasks"]]}


def totals(tasks: Sequence[Wire]) -> Wire:
    """Sum tasks up: counts, working hours as far as they are known, confidence from 0 to 1."""
    steps = [step for task in tasks for step in task.get("executable_subtasks") or []]
    sure = [
        task["decomposition_confidence"]
        for task in tasks
        if task["decomposition_confidence"] is not None
    ]
    return {
        "tasks": len(tasks),
        "steps": len(steps),
        "by_people": sum(step.get("assignee") == "human" for step in steps),
        "hours": _span(tasks),
        "unknown": sum(task.get("estimated_hours") is None for task in tasks),
        "confidence": sum(sure) / len(sure) if sure else None,
        "lowest": min(sure, default=None),
        "waiting": sum(bool(task["needs_review"]) for task in tasks),
    }


def _span(tasks: Iterable[Wire]) -> tuple[float, float, float] | None:
    """Sum up the shortest, the realistic and the longest time; None where nothing is known."""
    found = [task.get("estimate") or {} for task in tasks]
    known = [one for one in found if one.get("realistic_hours") is not None]
    if not known:
        return None
    realistic = sum(one["realistic_hours"] for one in known)
    short, long = (
        sum(one["realistic_hours"] if one.get(name) is None else one[name] for one in known)
        for name in ("min_hours", "max_hours")
    )
    return short, realistic, long


def phases_of(tree: Wire) -> list[Wire]:
    """Give each phase with what its tasks come to."""
    return [{**phase, "totals": totals(phase["tasks"])} for phase in tree["phases"]]


def hours(count: float) -> str:
    """Give working hours for people: ``1,240 h``."""
    return f"{count:,.0f}{_SPACE}h" if count >= 1 or not count else f"{count:.1f}{_SPACE}h"


def grouped(warnings: Iterable[Wire]) -> list[tuple[str, list[Wire]]]:
    """Put warnings of one code together under its name, as they came."""
    listed = sorted(warnings, key=lambda one: str(one["code"]))
    groups = [
        (code, list(rows)) for code, rows in groupby(listed, key=lambda one: str(one["code"]))
    ]
    return [(code.replace("-", " ").capitalize(), rows) for code, rows in groups]


def gate_tone(gates: Wire, gate: str) -> str:
    """Give the tone of what a gate says: it refuses, allows, allows with a word, or is silent."""
    said = gates.get(gate)
    if gate in (gates.get("refusals") or []):
        return "fail"
    if not said:
        return "idle"
    if gate == "redline":
        return _GATE_TONES.get(said, "wait")
    return "wait" if "caution" in said.casefold() else "done"


def mending(fault: Fault) -> str:
    """Suggest how a place of a file that was refused can be mended; empty where nobody can say."""
    told = fault.message.casefold()
    return next((how for word, how in _MENDING.items() if word in told), "")


def plan_facts(plan: Wire) -> Wire:
    """Give all that the page of a plan shows beyond the plan itself."""
    return {
        "totals": totals(tasks_of(plan)),
        "is_big": len(tasks_of(plan)) > FOLDED_AT_MOST,
        "warning_groups": grouped(plan.get("warnings") or []),
    }
