"""Two copies of one log made into one: what both hold must agree, byte for byte. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from app.domain.events import FIRST_HASH, chain


class Kept(msgspec.Struct, frozen=True):
    """An event as it is kept somewhere: ``body`` is the very text that ``hash`` is over."""

    seq: int
    body: bytes
    hash: str


class Merged(msgspec.Struct, frozen=True):
    """What two copies hold together.

    ``events`` begin at 1 and go up to the first gap, each chained to the one before. ``beyond``
    are those behind a gap. ``fork`` is the first ``seq`` at which the copies are not of one
    history, or the chain breaks.
    """

    events: Sequence[Kept]
    beyond: Sequence[Kept] = ()
    gaps: Sequence[tuple[int, int]] = ()
    fork: int | None = None

    def hash_at(self, seq: int) -> str | None:
        """Give the hash of an event; None where there is none of this ``seq`` before a gap."""
        if seq == 0:
            return FIRST_HASH
        return self.events[seq - 1].hash if seq <= len(self.events) else None


def merge(first: Iterable[Kept], second: Iterable[Kept]) -> Merged:
    """Merge two copies of the log of one execution, each in any order, either with gaps."""
    known: dict[int, Kept] = {}
    every = (*first, *second)
    forks = [event.seq for event in every if known.setdefault(event.seq, event) != event]
    ordered = [known[seq] for seq in sorted(known)]
    gaps, last = list[tuple[int, int]](), 0
    for event in ordered:
        if event.seq > last + 1:
            gaps.append((last + 1, event.seq - 1))
        last = event.seq
    cut = gaps[0][0] - 1 if gaps else len(ordered)
    forks += _breaks(ordered[:cut])
    return Merged(ordered[:cut], ordered[cut:], gaps, min(forks, default=None))


def _breaks(events: Iterable[Kept]) -> list[int]:
    head = FIRST_HASH
    for event in events:
        if chain(head, event.body) != event.hash:
            return [event.seq]
        head = event.hash
    return []
