"""A Markdown tree as a plan: which heading is the title, which a phase, which says something else.

Headings below the title are phases, what is below them tasks, then subtasks. Lists under no
heading are tasks, unless they nest three deep or call themselves phases. Sections with names such
as "Risks" or "Goal" come along as background.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Plan, Risk
from decomposer.readers.assemble import assemble
from decomposer.readers.background import Background
from decomposer.readers.columns import is_task_table, kinds_of
from decomposer.readers.findings import Findings
from decomposer.readers.markdown import Block, Table, read_blocks
from decomposer.readers.outline import Outline, draw_up
from decomposer.readers.remarks import (
    read_duration,
    read_edges,
    read_field,
    read_remarks,
    read_waiting,
    split_needed,
)
from decomposer.readers.shapes import clean, decode_text
from decomposer.readers.source import PlanSource, ReadLimits
from decomposer.readers.table import Row, entries_of
from decomposer.readers.written import Entry, Numbered, edges_of, items_of, note_done, own_edges

_SECTIONS = {
    "goal": ("goal", "goals", "objective", "objectives", "purpose", "aim", "mission", "vision"),
    "final_deliverable": ("final deliverable", "deliverable", "deliverables", "outcome", "result"),
    "risks": ("risks", "risk", "risks and mitigation", "risks and mitigations", "risk assessment"),
    "team": ("team", "roles", "team roles", "people", "roles required", "team and roles"),
    "dependencies": ("dependencies", "task dependencies", "prerequisites", "order"),
    "context": (
        *("overview", "summary", "executive summary", "introduction", "background", "context"),
        *("scope", "assumptions", "constraints", "resources", "resources required", "budget"),
        *("success criteria", "acceptance criteria", "stakeholders", "notes", "references"),
        *("table of contents", "contents", "glossary", "appendix", "open questions", "metrics"),
        *("kpis", "out of scope", "non-goals", "related resources", "documents"),
    ),
    "wrapper": (
        *("plan", "the plan", "phases", "tasks", "task list", "steps", "work breakdown", "todo"),
        *("work breakdown structure", "wbs", "implementation plan", "implementation", "to do"),
        *("action plan", "project plan", "roadmap", "work plan", "schedule", "timeline", "to-do"),
        *("checklist", "backlog", "action items"),
    ),
}
_SECTION = {name: kind for kind, names in _SECTIONS.items() for name in names}
_FIELDS = {
    "needs": (
        *("depends on", "dependencies", "dependency", "prerequisites", "prerequisite", "after"),
        *("predecessors", "predecessor", "blocked by", "requires"),
    ),
    "effort": ("duration", "estimate", "effort", "estimated time", "time", "estimated duration"),
    "hours": ("estimated hours", "hours"),
    "days": ("days", "estimated days"),
    "role": ("owner", "assignee", "role", "responsible", "assigned to", "lead", "who"),
    "description": ("description", "details", "notes"),
}
_FIELD = {name: kind for kind, names in _FIELDS.items() for name in names}
_NUMBERING = re.compile(r"^[\dIVX.]+[.)] |:$")
_UNITS = {"effort": "", "hours": " h", "days": " d"}
_DEEP_LIST = 3


def read_markdown(source: PlanSource, limits: ReadLimits, plan_id: str) -> Plan:
    """Read a Markdown file, or a text with a list.

    Raises:
        InvalidPlan: Nothing in it can be a task, or it is too large or nested too deep.
    """
    findings = Findings()
    text = str(clean(decode_text(source.data or b"", source.name), source.name, findings))
    return _Prose(source.name, limits, findings).read(text, plan_id)


class _Prose:
    """Reads one text: collects entries, background and stated dependencies as it goes."""

    def __init__(self, name: str, limits: ReadLimits, findings: Findings) -> None:
        self._name = name
        self._limits = limits
        self._hours = limits.hours_per_day
        self._findings = findings
        self._background = Background(risks=[], roles_required=[], context={})
        self._deliverable = ""
        self._stated: list[tuple[str, str, str]] = []

    def read(self, text: str, plan_id: str) -> Plan:
        root = read_blocks(text, self._name, self._limits)
        title, root = self._titled(root)
        phases = self._phases(root, title)
        for task in (task for phase in phases for task in phase.children):
            draw_up(task, self._findings)
        if not any(phase.children for phase in phases):
            message = "no headings with lists, no list items and no table of tasks"
            raise InvalidPlan(f"{self._name} holds {message}.", [Fault(self._name, message)])
        count = sum(len(phase.children) for phase in phases)
        if count > self._limits.max_tasks:
            message = f"{count:,} tasks, allowed are {self._limits.max_tasks:,}"
            raise InvalidPlan(f"{self._name} holds {message}.", [Fault(self._name, message)])
        numbered = Numbered(phases)
        note_done(numbered, self._findings)
        outline = Outline(title, self._deliverable, None, items_of(phases, numbered))
        stated = [*own_edges(numbered), *self._stated]
        outline.edges = edges_of(stated, numbered, self._findings)
        return assemble(
            outline, self._background, plan_id, "markdown", self._limits, self._findings
        )

    def _titled(self, root: Block) -> tuple[str, Block]:
        """Find the title: the one heading of the first level, else the name of the file."""
        top = [block for block in root.children if block.level is not None]
        first = min((block.level for block in top if block.level), default=0)
        outermost = [block for block in top if block.level == first]
        alone = len(outermost) == 1 and outermost[0] is top[0]
        if alone and not read_remarks(outermost[0].title, self._hours).label:
            head = outermost[0]
            rest = [block for block in root.children if block is not head]
            inner = Block(head.line, level=0, texts=root.texts + head.texts)
            inner.tables, inner.children = root.tables + head.tables, head.children + rest
            return head.title, inner
        title = self._name.rsplit(".", 1)[0] or "Untitled plan"
        message = "The text has no heading of its own."
        self._findings.warn("missing-title", message, self._name, "", title)
        return title, root

    def _phases(self, root: Block, title: str) -> list[Entry]:
        """Sort what is below the title into phases, tasks without one, and background."""
        phases: list[Entry] = []
        loose = self._implicit(root.line, title)
        blocks = self._unwrapped(root.children)
        self._told("overview", root.texts)
        self._add_tables(root.tables, loose, phases)
        deep = any(_depth(block) >= _DEEP_LIST for block in blocks if block.level is None)
        empty: list[tuple[Block, Entry]] = []
        for block in blocks:
            kind = self._section(block)
            if kind:
                self._take(kind, block)
                continue
            entry = self._entry(block)
            if entry.is_task or (block.level is None and not deep and not entry.is_phase):
                loose.children.append(entry)
                continue
            phases.append(entry)
            self._add_tables(block.tables, entry, phases)
            if not entry.children and not entry.label:
                phases.remove(entry)
                empty.append((block, entry))
            elif entry.description:
                self._told(entry.title, [entry.description])
        if not phases and not loose.children:
            # Headings with nothing but text below them, and nothing else: they are the tasks.
            loose.children = [entry for _, entry in empty]
        else:
            for block, _ in empty:
                self._told(block.title, block.texts)
        return ([loose] if loose.children else []) + phases

    def _implicit(self, line: int, title: str) -> Entry:
        return Entry(self._place(line or 1), title or "Tasks", children=[])

    def _unwrapped(self, blocks: Iterable[Block]) -> list[Block]:
        """Put what is below a heading such as "Phases" in its place."""
        found: list[Block] = []
        for block in blocks:
            if block.level is not None and _called(block.title) == "wrapper":
                self._told(block.title, block.texts)
                inner = self._unwrapped(block.children)
                found += inner
                if block.tables:
                    found.append(Block(block.line, block.title, block.level, tables=block.tables))
            else:
                found.append(block)
        return found

    def _section(self, block: Block) -> str | None:
        kind = _called(block.title) if block.level is not None else None
        return kind if kind != "wrapper" else None

    def _take(self, kind: str, block: Block) -> None:
        lines = list(_lines(block))
        text = "\n".join([*block.texts, *(title for title, _ in lines)]).strip()
        if kind == "goal":
            self._background.goal = self._background.goal or text
        elif kind == "final_deliverable":
            self._deliverable = self._deliverable or text
        elif kind == "team":
            self._background.roles_required += [title for title, _ in lines] or block.texts
        elif kind == "risks":
            self._take_risks(block, lines)
        elif kind == "dependencies":
            self._take_dependencies(block, lines)
        else:
            self._told(block.title, [text] if text else [])

    def _told(self, name: str, texts: Sequence[str]) -> None:
        """Keep text that is no task as background."""
        if text := "\n\n".join(texts).strip():
            notes = self._background.context.setdefault("notes", {})
            key = name or "overview"
            notes[key] = f"{notes[key]}\n\n{text}" if key in notes else text

    def _take_risks(self, block: Block, lines: Sequence[tuple[str, int]]) -> None:
        told = [(title, "") for title, _ in lines]
        for table in block.tables:
            kinds = {kind: place for place, kind in kinds_of(table.headings).items()}
            risk = kinds.get("risk", 0)
            answer = kinds.get("mitigation", len(table.headings))
            told += [
                (cells[risk], cells[answer] if answer < len(cells) else "")
                for _, cells in table.rows
                if risk < len(cells) and cells[risk]
            ]
        for description, mitigation in told or [(text, "") for text in block.texts]:
            number = len(self._background.risks) + 1
            self._background.risks.append(Risk(f"risk_{number}", description, mitigation))

    def _take_dependencies(self, block: Block, lines: Sequence[tuple[str, int]]) -> None:
        texts = [(line, block.line) for text in block.texts for line in text.splitlines()]
        for text, line in [*texts, *lines]:
            where, found = self._place(line), list(read_edges(text))
            if not found and text.strip():
                message = "The line names no dependency that can be read."
                self._findings.warn("unread-dependency", message, where, text)
            self._stated += [(dependent, needed, where) for dependent, needed in found]

    def _add_tables(self, tables: Iterable[Table], under: Entry, phases: list[Entry]) -> None:
        """Add the tasks of tables, to the phase they stand under where they name none."""
        for table in tables:
            kinds = kinds_of(table.headings)
            if not is_task_table(kinds):
                rows = [" | ".join(cells) for _, cells in table.rows]
                self._told(under.title, ["\n".join([" | ".join(table.headings), *rows])])
                continue
            rows = [Row(self._place(line), cells) for line, cells in table.rows]
            for found in entries_of(rows, kinds, self._hours, self._findings):
                if found.title:
                    phases.append(found)
                else:
                    under.children += found.children

    def _entry(self, block: Block) -> Entry:
        """Make an entry of a block and, level by level, of what is below it."""
        remarks = read_remarks(block.title, self._hours)
        if remarks.bare and block.level is None and block.texts:
            # "**Task 1.2**: Get a permit": what reads as a description is the title.
            joined = f"{block.title}: {block.texts[0]}"
            remarks, block.texts = read_remarks(joined, self._hours), block.texts[1:]
        entry = Entry(
            self._place(block.line),
            remarks.title,
            label=remarks.label,
            place=block.place,
            estimate=remarks.estimate,
            needed=remarks.needed,
            done=bool(block.done),
            children=[],
        )
        texts = [text for text in block.texts if not self._is_field(entry, text, block.line)]
        entry.description = "\n\n".join([*texts, entry.description]).strip()
        for child in block.children:
            if child.level is not None and _called(child.title) == "wrapper":
                entry.children += [self._entry(inner) for inner in child.children]
            elif not self._is_remark(entry, child):
                entry.children.append(self._entry(child))
        return entry

    def _is_remark(self, entry: Entry, child: Block) -> bool:
        """Take a list item that says something of its parent, and is no step of its own."""
        if child.level is not None:
            return False
        if not child.texts and not child.children:
            return self._is_field(entry, child.title, child.line)
        if _FIELD.get(child.title.casefold()) is None:
            return False
        told = [*child.texts, *(one.title for one in child.children)]
        return self._is_field(entry, f"{child.title}: {', '.join(told)}", child.line)

    def _is_field(self, entry: Entry, text: str, line: int) -> bool:
        """Take "Owner: Jo", "Depends on: 1.2" and the like."""
        field = read_field(text)
        kind = _FIELD.get(field[0]) if field else None
        if field is None or kind is None:
            needed = read_waiting(text) if _names_reference(text) else None
            entry.needed += needed or []
            return needed is not None
        if kind == "needs":
            entry.needed += split_needed(field[1])
        elif kind == "role":
            entry.role = field[1] or None
        elif kind == "description":
            entry.description = field[1]
        else:
            self._take_estimate(entry, field[1], kind, line)
        return True

    def _take_estimate(self, entry: Entry, text: str, kind: str, line: int) -> None:
        found = read_duration(text, self._hours) or read_duration(text + _UNITS[kind], self._hours)
        entry.estimate = found or entry.estimate
        if found is None:
            message = "Not a duration that is known."
            self._findings.warn("unreadable-duration", message, self._place(line), text)

    def _place(self, line: int) -> str:
        return f"line {line}"


def _called(title: str) -> str | None:
    return _SECTION.get(_NUMBERING.sub("", title.strip()).strip(" :").casefold())


def _names_reference(text: str) -> bool:
    return text[:1].isalpha() and any(letter.isdigit() for letter in text)


def _lines(block: Block) -> Iterator[tuple[str, int]]:
    """List the titles of all that is below a block, with their lines; a title keeps its text."""
    for child in block.children:
        told = [child.title, *child.texts]
        yield ": ".join(text for text in told if text), child.line
        yield from _lines(child)


def _depth(block: Block) -> int:
    return 1 + max((_depth(child) for child in block.children), default=0)
