"""The schedule a report embeds: its bars as an outline, its links as edges.

A schedule chains everything in written order: each task after the one before, the first subtask
with its task, the last one to its end. Such links state nothing the written order does not say
already, so they are counted and left to the ordering an execution is started with.
"""

import html
import re
from typing import Any

import msgspec

from app.domain.plan import Estimate
from decomposer.readers.durations import hours_of
from decomposer.readers.edges import StatedEdge
from decomposer.readers.findings import Findings
from decomposer.readers.ids import key_of
from decomposer.readers.levels import RawId
from decomposer.readers.outline import Item, Outline, draw_up
from decomposer.readers.shapes import convert

WHERE = "GANTT_DATA_DHTMLX"
_TAG = re.compile(r"(<[^<>]*>)")
_RESOURCES, _DELIVERABLE = "Resources needed:", "Final deliverable:"
_FINISH_TO_START, _START_TO_START, _FINISH_TO_FINISH = "0", "1", "2"


class Bar(msgspec.Struct):
    """One item of the schedule, on any level."""

    id: RawId = None
    text: str | None = None
    parent: RawId = None
    custom_tooltip: str | None = None
    duration: Any = None


class Link(msgspec.Struct):
    """``target`` follows ``source``; type 0 is finish to start, 1 start to start, 2 the ends."""

    source: RawId = None
    target: RawId = None
    type: Any = _FINISH_TO_START


class Schedule(msgspec.Struct):
    """The object; its bars are called ``tasks``, in the oldest reports ``data``."""

    tasks: list[Bar] | None = None
    data: list[Bar] | None = None
    links: list[Link] | None = None


class Tooltip(msgspec.Struct):
    """What a bar's tooltip tells beside the title."""

    description: str = ""
    resources: list[str] = []
    final_deliverable: str = ""


def outline_from_schedule(
    document: object, hours_per_day: float, findings: Findings
) -> Outline | None:
    """Read the schedule; None, with faults noted, where its shape is wrong."""
    schedule = convert(document, Schedule, WHERE, findings)
    if schedule is None:
        return None
    bars = schedule.tasks or schedule.data or []
    places = _places(bars, findings)
    items = {key: _item(bars[place], place) for key, place in places.items()}
    parents = {key: key_of(bars[place].parent) for key, place in places.items()}
    tops = _attach(bars, places, items, parents, findings)
    plan = _root(tops, bars, findings)
    outline = Outline("", "", None, tops)
    if plan is not None:
        told = read_tooltip(bars[places[key_of(plan.raw_id)]].custom_tooltip or "")
        outline = Outline(plan.title, told.final_deliverable, plan.raw_id, plan.children)
    outline.edges = _edges(schedule.links or [], items, parents, findings)
    _estimate(outline, bars, places, hours_per_day, findings)
    return outline


def _places(bars: list[Bar], findings: Findings) -> dict[str, int]:
    """Index the bars by id; one without an id gets its place for one."""
    places: dict[str, int] = {}
    for index, bar in enumerate(bars):
        bar.id = bar.id if bar.id not in {None, ""} else f"bar_{index + 1}"
        where = f"{WHERE}.tasks[{index}].id"
        if (first := places.setdefault(key_of(bar.id), index)) != index:
            message = f"duplicate id {str(bar.id)!r}, first used at {WHERE}.tasks[{first}].id"
            findings.fault(where, message)
    return places


def _item(bar: Bar, place: int) -> Item:
    told = read_tooltip(bar.custom_tooltip or "")
    where = f"{WHERE}.tasks[{place}]"
    return Item(where, bar.id, bar.text or "", told.description, told.resources, [])


def _attach(
    bars: list[Bar],
    places: dict[str, int],
    items: dict[str, Item],
    parents: dict[str, str],
    findings: Findings,
) -> list[Item]:
    """Put each item below its parent; give those that have none, with what hangs below them."""
    tops: list[Item] = []
    for key, item in items.items():
        raw = bars[places[key]].parent
        if raw in {None, "", 0, "0"}:
            tops.append(item)
        elif parents[key] in items and parents[key] != key:
            items[parents[key]].children.append(item)
    reached = _below(tops)
    for key, item in items.items():
        if id(item) not in reached:
            message = f"{item.title!r} was dropped: its parent leads nowhere."
            findings.warn("dangling-id", message, f"{item.where}.parent", bars[places[key]].parent)
    return tops


def _below(tops: list[Item]) -> set[int]:
    stack, reached = list(tops), set[int]()
    while stack:
        item = stack.pop()
        reached.add(id(item))
        stack += item.children
    return reached


def _root(tops: list[Item], bars: list[Bar], findings: Findings) -> Item | None:
    """Give the item that stands for the plan: the only one at the top, with phases below it."""
    if bars and all(not top.children for top in tops):
        message = "no item names its parent, so phases and tasks cannot be told apart"
        findings.fault(WHERE, message)
    return tops[0] if len(tops) == 1 else None


def read_tooltip(tooltip: str) -> Tooltip:
    """Read the few tags a tooltip is made of; all else in it is escaped text."""
    bold, item, section = False, False, ""
    told: dict[str, list[str]] = {"": [], _RESOURCES: [], _DELIVERABLE: []}
    for number, piece in enumerate(_TAG.split(tooltip)):
        if number % 2:
            tag = piece.strip("<> ").lower()
            bold = {"b": True, "/b": False}.get(tag, bold)
            item = {"li": True, "/li": False}.get(tag, item)
            if tag in {"br", "br/", "br /"} and not section and told[""]:
                told[""].append("\n")
        elif bold:
            section = piece if piece in told else section
        elif piece and (item or section != _RESOURCES):
            told[section].append(html.unescape(piece))
    return Tooltip(
        description="".join(told[""]).strip("\n"),
        resources=[name for name in told[_RESOURCES] if name],
        final_deliverable="".join(told[_DELIVERABLE]),
    )


def _estimate(
    outline: Outline,
    bars: list[Bar],
    places: dict[str, int],
    hours_per_day: float,
    findings: Findings,
) -> None:
    """Estimate each task by its own duration, else by its subtasks', and draw deep ones up."""
    derived = 0
    for task in (task for phase in outline.phases for task in phase.children):
        draw_up(task, findings)
        scheduled = [bars[places[key_of(item.raw_id)]].duration for item in task.children]
        own = bars[places[key_of(task.raw_id)]].duration
        hours = [hours_of(days, hours_per_day) for days in (scheduled if own is None else [own])]
        known = [one for one in hours if one is not None]
        if known and len(known) == len(hours):
            task.estimate = Estimate(realistic_hours=sum(known), derived=True)
            derived += 1
    if derived:
        message = "Estimates were counted from the schedule, which rounds up to whole days."
        findings.warn("scheduled-estimate", message, f"{WHERE}.tasks", f"{derived} tasks")


def _edges(
    links: list[Link], items: dict[str, Item], parents: dict[str, str], findings: Findings
) -> list[StatedEdge]:
    before = {
        key_of(child.raw_id): key_of(earlier.raw_id)
        for item in [Item("", None, "", children=_tops(items, parents)), *items.values()]
        for earlier, child in zip(item.children, item.children[1:], strict=False)
    }
    edges: list[StatedEdge] = []
    restating = 0
    for index, link in enumerate(links):
        source, target, where = key_of(link.source), key_of(link.target), f"{WHERE}.links[{index}]"
        kind = str(link.type)
        restated = before if kind == _FINISH_TO_START else parents
        if restated.get(target) == source:
            restating += 1
        else:
            edges.append(StatedEdge(link.target, link.source, where))
            if kind != _FINISH_TO_START:
                message = "Only finish to start is carried out; the dependency is read as that."
                findings.warn("dependency-type", message, f"{where}.type", kind)
    if restating:
        message = "Links that restate the written order were left to the choice of ordering."
        value = f"{restating} of {len(links)}"
        findings.warn("schedule-links", message, f"{WHERE}.links", value, "ordering: sequential")
    return edges


def _tops(items: dict[str, Item], parents: dict[str, str]) -> list[Item]:
    return [item for key, item in items.items() if parents[key] not in items]
