"""The catalogue of actions: what steps may ask for, of whom, and with which params."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from app.domain.plan import Assignee
from decomposer.errors import RulesError
from decomposer.rules.files import convert, fault
from decomposer.words import stem_of

PERFORM_TASK: Final = "perform_task"
"""What an agent is asked to do where no action fits: read the text and carry it out."""

MOST_HOURS: Final = 8760
"""A year: longer than any attempt may take."""


class Param(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One param: its JSON Schema, and what fills it ``from`` the text, best first."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"] = "string"
    description: str = ""
    sources: list[str] = msgspec.field(default_factory=list, name="from")


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One action. ``without_agent`` says what becomes of it when no agent performs it.

    It cannot do without its ``required`` params, and has to find out the ``expected`` ones itself.
    """

    description: str
    who: Assignee
    approval: bool = False
    synonyms: list[str] = []
    verbs: list[str] = []
    timeout_hours: float | None = None
    without_agent: Literal["human", "blocker"] = "blocker"
    required: list[str] = []
    expected: list[str] = []
    params: dict[str, Param] = {}

    @property
    def schema(self) -> dict[str, Any]:
        """Give the JSON Schema of its params."""
        properties = {
            name: {"type": param.type, "description": param.description}
            for name, param in self.params.items()
        }
        return {"type": "object", "properties": properties, "required": self.required}


class Catalogue:
    """Actions by name."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = dict(actions)
        self._names = {
            other: name
            for name, action in reversed([*actions.items()])
            for other in action.synonyms
        }
        self._words = {name: _words(name, action) for name, action in actions.items()}

    @property
    def names(self) -> list[str]:
        """Name all actions."""
        return list(self._actions)

    @property
    def synonyms(self) -> dict[str, list[str]]:
        """Give the other names of each action."""
        return {name: action.synonyms for name, action in self._actions.items()}

    def get(self, name: str) -> Action | None:
        """Find an action."""
        return self._actions.get(name)

    def known_as(self, name: str) -> str:
        """Give the action's name here, where this is one of its other names; else as it is."""
        spelled = "_".join(name.casefold().replace("-", " ").split())
        return spelled if spelled in self._actions else self._names.get(spelled, name)

    def words(self, name: str) -> frozenset[str]:
        """Give the stems of the words that speak for an action."""
        return self._words.get(name, frozenset())


def _words(name: str, action: Action) -> frozenset[str]:
    return frozenset(stem_of(word) for word in [*name.split("_"), *action.verbs])


def read_actions(name: str, document: Mapping[str, Any]) -> dict[str, Action]:
    """Read and check the actions of one file.

    Raises:
        RulesError: One has another shape, or requires what it does not describe.
    """
    found: dict[str, Action] = {}
    for key, value in document.items():
        action = convert(name, key, value, Action)
        if not _is_name(key):
            raise RulesError(f"{name}: {key!r} is no name of an action: use letters and '_'.")
        for param in (*action.required, *action.expected):
            if param not in action.params:
                raise fault(name, f"{key}.required", param, "is none of its params")
        if action.timeout_hours is not None and not 0 < action.timeout_hours <= MOST_HOURS:
            told = f"must be more than 0 and at most {MOST_HOURS}"
            raise fault(name, f"{key}.timeout_hours", action.timeout_hours, told)
        found[key] = action
    return found


def _is_name(text: str) -> bool:
    return text.replace("_", "").isalnum() and text.isascii() and text == text.lower()
