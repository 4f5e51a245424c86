"""The whole log of an execution, byte for byte, wherever its events are."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from app.domain.errors import Conflict
from app.domain.events import Event, parse_event
from app.domain.proof import NO_FOLD, KeptEvent
from app.live.log import Log
from app.record.proof import ProofRows

PIECE: Final = 2000
"""How many are read at once: a log is never held whole."""


class KeptEvents:
    """Walks logs piece by piece.

    Of each piece Redis is read first and PostgreSQL after it: an event leaves Redis only once it
    is recorded, so what is missing in both was missing before.
    """

    def __init__(self, log: Log, record: ProofRows, refuse_archived: Callable[[str], None]) -> None:
        self._log = log
        self._record = record
        self._refuse_archived = refuse_archived

    def of(self, workspace_id: str, execution_id: str, last: int) -> Iterator[KeptEvent]:
        """Walk the events up to ``last`` in ``seq`` order; missing ones are left out.

        Raises:
            Archived: They have been put away.
        """
        self._refuse_archived(execution_id)
        for after in range(0, last, PIECE):
            up_to = min(after + PIECE, last)
            live = {
                seq: KeptEvent(seq, body, digest)
                for seq, body, digest in self._log.events(
                    workspace_id, execution_id, after, up_to - after
                )
                if seq <= up_to
            }
            yield from _joined(live, self._record.events(execution_id, after, up_to))

    def parsed(
        self, workspace_id: str, execution_id: str, last: int
    ) -> Iterator[tuple[Event, str]]:
        """Walk the events up to ``last``, each with its hash.

        Raises:
            Conflict: The log is not whole; a verification tells more.
            Archived: The events have been put away.
        """
        expected = 0
        for kept in self.of(workspace_id, execution_id, last):
            expected += 1
            if kept.seq != expected:
                break
            try:
                yield parse_event(kept.body), kept.hash
            except NO_FOLD as error:
                raise broken(expected) from error
        else:
            expected += 1
        if expected <= last:
            raise broken(expected)


def broken(seq: int) -> Conflict:
    """Say that a log ends before it should."""
    return Conflict(f"The log cannot be read at event {seq}. Verify the execution to learn more.")


def _joined(live: dict[int, KeptEvent], recorded: list[KeptEvent]) -> list[KeptEvent]:
    joined = [
        msgspec.structs.replace(one, copy=(twin.body, twin.hash))
        if (twin := live.pop(one.seq, None))
        else one
        for one in recorded
    ]
    if live:
        joined = sorted([*joined, *live.values()], key=lambda one: one.seq)
    return joined
