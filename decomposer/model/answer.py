"""What a model is asked to answer: its shape, its limits, and how it is read.

There is no field for what a model has no say in: agents, approvals that are granted, time limits,
attempts. What it sends besides the fields here is passed over.
"""

import re
from typing import Annotated, Any, Final, Literal

import msgspec

from decomposer.errors import BadAnswer, ModelRefused

MOST_STEPS: Final = 50
_MOST_PARAMS: Final = 30
_MOST_CRITERIA: Final = 10
_LONGEST_READ: Final = 1_000_000
_LARGEST: Final = 2**53
_SHOWN: Final = 120

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
ActionName = Annotated[str, msgspec.Meta(pattern=r"^\S(.*\S)?$", max_length=200)]
Title = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=4000)]
Line = Annotated[str, msgspec.Meta(max_length=500)]
Number = Annotated[int, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]


class AnsweredParam(msgspec.Struct, frozen=True):
    """One param: a list of these, for strict JSON Schemas know no free keys."""

    name: Name
    value: Text | Number | float | bool | Annotated[list[Line], msgspec.Meta(max_length=50)]


class AnsweredStep(msgspec.Struct, frozen=True):
    """One step. ``source`` is the number of a written subtask, ``after`` numbers of steps.

    ``after`` None means the step before.
    """

    title: Title
    action: ActionName
    description: Text = ""
    params: Annotated[list[AnsweredParam], msgspec.Meta(max_length=_MOST_PARAMS)] = []
    source: int | None = None
    after: Annotated[list[int], msgspec.Meta(max_length=MOST_STEPS)] | None = None
    success_criteria: Annotated[list[Line], msgspec.Meta(max_length=_MOST_CRITERIA)] = []
    performed_by: Literal["agent", "human"] = "agent"
    needs_approval: bool = False


class Answer(msgspec.Struct, frozen=True):
    """A breakdown as a model gives it, with its own confidence from 0 to 1."""

    steps: Annotated[list[AnsweredStep], msgspec.Meta(min_length=1, max_length=MOST_STEPS)]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    notes: Text = ""


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object as strict servers want it: every field is there, and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_STRING: Final = {"type": "string"}
_STRINGS: Final = {"type": "array", "items": _STRING}
_VALUE: Final = {"anyOf": [_STRING, {"type": "number"}, {"type": "boolean"}, _STRINGS]}

SCHEMA: Final = _object(
    steps={
        "type": "array",
        "items": _object(
            title=_STRING,
            action=_STRING,
            description=_STRING,
            params={"type": "array", "items": _object(name=_STRING, value=_VALUE)},
            source={"type": ["integer", "null"]},
            after={"type": "array", "items": {"type": "integer"}},
            success_criteria=_STRINGS,
            performed_by={"type": "string", "enum": ["agent", "human"]},
            needs_approval={"type": "boolean"},
        ),
    },
    confidence={"type": "number"},
    notes=_STRING,
)
"""The JSON Schema that is sent; without lengths and ranges, for which some servers refuse it."""

_decoder: Final = msgspec.json.Decoder(Answer)
_REFUSAL: Final = re.compile(
    r"\W*(i['\u2019]?m (very )?sorry|sorry|as an ai"
    r"|i (can(no|['\u2019])t|am unable|am not able|won['\u2019]t))\b",
    re.IGNORECASE,
)


def read_answer(text: str) -> Answer:
    """Read a model's words as an answer, fenced or with prose around it.

    Raises:
        ModelRefused: It says that it will not.
        BadAnswer: It is prose, half a JSON or another shape; the faults say where.
    """
    text = text[:_LONGEST_READ]
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0:
        if _REFUSAL.match(text):
            raise ModelRefused(f"The model refused: {text[:_SHOWN]!r}")
        raise BadAnswer(f"The model answered with prose: {text[:_SHOWN]!r}")
    if end < begin:
        raise BadAnswer("The model's JSON is cut off.")
    return _read(text[begin : end + 1])


def _read(text: str) -> Answer:
    try:
        answer = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"The model's answer has another shape: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadAnswer(f"The model's answer is no whole JSON: {error}") from error
    if b"\\u0000" in msgspec.json.encode(answer):
        raise BadAnswer("The model's answer holds a null character, which cannot be stored.")
    return answer
