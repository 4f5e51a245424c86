"""What a task asks for that no subtask serves, told sentence by sentence."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from app.domain.plan import Subtask, Task
from decomposer.words import content_of, sentences_of

SERVED_FROM: Final = 0.5
"""Share of a sentence's content words that subtasks have to hold for it to count as served."""

MOST_TOLD: Final = 20
LONGEST_TOLD: Final = 300
MOST_READ: Final = 50_000
"""Letters of one text that are read at most."""


class Coverage(msgspec.Struct, frozen=True):
    """The mean share of the sentences' content that subtasks hold, and those below half."""

    share: float
    sentences: int
    uncovered: list[str]


def coverage_of(task: Task, subtasks: Sequence[Subtask]) -> Coverage:
    """Hold every sentence of a task's title, text and written subtasks against its subtasks.

    A sentence is served where at least half of the words that say something by themselves stand in
    the titles, texts, params or criteria of the subtasks. Takes time in proportion to the text.
    """
    served: set[str] = set()
    for text in _served_texts(subtasks):
        served |= content_of(text[:MOST_READ])
    shares: list[float] = []
    uncovered: list[str] = []
    for sentence in _sentences(task):
        content = content_of(sentence)
        if not content:
            continue
        share = len(content & served) / len(content)
        shares.append(share)
        if share < SERVED_FROM and len(uncovered) < MOST_TOLD:
            uncovered.append(sentence[:LONGEST_TOLD])
    mean = sum(shares) / len(shares) if shares else 1.0
    return Coverage(mean, len(shares), uncovered)


def _served_texts(subtasks: Sequence[Subtask]) -> Iterator[str]:
    texts = (text for subtask in subtasks for text in _texts_of(subtask))
    return iter(dict.fromkeys(texts))


def _texts_of(subtask: Subtask) -> Iterator[str]:
    yield from (subtask.title, subtask.description)
    yield from subtask.success_criteria
    yield from _strings(subtask.params)


def _strings(params: dict[str, Any]) -> Iterator[str]:
    for value in params.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield str(value)


def _sentences(task: Task) -> Iterator[str]:
    texts = [task.title, task.description]
    for item in task.written_subtasks:
        texts += [item.title, item.description]
    for text in dict.fromkeys(texts):
        yield from sentences_of(text[:MOST_READ])
