"""Who can do what: actions and their params against the capabilities that agents declare.

A name decides: the action itself, or ``*``, which is any. Before a start that is all. While a
plan is broken down, an agent's own word for an action is looked for too (``Matcher``), and the
subtask then asks for it by that word; so both come to the same answer.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from app.domain.agents import Capability
from app.domain.execution import Execution
from app.domain.plan import Assignee

ANY: Final = "*"

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


class Fit(msgspec.Struct, frozen=True):
    """How an action is matched: by name, any, synonym or description; or none, or unknown.

    ``asked`` is the action of the proposal, ``action`` the name to ask for. ``unknown`` is where no
    agent is known at all. ``faults`` say what the agent's own schema finds in the params.
    """

    how: str
    asked: str
    action: str
    faults: list[str] = []

    @property
    def matched(self) -> bool:
        """Tell whether an agent performs it, as far as is known."""
        return self.how != "none"


class Matcher:
    """Capabilities of agents, ready to be asked for many actions."""

    def __init__(self, capabilities: Sequence[Capability]) -> None:
        self._by_name = {one.action.casefold(): one for one in reversed(capabilities)}
        self._described = [
            (one, _words(f"{one.action} {one.description}")) for one in self._by_name.values()
        ]
        self._found: dict[str, tuple[str, Capability | None]] = {}

    def fit(self, action: str, params: Mapping[str, Any], synonyms: Collection[str] = ()) -> Fit:
        """Find the capability for an action: by name, else ``*``, else synonym, else description.

        Args:
            action: The action of a proposed subtask.
            params: Its params; they are held against what the capability declares.
            synonyms: Other names of the action, the same each time.
        """
        if action not in self._found:
            self._found[action] = self._find(action, synonyms)
        how, found = self._found[action]
        if found is None:
            return Fit(how, action, action)
        return Fit(how, action, found.action, param_faults(params, found.params))

    def _find(self, action: str, synonyms: Collection[str]) -> tuple[str, Capability | None]:
        if not self._by_name:
            return "unknown", None
        if found := self._by_name.get(action.casefold()):
            return "name", found
        if ANY in self._by_name:
            return "any", None
        for name in synonyms:
            if found := self._by_name.get(name.casefold()):
                return "synonym", found
        wanted = _words(action)
        for one, words in reversed(self._described):
            if wanted and wanted <= words:
                return "description", one
        return "none", None


def _words(text: str) -> set[str]:
    found = re.findall(r"[^\W_]+", text[:2000].casefold())
    return {word.removesuffix("s") for word in found if len(word) > 1}


def param_faults(
    params: Mapping[str, Any], declared: Sequence[str] | Mapping[str, Any]
) -> list[str]:
    """Say what is wrong with params by what an agent declared: a JSON Schema; names bind nothing.

    Only the keywords that say which params there must be and of what kind: the schema is somebody
    else's, and one with references or expressions could hold up whoever follows it.
    """
    if not isinstance(declared, Mapping):
        return []
    required, properties = declared.get("required"), declared.get("properties")
    missing = [
        f"{name} is missing"
        for name in (required if isinstance(required, list) else [])
        if name not in params
    ]
    known = properties if isinstance(properties, Mapping) else {}
    wrong = (fault for name in params for fault in _faults(name, params[name], known.get(name)))
    return [*missing, *wrong]


def _faults(name: str, value: Any, schema: Any) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    known = (
        [kind for kind in kinds if isinstance(kind, str) and kind in _TYPES]
        if isinstance(kinds, list)
        else []
    )
    if known and not any(_is_a(value, kind) for kind in known):
        yield f"{name} is to be {' or '.join(known)}"
    choices = schema.get("enum")
    if isinstance(choices, list) and value not in choices:
        yield f"{name} is none of its choices"


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def unmatched(
    execution: Execution, actions_of: Mapping[str, Collection[str]], agent_id: str = ""
) -> dict[str, str]:
    """Say, by subtask, why no agent it would go to performs it; those that match are left out.

    Args:
        execution: With all its subtasks loaded, or none of them before its creation.
        actions_of: By agent, the actions it performs; ``*`` among them means any.
        agent_id: The agent of the execution, where it is about to change.
    """
    found: dict[str, str] = {}
    for subtask_id, node in execution.graph.subtasks.items():
        state = execution.subtasks.get(subtask_id)
        if node.assignee is Assignee.HUMAN or (state and state.status.ended):
            continue
        given = state.assigned_to if state else None
        own = execution.graph.tasks[node.task_id].agent_id
        taker = given or own or agent_id or execution.header.agent_id
        found |= {subtask_id: told} if (told := mismatch(node.action, taker, actions_of)) else {}
    return found


def mismatch(action: str, agent_id: str, actions_of: Mapping[str, Collection[str]]) -> str:
    """Say why an agent does not perform an action; empty where it does."""
    actions = actions_of.get(agent_id)
    if actions is None:
        return f"There is no agent {agent_id!r}."
    if action in actions or ANY in actions:
        return ""
    return f"{agent_id} does not perform {action!r}."
