"""Text that tries to instruct whoever reads it: told, and never obeyed.

What a plan says is data. Rules do not follow it anyway; a person shall know before an agent or a
model reads it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from app.domain.plan import PlanWarning, Task
from decomposer.words import Word, stem_of, words_of

CODE: Final = "instruction-in-text"
MOST_TOLD: Final = 10
_SHOWN: Final = 120
_MOST_READ: Final = 50_000
_NEAR: Final = 6

_ABOVE: Final = "above previous prior preceding earlier instruction rule everything"
_GUARDS: Final = "instruction rule approval gate review safety"
_PHRASES: Final = {
    "ignore": _ABOVE,
    "disregard": _ABOVE,
    "forget": _ABOVE,
    "override": _GUARDS,
    "bypass": _GUARDS,
    "skip": "approval gate review",
    "system": "prompt",
    "reveal": "prompt instruction key password secret",
    "pretend": "you",
    "confidence": "100 maximum",
}
_SUSPICIOUS: Final = {
    stem_of(word): frozenset(stem_of(other) for other in others.split())
    for word, others in _PHRASES.items()
}
"""Stems that, with one of the others among the next six words, speak to the reader."""


def warnings_of(task: Task) -> list[PlanWarning]:
    """Tell where a task's text tries to instruct its reader, at most ten times."""
    found: list[PlanWarning] = []
    for where, text in _texts(task):
        if told := _suspicious(text[:_MOST_READ]):
            found.append(
                PlanWarning(
                    CODE,
                    "The text tries to instruct its reader. It was not obeyed; look at it.",
                    where,
                    told,
                )
            )
        if len(found) == MOST_TOLD:
            break
    return found


def _texts(task: Task) -> Iterator[tuple[str, str]]:
    yield f"tasks.{task.task_id}.title", task.title
    yield f"tasks.{task.task_id}.description", task.description
    for item in task.written_subtasks:
        yield f"subtasks.{item.subtask_id}.title", item.title
        yield f"subtasks.{item.subtask_id}.description", item.description


def _suspicious(text: str) -> str:
    words = words_of(text)
    for index, word in enumerate(words):
        partners = _SUSPICIOUS.get(word.stem)
        if partners and _near(words, index, partners):
            return text[word.start : word.start + _SHOWN]
    return ""


def _near(words: Sequence[Word], index: int, partners: frozenset[str]) -> bool:
    return any(one.stem in partners for one in words[index + 1 : index + 1 + _NEAR])
