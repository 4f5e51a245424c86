"""JSON of an expected shape: decode it, clean its text, and name every place that does not fit."""

import difflib
import json
import math
import re
import types
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar, cast, get_args, get_origin

import msgspec

from app.domain.errors import Fault, InvalidPlan
from decomposer.readers.findings import Findings

T = TypeVar("T")

# Real files nest eight deep. What nests deeper would end in a RecursionError further on.
MAX_DEPTH = 64
# PostgreSQL stores neither, in text or in JSON.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def decode_text(data: bytes, where: str) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        InvalidPlan: It is another encoding.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = (
            f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}; save it as UTF-8"
        )
        raise InvalidPlan(f"{where} is {message}.", [Fault(where, message)]) from error


def decode_json(data: bytes, where: str, findings: Findings) -> object:
    """Decode a JSON file and clean its text.

    Raises:
        InvalidPlan: Wrong encoding, broken JSON, or nested too deep.
    """
    text = decode_text(data, where)
    try:
        document: object = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        _refuse_depth(where)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        raise InvalidPlan(f"{where} is {message}.", [Fault(where, message)]) from error
    except ValueError as error:
        raise InvalidPlan(f"{where} is not JSON: {error}.", [Fault(where, str(error))]) from error
    return clean(document, where, findings)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _refuse_depth(where: str) -> NoReturn:
    message = f"nested deeper than {MAX_DEPTH} levels"
    raise InvalidPlan(f"{where} is {message}.", [Fault(where, message)])


def clean(document: object, where: str, findings: Findings, depth: int = 0) -> object:
    """Replace what cannot be stored (U+0000, lone surrogates) by U+FFFD, with a warning each.

    Raises:
        InvalidPlan: Nested deeper than ``MAX_DEPTH``.
    """
    if depth > MAX_DEPTH:
        _refuse_depth(where)
    if isinstance(document, str):
        return _clean_text(document, where, findings)
    if isinstance(document, list):
        items = cast("list[object]", document)
        return [
            clean(item, f"{where}[{index}]", findings, depth + 1)
            for index, item in enumerate(items)
        ]
    if isinstance(document, dict):
        fields = cast("dict[str, object]", document)
        return {
            _clean_text(key, where, findings): clean(value, join(where, key), findings, depth + 1)
            for key, value in fields.items()
        }
    if isinstance(document, float) and not math.isfinite(document):
        findings.fault(where, "the number is too large")
    return document


def _clean_text(text: str, where: str, findings: Findings) -> str:
    if not _UNSTORABLE.search(text):
        return text
    message = "Characters that cannot be stored (U+0000 or half a surrogate pair) were replaced."
    kept = _UNSTORABLE.sub("\ufffd", text)
    findings.warn("unstorable-text", message, _UNSTORABLE.sub("\ufffd", where), kept)
    return kept


def join(where: str, key: str) -> str:
    """Spell the place of a field: ``phases[0]`` and ``name`` give ``phases[0].name``."""
    return f"{where}.{key}" if where else key


def convert(document: object, shape: type[T], where: str, findings: Findings) -> T | None:
    """Turn a document into typed values, or answer None and note every fault."""
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        found = list(_faults(document, shape, where)) or [Fault(where, str(error))]
        findings.faults += found
        return None


def _faults(value: object, shape: Any, where: str) -> Iterator[Fault]:
    """Walk a document that does not fit: one bad field must not hide the others."""
    if get_origin(shape) is types.UnionType and types.NoneType in get_args(shape):
        if value is None:
            return
        options = [option for option in get_args(shape) if option is not types.NoneType]
        shape = options[0] if len(options) == 1 else shape
    if get_origin(shape) is list and isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _faults(item, get_args(shape)[0], f"{where}[{index}]")
    elif isinstance(shape, type) and issubclass(shape, msgspec.Struct) and isinstance(value, dict):
        yield from _field_faults(cast("dict[str, object]", value), shape, where)
    else:
        yield from _value_faults(value, shape, where)


def _field_faults(
    record: dict[str, object], shape: type[msgspec.Struct], where: str
) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for name, field in fields.items():
        if name in record:
            yield from _faults(record[name], field.type, join(where, name))
        elif field.required:
            yield Fault(join(where, name), "the field is missing")
    if shape.__struct_config__.forbid_unknown_fields:
        for name in record.keys() - fields.keys():
            close = difflib.get_close_matches(name, fields, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield Fault(join(where, name), f"unknown field{hint}")


def _value_faults(value: object, shape: Any, where: str) -> Iterator[Fault]:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        yield Fault(where + place.rstrip("`"), message.replace("`", ""))
