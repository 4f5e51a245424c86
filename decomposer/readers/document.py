"""JSON documents: told apart by their keys, whether sent as a file or as a body."""

import json
from typing import NoReturn, cast

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Plan
from decomposer.readers.findings import Findings
from decomposer.readers.names import Role
from decomposer.readers.run import read_run
from decomposer.readers.shapes import clean, decode_json
from decomposer.readers.source import PlanSource, ReadLimits
from decomposer.readers.structured import read_structured

_EXPECTED = 'expected an object with "phases", or with "wbs_project" (the merged tree)'
_PARTS = {
    "major_phase_title": "This is wbs_level2.json alone; send the whole run.",
    "parent_id": "This is wbs_level3.json alone; send the whole run.",
}


def read_json(source: PlanSource, limits: ReadLimits, plan_id: str) -> Plan:
    """Read a JSON file, or a document that is parsed already.

    Raises:
        InvalidPlan: It is no plan of a known shape, or not all of it fits.
    """
    findings = Findings()
    document = (
        clean(source.document, "", findings)
        if source.data is None
        else decode_json(source.data, "", findings)
    )
    if not isinstance(document, dict):
        _refuse(source.name, document)
    document = cast("dict[str, object]", document)
    if "wbs_project" in document:
        # Its text is clean by now, and the warnings of that are on record.
        content = json.dumps(document).encode()
        return read_run({Role.TREE: content}, plan_id, "planexe-tree", limits, findings)
    return read_structured(document, plan_id, limits, findings)


def _refuse(name: str, document: object) -> NoReturn:
    message = f"is JSON of another shape: {_EXPECTED}, got {_kind(document)}"
    raise InvalidPlan(f"{name} {message}.{_hint(document)}", [Fault(name, message)])


def _kind(document: object) -> str:
    if isinstance(document, list):
        return "a list"
    return f"a single value, {str(document)[:40]!r}"


def _hint(document: object) -> str:
    items = cast("list[object]", document) if isinstance(document, list) else []
    keys = cast("dict[str, object]", items[0]) if items and isinstance(items[0], dict) else {}
    return "".join(f" {text}" for key, text in _PARTS.items() if key in keys)
