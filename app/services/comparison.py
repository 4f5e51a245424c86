"""Which executions need a closer look, judged by what is cheap to know of all of them. Pure."""

from collections.abc import Sequence

import msgspec

from app.domain.events import chain
from app.domain.merging import Kept
from app.live.inventory import Copy
from app.record.mending import RecordedEnd


class Look(msgspec.Struct, frozen=True):
    """What a first look at Redis told: its version, and whether all else fits it."""

    version: int | None
    head_hash: str
    whole: bool
    differs: bool

    @classmethod
    def of(cls, copy: Copy) -> "Look":
        """Keep of a copy what counts."""
        head_hash = copy.header.head_hash if copy.header else ""
        return cls(copy.version, head_hash, copy.execution is not None, bool(copy.differences))


def needs_mending(look: Look, end: RecordedEnd | None, waiting: int | None) -> bool:
    """Tell whether Redis and the record of one execution do not belong together.

    Args:
        look: What Redis holds, read first.
        end: How far the record is, read last; None where it knows nothing.
        waiting: The lowest ``seq`` that waits in the log, read in between.
    """
    if look.version is None or not look.whole or end is None or not end.status:
        return True
    if end.events != end.last or end.last > look.version:
        return True
    if end.last == look.version:
        return end.last_hash != look.head_hash or end.seq < end.last
    return waiting is None or waiting > end.last + 1


def is_linked(end: RecordedEnd, events: Sequence[Kept]) -> bool:
    """Tell whether what Redis has at the end of the record, or right behind it, is its history."""
    for event in events:
        if event.seq == end.last and event.hash != end.last_hash:
            return False
        if event.seq == end.last + 1 and chain(end.last_hash, event.body) != event.hash:
            return False
    return True
