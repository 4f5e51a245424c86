"""What is strange about a whole plan, and is told without being changed."""

import re
from collections.abc import Iterator

from app.domain.plan import Plan
from decomposer.readers.findings import Findings
from decomposer.readers.index import PlanIndex

_PLACEHOLDER = re.compile(r"\bMISSING_[A-Z_]+")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]{2,8});")


def note_oddities(plan: Plan, index: PlanIndex, findings: Findings) -> None:
    """Tell about text and names; one warning for each kind that every plan is full of."""
    texts = list(_texts(plan, index))
    for where, text in texts:
        if found := _PLACEHOLDER.search(text):
            findings.warn("placeholder", "A placeholder stands for text.", where, found[0])
    broken = [(where, text) for where, text in texts if "\n" in text]
    _summarise(broken, "newline-in-text", "Text holds line breaks; it was kept.", findings)
    entities = [(where, text) for where, text in texts if _ENTITY.search(text)]
    _summarise(entities, "html-entity", "Text holds HTML entities; it was kept.", findings)
    _note_repeated_names(plan, index, findings)
    _note_unconnected(plan, findings)


def _texts(plan: Plan, index: PlanIndex) -> Iterator[tuple[str, str]]:
    yield "title", plan.title
    yield "final_deliverable", plan.final_deliverable
    for phase in plan.phases:
        yield index.places[phase.phase_id], phase.name
        for task in phase.tasks:
            place = index.places[task.task_id]
            yield place, task.title
            yield place, task.description
            for item in task.written_subtasks:
                place = index.places[item.subtask_id]
                yield place, item.title
                yield place, item.description


def _summarise(texts: list[tuple[str, str]], code: str, message: str, findings: Findings) -> None:
    if texts:
        where, text = texts[0]
        findings.warn(code, f"{message} Found {len(texts)} times.", where, text)


def _note_repeated_names(plan: Plan, index: PlanIndex, findings: Findings) -> None:
    places: dict[str, list[str]] = {}
    for task in plan.tasks:
        for item in task.written_subtasks:
            key = item.title.strip().casefold()
            places.setdefault(key, []).append(item.subtask_id)
    for found in places.values():
        for item_id in found[1:]:
            first = index.places[found[0]]
            message = f"The subtask has the name of another one ({first})."
            findings.warn("repeated-name", message, index.places[item_id], index.titles[item_id])


def _note_unconnected(plan: Plan, findings: Findings) -> None:
    connected = {needed for task in plan.tasks for needed in task.prerequisites}
    connected |= {task.task_id for task in plan.tasks if task.prerequisites}
    alone = len(plan.tasks) - len(connected)
    if alone:
        findings.warn(
            "unconnected-tasks",
            "Tasks that no dependency names may start at once, all together.",
            "dependencies",
            f"{alone} of {len(plan.tasks)}",
            "ordering: sequential",
        )
