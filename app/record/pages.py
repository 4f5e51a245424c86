"""Lists in pages: newest first, each page going on where the last one ended.

A page is found by its first row's place in the order, not by an offset: it costs the same far
down the list, and rows that arrive meanwhile shift nothing.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Column, Select, tuple_

from app.domain.errors import Fault, Invalid

T = TypeVar("T")
Row = TypeVar("Row")
Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where something stands in a list: by time, then by id."""

    created_at: dt.datetime
    identity: str


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. ``next_cursor`` asks for the rest; None where there is none."""

    items: list[T]
    next_cursor: str | None = None


def newest_first(
    query: Query,
    created_at: Column[dt.datetime],
    identity: Column[str],
    limit: int,
    cursor: str | None,
    *,
    oldest_first: bool = False,
) -> Query:
    """Order a query and cut out one page, with one row more that tells whether there is a next.

    ``oldest_first`` turns the order round. A cursor belongs to one order.

    Raises:
        Invalid: The cursor is none that ``page`` made.
    """
    if cursor is not None:
        place = _parse(cursor)
        here, there = tuple_(created_at, identity), (place.created_at, place.identity)
        query = query.where(here > there if oldest_first else here < there)
    order = [created_at, identity] if oldest_first else [created_at.desc(), identity.desc()]
    return query.order_by(*order).limit(limit + 1)


def page(
    rows: Iterable[Row], limit: int, place: Callable[[Row], Place], item: Callable[[Row], T]
) -> Page[T]:
    """Make the page of the rows of a ``newest_first`` query."""
    found = list(rows)
    next_cursor = _format(place(found[limit - 1])) if len(found) > limit else None
    return Page([item(row) for row in found[:limit]], next_cursor)


def _format(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _parse(cursor: str) -> Place:
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        place = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=Place)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise _bad_cursor() from error
    if place.created_at.tzinfo is None or "\0" in place.identity:
        raise _bad_cursor()
    return place


def _bad_cursor() -> Invalid:
    told = "is not a cursor that a list gave"
    return Invalid(f"The cursor {told}.", [Fault("cursor", told)])
