"""What a person filled in to change a breakdown, as an operation of the HTTP contract."""

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec
from werkzeug.datastructures import MultiDict

from app.dashboard.ports import Wire
from app.domain.errors import Invalid

Form = MultiDict[str, str]

_PARAM: Final = "param:"
_JSON: Final = "json:"


def version_of(form: Form) -> int:
    """Read which version was looked at.

    Raises:
        Invalid: The form names none.
    """
    return version_in(form.get("version", ""))


def version_in(text: str) -> int:
    """Read a version out of a form's field.

    Raises:
        Invalid: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < len(str(2**31))):
        raise Invalid("The form does not say which version it was made from.")
    return int(text)


def operation_of(form: Form) -> Wire:
    """Read a form into one operation; whether it makes sense is decided by who carries it out.

    Raises:
        Invalid: It is none, or a number or a param cannot be read.
    """
    read = _FORMS.get(form.get("op", ""))
    if read is None:
        raise Invalid("Choose what to do.")
    return {"op": form["op"], **read(form)}


def _edit(form: Form) -> Wire:
    return {"subtask_id": form.get("subtask_id", ""), **_fields(form)}


def _split(form: Form) -> Wire:
    titles = _lines(form.get("parts", ""))
    return {"subtask_id": form.get("subtask_id", ""), "parts": [{"title": one} for one in titles]}


def _merge(form: Form) -> Wire:
    wanted: Wire = {"subtask_ids": form.getlist("subtask_ids")}
    named = {name: form.get(name, "").strip() for name in ("title", "action")}
    return wanted | {name: text for name, text in named.items() if text}


def _move(form: Form) -> Wire:
    return {"subtask_id": form.get("subtask_id", ""), "before": form.get("before") or None}


def _drop(form: Form) -> Wire:
    return {"subtask_id": form.get("subtask_id", "")}


def _add(form: Form) -> Wire:
    step = {name: value for name, value in _fields(form).items() if value not in ("", {}, [])}
    return {"subtask": step, "before": form.get("before") or None}


_FORMS: Final[dict[str, Callable[[Form], Wire]]] = {
    "edit": _edit,
    "split": _split,
    "merge": _merge,
    "move": _move,
    "drop": _drop,
    "add": _add,
}


def _fields(form: Form) -> Wire:
    """Read the fields of a step that a form has; a form says by itself which lists it has."""
    found: Wire = {
        name: form[name].strip() for name in ("title", "description", "action") if name in form
    }
    if "assignee" in form:
        found["assignee"] = form["assignee"]
    if "has_approval" in form:
        found["requires_approval"] = "requires_approval" in form
    if "success_criteria" in form:
        found["success_criteria"] = _lines(form["success_criteria"])
    if form.get("timeout_hours"):
        found["timeout_hours"] = _hours(form["timeout_hours"])
    if "has_dependencies" in form:
        found["dependencies"] = form.getlist("dependencies")
    if "has_params" in form:
        found["params"] = _params(form)
    return found


def _params(form: Form) -> Wire:
    """Read params one by one; those left empty go, the new one comes last."""
    found: Wire = {}
    for field, text in form.items():
        if field.startswith(_PARAM) and text.strip():
            found[field.removeprefix(_PARAM)] = text.strip()
        elif field.startswith(_JSON) and text.strip():
            found[field.removeprefix(_JSON)] = _value(field.removeprefix(_JSON), text)
    name, value = form.get("new_param", "").strip(), form.get("new_value", "").strip()
    return found | ({name: value} if name and value else {})


def _value(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"{name}: write it as JSON, as it was. {error}") from error


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not math.isfinite(hours):
        raise Invalid(f"Time limit: {text!r} is no number of hours.")
    return hours


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
