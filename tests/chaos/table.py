"""What a run prints."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.journal import Journal
from tests.chaos.proof import Findings

_HEAD = ("fault", "times", "longest outage (s)", "acknowledged", "lost", "duplicated")


@dataclass(frozen=True)
class Window:
    """From the beginning of a fault to that of the next, on the monotonic clock."""

    fault: str
    start_s: float
    end_s: float


def rows(windows: Sequence[Window], journal: Journal, findings: Findings) -> list[list[str]]:
    """Give a row per kind of fault, in the order of their first times, and a total."""
    names = list(dict.fromkeys(window.fault for window in windows))
    found = [
        _row(name, [one for one in windows if one.fault == name], journal, findings)
        for name in names
    ]
    return [*found, _row("all", windows, journal, findings)]


def render(body: Sequence[Sequence[str]]) -> str:
    """Lay a table out as Markdown that reads well as it is."""
    lines = [_HEAD, *body]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    laid = [_line(line, widths) for line in lines]
    rule = [
        f"{'-' * (width - 1)}{'-' if not column else ':'}" for column, width in enumerate(widths)
    ]
    return "\n".join([laid[0], f"| {' | '.join(rule)} |", *laid[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    laid = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(laid)} |"


def _row(name: str, windows: Sequence[Window], journal: Journal, findings: Findings) -> list[str]:
    acks = [ack for one in windows for ack in journal.acknowledged(one.start_s, one.end_s)]
    lost, duplicated = set(findings.lost), set(findings.duplicated)
    outage = max(journal.longest_wait(one.start_s, one.end_s) for one in windows)
    counts = len(windows), f"{outage:.1f}", len(acks)
    wrong = sum(ack in lost for ack in acks), sum(ack in duplicated for ack in acks)
    return [name, *map(str, (*counts, *wrong))]
