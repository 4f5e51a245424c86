"""Tells by content what a source is, whatever its name says.

A new format is a row in ``_FORMATS`` and a module with a reader of the same signature.
"""

import re
from collections.abc import Callable
from typing import NoReturn

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Plan
from decomposer.readers.archive import read_zip
from decomposer.readers.csv_file import looks_like_csv, read_csv
from decomposer.readers.document import read_json
from decomposer.readers.folder import read_planexe_folder
from decomposer.readers.prose import read_markdown
from decomposer.readers.report import read_report
from decomposer.readers.source import PlanSource, ReadLimits

Reader = Callable[[PlanSource, ReadLimits, str], Plan]

_READ_TODAY = (
    "a PlanExe run as a folder or zip archive, its merged tree, its report.html or its CSV, "
    "JSON with phases, a table of tasks as CSV, and Markdown or text with headings and lists"
)


def _refuse(source: PlanSource, message: str) -> NoReturn:
    text = f"{source.name} {message}. What is read: {_READ_TODAY}."
    raise InvalidPlan(text, [Fault(source.name, message)])


_MARK = rb"(?:\xef\xbb\xbf)?\s*+"
_COMMENTS = rb"(?:<!--(?:[^-]|-(?!->))*+-->\s*+)*+"
# The first pattern that matches the beginning of the content wins.
_FORMATS: tuple[tuple[re.Pattern[bytes], Reader], ...] = (
    (re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"), read_zip),
    # A checkbox, a link or a badge: Markdown that begins like JSON.
    (
        re.compile(_MARK + rb"\[(?:[ xX]?\](?=[ \t]+\S)|!\[|[A-Za-z][^\]\n\"]{0,200}\][(:\[])"),
        read_markdown,
    ),
    (re.compile(_MARK + rb"[\[{]"), read_json),
    (
        re.compile(
            _MARK + _COMMENTS + rb"<(?:!doctype|html|head|body|meta|script|style)\b", re.IGNORECASE
        ),
        read_report,
    ),
)
# UTF-16 and UTF-32, by their marks, and what else is no text.
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LOOKED_AT = 4096


def detect(source: PlanSource, limits: ReadLimits) -> Reader:
    """Pick the reader for a source.

    Raises:
        InvalidPlan: It is nothing that could hold a plan.
    """
    if source.folder is not None:
        return read_planexe_folder
    if source.data is None:
        return read_json
    if len(source.data) > limits.max_file_bytes and not _FORMATS[0][0].match(source.data):
        _refuse(source, f"is larger than {limits.max_file_bytes:,} bytes")
    for pattern, reader in _FORMATS:
        if pattern.match(source.data):
            return reader
    # The name decides no format, but tells what the sender took it for.
    if source.name.lower().endswith(".json"):
        return read_json
    _check_text(source, source.data)
    named = source.name.lower().endswith((".csv", ".tsv"))
    return read_csv if named or looks_like_csv(source.data) else read_markdown


def _check_text(source: PlanSource, data: bytes) -> None:
    """Refuse what is no text that can be read, and say why."""
    if not data.strip():
        _refuse(source, "is empty")
    if source.name.lower().endswith(".zip"):
        _refuse(source, "is no zip archive")
    if data.startswith(_WIDE):
        _refuse(source, "is not UTF-8 but UTF-16 or UTF-32; save it as UTF-8")
    place = data.find(b"\x00")
    if place >= 0:
        hint = "; it looks like UTF-16: save it as UTF-8" if _is_wide(data) else ""
        _refuse(source, f"is no text: byte 0x00 at offset {place}{hint}")


def _is_wide(data: bytes) -> bool:
    start = data[:_LOOKED_AT]
    return start.count(0) * 3 > len(start)
