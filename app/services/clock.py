"""The time, as services are given it: that of Redis, which ``app.live.pulse`` follows."""

import datetime as dt
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], dt.datetime]
"""Gives the present as an aware UTC time. Tests pass one of their own."""
