"""What the actions work with, put together once by ``larry.agent``."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

from planexe_agent import Task

from larry.evidence import Evidence, Link
from larry.folder import WorkFolder
from larry.notebook import Notebook
from larry.people import People
from larry.ports import Mail, Places, Telephone, WebSearch
from larry.settings import Settings
from larry.websites import Websites

Result = dict[str, Any]

_DIGITS: Final = 6
"""Of a number of things: nobody means more, and a day of the year 9999 is the last there is."""

_ANSWERS: Final = ("provide_input", "alternative")


@dataclass(frozen=True)
class Tools:
    """The ports, and what Larry keeps."""

    settings: Settings
    mail: Mail
    telephone: Telephone
    places: Places
    web_search: WebSearch
    websites: Websites
    notebook: Notebook
    evidence: Evidence
    now: Callable[[], dt.datetime]

    def folder(self, task: Task) -> WorkFolder:
        """Give the work folder of the task's execution."""
        return WorkFolder.of_execution(self.settings.work_dir, task.execution_id)

    def people(self, task: Task) -> People:
        """Give the people that the task's execution knows."""
        return People(self.folder(task))

    def real_seconds(self, seconds: float) -> float:
        """Shrink a wait to the speed of the simulated world."""
        return max(seconds / self.settings.speed, 0.05)

    def write(self, task: Task, name: str, content: bytes) -> Link:
        """Write a file and keep it as evidence."""
        return self.keep(self.folder(task).write(name, content))

    def keep(self, path: Path) -> Link:
        """Keep a file as evidence."""
        return self.evidence.keep(path)


def identity(task: Task, *parts: str) -> str:
    """Name one deed of a task: the same in every attempt at it, and in no other task."""
    return sha256("\0".join((task.execution_id, task.task_id, *parts)).encode()).hexdigest()[:32]


def results(task: Task) -> Iterator[Mapping[str, Any]]:
    """Give the results of what came before the task, those that are objects."""
    found = task.context.get("prerequisite_results")
    for each in cast("Mapping[str, Any]", found or {}).values():
        if isinstance(each, dict):
            yield cast("Mapping[str, Any]", each)


def gathered(task: Task, name: str) -> list[dict[str, Any]]:
    """Gather the lists of that name from the results of what came before."""
    lists = (each.get(name) for each in results(task))
    items = (item for found in lists if isinstance(found, list) for item in _items(found))
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def answer_of_person(task: Task) -> str:
    """Give what a person wrote when the task was put to him, empty where none was asked."""
    resolution = task.context.get("resolution")
    if not isinstance(resolution, dict):
        return ""
    told = cast("Mapping[str, Any]", resolution)
    if told.get("resolution") not in _ANSWERS:
        return ""
    return str(told.get("message") or told.get("option") or "")


def several(value: object) -> list[str]:
    """Read a param that is one text or a list of them."""
    if isinstance(value, str):
        return [value] if value else []
    return [str(one) for one in _items(value)] if isinstance(value, list | tuple) else []


def count_of(value: object, otherwise: int) -> int:
    """Read a number of things from a param."""
    text = str(value) if value is not None else ""
    return int(text[:_DIGITS]) if text.isascii() and text.isdigit() else otherwise


def _items(found: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", found)
