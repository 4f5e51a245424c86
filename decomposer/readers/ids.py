"""The id of each item of a plan: the one it brings, or one made from its position."""

from collections.abc import Iterable

from app.domain.ids import is_own_id
from decomposer.readers.findings import Findings

RULE = "1 to 100 letters, digits and . _ : -, the first a letter or digit"


def key_of(raw: object) -> str:
    """Normalise an id for comparison: trimmed and lower-cased, as the files are joined."""
    return str(raw).strip().lower()


class Ids:
    """Gives out the ids of one plan, unique over phases, tasks and subtasks.

    Args:
        findings: Takes duplicates as faults, and unusable ids as faults or warnings.
        brought: Every id the source brings: ids made from positions keep clear of them.
        strict: Whether an id that cannot be used is a fault. Otherwise it is a warning and the
            position gives the id, while references go on finding the item by its own.
    """

    def __init__(self, findings: Findings, brought: Iterable[object], *, strict: bool) -> None:
        self._findings = findings
        self._brought = {key_of(raw) for raw in brought if raw is not None}
        self._strict = strict
        self.known: dict[str, str] = {}
        """Normalised brought id to the id in the plan."""
        self.places: dict[str, str] = {}
        """Id in the plan to the place of its item."""

    def assign(self, raw: object, positional: str, where: str) -> str:
        """Give an item its id. ``where`` is the place of the id's field."""
        key = "" if raw is None else key_of(raw)
        if key in self.known:
            first = self.places[self.known[key]]
            self._findings.fault(where, f"duplicate id {str(raw)!r}, first used at {first}")
            return self.known[key]
        text = str(raw) if self._strict else str(raw).strip()
        made = text if key and is_own_id(text) else self._made(positional)
        if made != text:
            self._explain(raw, made, where)
        self.known[key or made] = self.known[made.lower()] = made
        self.places[made] = where
        return made

    def _explain(self, raw: object, made: str, where: str) -> None:
        if self._strict and raw is not None:
            self._findings.fault(where, f"not an id: {raw!r}. Allowed are {RULE}")
        elif not self._strict and (raw is None or not key_of(raw)):
            self._findings.warn("missing-id", "The item has no id.", where, "", made)
        elif not self._strict:
            message = f"The id was replaced by one that can be used: {RULE}."
            self._findings.warn("unusable-id", message, where, raw, made)

    def _made(self, positional: str) -> str:
        """Keep clear of brought ids: ``task_1_1``, else ``task_1_1_2``, and so on."""
        candidate, number = positional, 2
        while candidate in self._brought or candidate in self.known:
            candidate, number = f"{positional}_{number}", number + 1
        return candidate
