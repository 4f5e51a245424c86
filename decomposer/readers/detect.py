"""Tells by content what a source is, whatever its name says.

A new format is a row in ``_FORMATS`` and a module with a reader of the same signature.
"""

import re
from collections.abc import Callable
from typing import NoReturn

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Plan
from decomposer.readers.archive import read_zip
from decomposer.readers.document import read_json
from decomposer.readers.folder import read_planexe_folder
from decomposer.readers.source import PlanSource, ReadLimits

Reader = Callable[[PlanSource, ReadLimits, str], Plan]

_READ_TODAY = "a PlanExe run as a folder or zip archive, its merged tree, or JSON with phases"


def _not_read_yet(what: str) -> Reader:
    def refuse(source: PlanSource, limits: ReadLimits, plan_id: str) -> NoReturn:
        del limits, plan_id
        _refuse(source, f"looks like {what}, which is not read yet")

    return refuse


def _refuse(source: PlanSource, message: str) -> NoReturn:
    text = f"{source.name} {message}. What is read: {_READ_TODAY}."
    raise InvalidPlan(text, [Fault(source.name, message)])


# The first pattern that matches the beginning of the content wins.
_FORMATS: tuple[tuple[re.Pattern[bytes], Reader], ...] = (
    (re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"), read_zip),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]"), read_json),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*<"), _not_read_yet("an HTML report")),
    (re.compile(rb"(?:\xef\xbb\xbf)?[^\n]*;[^\n]*;"), _not_read_yet("a CSV table")),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:#|[-*] )"), _not_read_yet("a Markdown text")),
)


def detect(source: PlanSource) -> Reader:
    """Pick the reader for a source.

    Raises:
        InvalidPlan: It is nothing that could hold a plan.
    """
    if source.folder is not None:
        return read_planexe_folder
    if source.data is None:
        return read_json
    for pattern, reader in _FORMATS:
        if pattern.match(source.data):
            return reader
    # The name decides no format, but tells what the sender took it for.
    if source.name.lower().endswith(".json"):
        return read_json
    _refuse(source, _nothing_known(source))


def _nothing_known(source: PlanSource) -> str:
    if not source.data:
        return "is empty"
    if source.name.lower().endswith(".zip"):
        return "is no zip archive"
    return "is neither a zip archive nor JSON"
