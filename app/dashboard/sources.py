"""What a plan says of a task, in pieces: what a step quotes, what no step serves, and the rest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from app.dashboard.ports import Wire

PLAIN: Final = ""
QUOTED: Final = "quoted"
MISSING: Final = "missing"


def source_of(task: Wire) -> list[Wire]:
    """Give a task's own text and its written items, each with the steps that come from it.

    Each has ``title`` and ``text`` as pieces with their kind, and ``steps`` as number and id.
    """
    steps: list[Wire] = task.get("executable_subtasks") or []
    items: list[Wire] = [{**task, "subtask_id": None}, *(task.get("subtasks") or [])]
    missing: list[str] = task.get("uncovered") or []
    return [_item(item, _coming_from(item["subtask_id"], steps), missing) for item in items]


def _coming_from(item_id: str | None, steps: Sequence[Wire]) -> list[tuple[int, Wire]]:
    numbered = enumerate(steps, 1)
    return [(n, step) for n, step in numbered if _origin(step).get("subtask_id") == item_id]


def _origin(step: Wire) -> Mapping[str, str | None]:
    return step.get("source") or {"subtask_id": ""}


def _item(item: Wire, steps: Sequence[tuple[int, Wire]], missing: Sequence[str]) -> Wire:
    title: str = item.get("title") or ""
    quotes = [(_origin(step).get("quote") or "").removeprefix(f"{title}: ") for _, step in steps]
    return {
        "title": pieces(title, missing=missing),
        "text": pieces(item.get("description") or "", quotes, missing),
        "steps": [(number, step["subtask_id"]) for number, step in steps],
    }


def pieces(
    text: str, quotes: Iterable[str] = (), missing: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Cut a text into pieces, each plain, quoted by a step, or missing from all steps.

    What is looked for is found as it stands, at its first place; of two that overlap, the first
    counts, and of those the one that is missing.
    """
    wanted = [(one, MISSING) for one in missing] + [(one, QUOTED) for one in quotes]
    found = sorted(
        ((place, one, kind) for one, kind in wanted if one and (place := text.find(one)) >= 0),
        key=lambda hit: (hit[0], hit[2]),
    )
    cut: list[tuple[str, str]] = []
    end = 0
    for place, one, kind in found:
        if place >= end:
            cut += [(text[end:place], PLAIN), (one, kind)]
            end = place + len(one)
    return [piece for piece in (*cut, (text[end:], PLAIN)) if piece[0]]
