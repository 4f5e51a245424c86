"""Plans as people write them, in Markdown or as a table: entries on the way to an outline.

Ids come from positions, for what such a plan calls its items ("Task 1.2") need not be unique;
references are resolved here, where the labels are known.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from app.domain.plan import Estimate
from decomposer.readers.edges import StatedEdge
from decomposer.readers.findings import Findings
from decomposer.readers.ids import key_of
from decomposer.readers.outline import Item
from decomposer.readers.remarks import Label, read_reference

_PHASES = ("phase", "stage", "milestone", "sprint", "epic", "workstream", "part")
_MOST_ALIKE = 20


class Entry(msgspec.Struct):
    """A phase, task or subtask as written; ``place`` counts it among its siblings in a list."""

    where: str
    title: str
    description: str = ""
    label: Label | None = None
    place: int = 0
    estimate: Estimate | None = None
    role: str | None = None
    needed: list[str] = []
    done: bool = False
    children: list["Entry"] = []

    @property
    def is_phase(self) -> bool:
        """Whether it calls itself a phase."""
        return self.label is not None and self.label.word in _PHASES

    @property
    def is_task(self) -> bool:
        """Whether it calls itself a task."""
        return self.label is not None and self.label.word in {"task", "activity"}


class Numbered:
    """Gives every entry its id by position, and finds what references mean."""

    def __init__(self, phases: Sequence[Entry]) -> None:
        self.ids: dict[int, str] = {}
        self.entries: list[Entry] = []
        self._phases = phases
        self._parents: dict[int, int] = {}
        self._known: dict[tuple[object, ...], list[Entry]] = {}
        self._labelled = False
        for number, phase in enumerate(phases, 1):
            self._add(phase, f"phase_{number}", 0)
            for count, task in enumerate(phase.children, 1):
                self._add(task, f"task_{number}_{count}", id(phase))
                for step, item in enumerate(task.children, 1):
                    self._add(item, f"task_{number}_{count}_s{step}", id(task))

    def _add(self, entry: Entry, entry_id: str, parent: int) -> None:
        self.entries.append(entry)
        self.ids[id(entry)] = entry_id
        self._parents[id(entry)] = parent
        names: list[tuple[str, object]] = [("title", key_of(entry.title))]
        if entry.label:
            self._labelled = True
            names.append(("label", entry.label.number.casefold()))
        else:
            names.append(("place", str(entry.place)))
        for kind, name in names:
            # By name alone, and below one parent. A plan may be nothing but equal names.
            for key in ((kind, name), (kind, name, parent)):
                alike = self._known.setdefault(key, [])
                if len(alike) < _MOST_ALIKE:
                    alike.append(entry)

    def find(self, text: str, entry: Entry | None = None) -> list[Entry]:
        """Find what a reference means, seen from an entry: one, none, or several it may mean."""
        reference = read_reference(text)
        if found := self._nearest("title", key_of(text), entry):
            return found
        if reference is None:
            return self._nearest("label", key_of(text), entry)
        found = self._nearest("label", reference.number.casefold(), entry, reference)
        return found or self._by_place(reference, entry)

    def _nearest(
        self, kind: str, name: str, entry: Entry | None, reference: Label | None = None
    ) -> list[Entry]:
        """Prefer what stands under the same parent."""

        def fitting(*key: object) -> list[Entry]:
            known = self._known.get((kind, name, *key), [])
            return [one for one in known if one is not entry and _fits(reference, one)]

        near = fitting(self._parents[id(entry)]) if entry else []
        return near or fitting()

    def _by_place(self, reference: Label, entry: Entry | None) -> list[Entry]:
        """Read "2" as the second sibling, "1.2" as the second task of the first phase."""
        if reference.word in _PHASES:
            return self._known.get(("place", reference.number, 0), [])
        if "." in reference.number:
            return self._by_path(reference.number)
        if entry is None:
            return []
        return self._known.get(("place", reference.number, self._parents[id(entry)]), [])

    def _by_path(self, number: str) -> list[Entry]:
        if self._labelled:
            return []  # The plan numbers its items itself: this number is none of them.
        level, found = self._phases, list[Entry]()
        for part in number.split("."):
            place = int(part[:9])
            found = list(level[place - 1 : place]) if place else []
            level = found[0].children if found else []
        return found


def _fits(reference: Label | None, entry: Entry) -> bool:
    """A reference that says "phase" means one, and any other one that is not called so."""
    if reference is None or not reference.word or entry.label is None or not entry.label.word:
        return True
    return (reference.word in _PHASES) == entry.is_phase


def items_of(phases: Iterable[Entry], numbered: Numbered) -> list[Item]:
    """Make the items of an outline."""
    return [
        Item(
            where=entry.where,
            raw_id=numbered.ids[id(entry)],
            title=entry.title,
            description=entry.description,
            children=items_of(entry.children, numbered),
            role=entry.role,
            estimate=entry.estimate or Estimate(),
        )
        for entry in phases
    ]


def edges_of(
    stated: Iterable[tuple[Entry | str, str, str]], numbered: Numbered, findings: Findings
) -> list[StatedEdge]:
    """Resolve dependencies stated as (dependent, what it waits for, place).

    What cannot be found goes on as it is written, and is told where edges are resolved.
    """
    edges: list[StatedEdge] = []
    for dependent, needed, where in stated:
        entry = dependent if isinstance(dependent, Entry) else None
        left = [entry] if entry else numbered.find(str(dependent))
        right = numbered.find(needed, entry or (left[0] if len(left) == 1 else None))
        if len(left) > 1 or len(right) > 1:
            message = "Several items may be meant; the dependency was dropped."
            findings.warn("ambiguous-reference", message, where, f"{_told(dependent)}: {needed}")
            continue
        edges.append(
            StatedEdge(
                numbered.ids[id(left[0])] if left else dependent,
                numbered.ids[id(right[0])] if right else needed,
                where,
            )
        )
    return edges


def _told(dependent: Entry | str) -> str:
    return dependent.title if isinstance(dependent, Entry) else dependent


def own_edges(numbered: Numbered) -> Iterator[tuple[Entry, str, str]]:
    """List what the entries say of themselves."""
    for entry in numbered.entries:
        for needed in entry.needed:
            yield entry, needed, entry.where


def note_done(numbered: Numbered, findings: Findings) -> None:
    """Tell which entries are marked as done; nothing is skipped for it."""
    for entry in numbered.entries:
        if entry.done:
            message = "It is marked as done; it was imported as open. Skip it once it runs."
            findings.warn("marked-done", message, entry.where, entry.title)
