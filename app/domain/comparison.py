"""Two versions of a breakdown beside each other."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from app.domain.plan import Subtask

_FIELDS: Final = tuple(name for name in Subtask.__struct_fields__ if name != "subtask_id")


class FieldChange(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One field before and after."""

    field: str
    from_: Any
    to: Any


class StepChange(msgspec.Struct, frozen=True):
    """A step that both versions have, with the fields that differ."""

    subtask_id: str
    title: str
    fields: list[FieldChange]


class Comparison(msgspec.Struct, frozen=True):
    """What is different. ``moved`` are common steps that stand in another order among them."""

    added: list[Subtask]
    removed: list[Subtask]
    changed: list[StepChange]
    moved: list[str]

    @property
    def same(self) -> bool:
        """Tell whether nothing is different."""
        return not (self.added or self.removed or self.changed or self.moved)


def compare(before: Sequence[Subtask], after: Sequence[Subtask]) -> Comparison:
    """Compare two versions of a breakdown by the ids of their steps."""
    old = {step.subtask_id: step for step in before}
    new = {step.subtask_id: step for step in after}
    changes = (_change(old[name], step) for name, step in new.items() if name in old)
    return Comparison(
        added=[step for name, step in new.items() if name not in old],
        removed=[step for name, step in old.items() if name not in new],
        changed=[one for one in changes if one.fields],
        moved=_moved([name for name in old if name in new], [name for name in new if name in old]),
    )


def _change(old: Subtask, new: Subtask) -> StepChange:
    fields = [
        FieldChange(name, getattr(old, name), getattr(new, name))
        for name in _FIELDS
        if getattr(old, name) != getattr(new, name)
    ]
    return StepChange(new.subtask_id, new.title, fields)


def _moved(old: Sequence[str], new: Sequence[str]) -> list[str]:
    return [name for place, name in enumerate(new) if old[place] != name]
