"""The time, as services are given it."""

import datetime as dt
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], dt.datetime]
"""Gives the present as an aware UTC time. Tests pass one of their own."""


def system_clock() -> dt.datetime:
    """Give the machine's time."""
    return dt.datetime.now(dt.UTC)
