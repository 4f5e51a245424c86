"""What a person may do to the steps of a breakdown, as it is asked for.

Each operation is a JSON object with its name in ``op``. ``app.domain.revision`` carries them out.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from app.domain.errors import Fault, Invalid
from app.domain.plan import Assignee, RetryPolicy

MOST_STEPS: Final = 200
"""Steps one task may have."""

MOST_OPERATIONS: Final = 100
MOST_PARTS: Final = 20
MOST_NESTED: Final = 32
"""How deep lists and objects of params may lie in each other."""

Title = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Name = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=200)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
# A year: longer than any attempt may take.
Hours = Annotated[float, msgspec.Meta(gt=0, le=8760)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]
Criteria = Annotated[
    list[Annotated[str, msgspec.Meta(pattern=r"\S", max_length=2000)]], msgspec.Meta(max_length=50)
]
Dependencies = Annotated[list[Id], msgspec.Meta(max_length=MOST_STEPS)]


class RetryAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How failed attempts are repeated; what is left out keeps its default."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    backoff: Annotated[str, msgspec.Meta(pattern="^exponential$")] = "exponential"
    backoff_seconds: Seconds = 300
    max_backoff_seconds: Seconds = 3600

    def policy(self) -> RetryPolicy:
        """Give it as a policy."""
        return RetryPolicy(**msgspec.structs.asdict(self))


class StepFields(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What may be said of a step besides its title; what is left out stays as it is."""

    description: Text | UnsetType = UNSET
    action: Name | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    dependencies: Dependencies | UnsetType = UNSET
    timeout_hours: Hours | UnsetType = UNSET
    retry_policy: RetryAsked | UnsetType = UNSET
    success_criteria: Criteria | UnsetType = UNSET
    requires_approval: bool | UnsetType = UNSET
    assignee: Assignee | UnsetType = UNSET

    def said(self) -> dict[str, Any]:
        """Give the fields of a ``Subtask`` that were said."""
        found = {
            name: value
            for name in ("title", *StepFields.__struct_fields__)
            if (value := getattr(self, name)) is not UNSET
        }
        if isinstance(self.retry_policy, RetryAsked):
            found["retry_policy"] = self.retry_policy.policy()
        return found


class NewStep(StepFields, frozen=True, kw_only=True):
    """A step that a person writes. Without ``dependencies`` it waits for the one before it."""

    title: Title
    subtask_id: Id | UnsetType = UNSET


class Part(StepFields, frozen=True, kw_only=True):
    """One part of a step that is split; what is left out is as in the whole."""

    title: Title
    dependencies: UnsetType = UNSET


class Edit(StepFields, frozen=True, kw_only=True, tag_field="op", tag="edit"):
    """Change fields of one step."""

    subtask_id: Id
    title: Title | UnsetType = UNSET


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="split"):
    """Replace one step by several that follow each other; the last keeps its id."""

    subtask_id: Id
    parts: Annotated[list[Part], msgspec.Meta(min_length=2, max_length=MOST_PARTS)]


class Merge(StepFields, frozen=True, kw_only=True, tag_field="op", tag="merge"):
    """Replace neighbours by one step, which keeps the id of the last."""

    subtask_ids: Annotated[list[Id], msgspec.Meta(min_length=2, max_length=MOST_PARTS)]
    title: Title | UnsetType = UNSET
    dependencies: UnsetType = UNSET


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="move"):
    """Put one step right before another one, or last."""

    subtask_id: Id
    before: Id | None = None


class Drop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="drop"):
    """Take one step out; what waited for it waits for what it waited for."""

    subtask_id: Id


class Add(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="add"):
    """Put a new step right before another one, or last."""

    subtask: NewStep
    before: Id | None = None


Operation: TypeAlias = Edit | Split | Merge | Move | Drop | Add


def read_operations(raw: Sequence[Any]) -> list[Operation]:
    """Read operations as they came.

    Raises:
        Invalid: Some cannot be read; the faults name each.
    """
    return _read(raw, Operation, "operations")


def read_steps(raw: Sequence[Any]) -> list[NewStep]:
    """Read the steps of a manual breakdown as they came.

    ``prerequisites``, as a plan calls them, are taken for ``dependencies``.

    Raises:
        Invalid: Some cannot be read; the faults name each.
    """
    return _read(map(_renamed, raw), NewStep, "subtasks")


def _renamed(one: Any) -> Any:
    if not isinstance(one, dict) or "prerequisites" not in one or "dependencies" in one:
        return one
    return {"dependencies" if name == "prerequisites" else name: one[name] for name in one}


def _read(raw: Iterable[Any], shape: Any, name: str) -> list[Any]:
    found: list[Any] = []
    faults: list[Fault] = []
    for number, one in enumerate(raw):
        if _is_deep(one):
            faults.append(Fault(f"{name}[{number}]", f"nested more than {MOST_NESTED} deep"))
            continue
        try:
            found.append(msgspec.convert(one, shape))
        except msgspec.ValidationError as error:
            told, _, place = str(error).partition(" - at `$")
            faults.append(Fault(f"{name}[{number}]{place.rstrip('`')}", told))
    if faults:
        raise Invalid("Some of it cannot be read.", faults)
    return found


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_NESTED):
        inner = (one.values() if isinstance(one, dict) else one for one in level if _holds(one))
        level = [item for items in inner for item in items]
        if not level:
            return False
    return True


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list)
