"""JavaScript object text as JSON text: read token by token, nothing is ever executed.

Reports embed their schedule as an object literal. Today it is JSON; a page edited by hand or
written by another exporter may have bare keys, single quotes, comments and trailing commas.
"""

import json
import re
import sys
from typing import NoReturn

from app.domain.errors import Fault, InvalidPlan

# Possessive quantifiers keep every token linear, however it is cut off.
_TOKEN = re.compile(
    r"""
    (?P<space>(?:\s++|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)++)
    |(?P<string>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|`(?:[^`\\$]|\\.|\$(?!\{))*+`)
    |(?P<number>-?\d++(?:\.\d*+)?(?:[eE][+-]?\d++)?)
    |(?P<name>[A-Za-z_$][\w$]*+)
    |(?P<open>[\[{])
    |(?P<close>[\]}])
    |(?P<mark>[:,])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL
)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_VALUES = {"true": "true", "false": "false", "null": "null", "undefined": "null"}


def literal_as_json(text: str, start: int, where: str) -> str:
    """Read the one object or array that begins at ``start``, and spell it as JSON.

    Raises:
        InvalidPlan: It is cut off, or holds something that is no data: a call, an operator.
    """
    pieces: list[str] = []
    depth, position = 0, start
    while True:
        token = _TOKEN.match(text, position)
        if token is None:
            _refuse(text, position, where)
        position = token.end()
        kind, spelled = token.lastgroup, token.group()
        if kind == "space":
            continue
        depth += (kind == "open") - (kind == "close")
        if kind == "close" and pieces[-1] == ",":
            pieces.pop()
        pieces.append(_spelled(kind, spelled, text, token.start(), where))
        if depth == 0:
            return "".join(pieces)


def _spelled(kind: str | None, spelled: str, text: str, position: int, where: str) -> str:
    if kind == "string":
        return json.dumps(_ESCAPE.sub(_unescaped, spelled[1:-1]))
    if kind == "number":
        return spelled if not spelled.endswith(".") else spelled[:-1]
    if kind == "name" and spelled in _VALUES:
        return _VALUES[spelled]
    if kind == "name":
        # A bare key; anywhere else the JSON reader finds two values side by side, and says where.
        following = text[position + len(spelled) :][:80].lstrip()
        if not following.startswith(":"):
            _refuse(text, position, where)
        return json.dumps(spelled)
    return spelled


def _unescaped(escape: re.Match[str]) -> str:
    long, short, byte, plain = escape.groups()
    if code := long or short or byte:
        number = int(code, 16)
        return chr(number) if number <= sys.maxunicode else "\ufffd"
    return _PLAIN.get(plain, plain)


def _refuse(text: str, position: int, where: str) -> NoReturn:
    line = text.count("\n", 0, position) + 1
    if position >= len(text.rstrip()) or text[position] in "\"'`/":
        message = f"line {line}: the schedule is cut off"
    else:
        message = f"line {line}: no data but {text[position : position + 20]!r}"
    raise InvalidPlan(f"{where} cannot be read: {message}.", [Fault(where, message)])
