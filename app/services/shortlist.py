"""Lists that are sorted here, not by a database, in pages."""

import base64
import binascii
import datetime as dt
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from app.domain.blockers import Blocker
from app.domain.errors import Fault, Invalid
from app.record.pages import Page
from app.services.views import View

Rank: TypeAlias = tuple[int, int, int, str]
"""Where something stands: a group, then two numbers, then an id that makes it one of a kind."""


def rank_open(blocker: Blocker) -> Rank:
    """Rank what waits: what holds up most first, of equals what has waited longest."""
    return 0, -blocker.holds_up, _microseconds(blocker.opened_at), blocker.blocker_id


def rank_closed(blocker: Blocker) -> Rank:
    """Rank what waits no more behind it: the newest first."""
    return 1, -_microseconds(blocker.opened_at), 0, blocker.blocker_id


def cut(rows: Iterable[tuple[Rank, View]], limit: int, cursor: str | None) -> Page[View]:
    """Cut one page out of ranked rows.

    A page goes on behind the last row of the one before, even where that row is gone by now, so
    nothing that stays is missed.

    Raises:
        Invalid: The cursor is none that a list gave.
    """
    after = _parse(cursor)
    left = sorted((row for row in rows if after is None or row[0] > after), key=lambda row: row[0])
    shown = left[:limit]
    more = len(left) > limit
    return Page([view for _, view in shown], _format(shown[-1][0]) if more else None)


def _microseconds(at: dt.datetime) -> int:
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _format(rank: Rank) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(rank)).decode().rstrip("=")


def _parse(cursor: str | None) -> Rank | None:
    if cursor is None:
        return None
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=Rank)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        told = "is not a cursor that a list gave"
        raise Invalid(f"The cursor {told}.", [Fault("cursor", told)]) from error
