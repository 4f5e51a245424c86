"""Identifiers: opaque strings with a kind prefix, sortable by the time they were made."""

import datetime as dt
import re
import secrets
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_OWN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def new_id(kind: str) -> str:
    """Make an id such as ``plan_01k9…``: 48 bits of milliseconds, then 80 random bits.

    The form is that of a ULID (https://github.com/ulid/spec) in lower case, so ids made later
    sort later. Not for use inside ``decide``, which draws nothing at random.

    Args:
        kind: The prefix without its underscore: plan, exec, agent, evt, blk, ws, user, key.
    """
    milliseconds = time.time_ns() // 1_000_000
    return f"{kind}_{_digits(milliseconds, 10)}{_digits(secrets.randbits(80), 16)}"


def least_id(kind: str, at: dt.datetime) -> str:
    """Give the text that no id made at a time or later sorts before, and each earlier one does.

    "Sorts" means by code points, in PostgreSQL ``COLLATE "C"``.
    """
    return f"{kind}_{_digits(int(at.timestamp() * 1000), 10)}"


def is_own_id(text: str) -> bool:
    """Tell whether somebody may bring this text as an id of their own.

    Letters, digits and ``. _ : -``, 1 to 100 characters, the first a letter or digit: safe in a
    URL path, a Redis key and a file name.
    """
    return _OWN_ID.fullmatch(text) is not None


def _digits(value: int, count: int) -> str:
    """Write a number in base 32."""
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(5 * count - 5, -1, -5))
