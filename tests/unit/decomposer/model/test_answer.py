"""Reading what a model says: answers, prose, refusals, halves."""

import json
from typing import Any

import pytest

from decomposer.errors import BadAnswer, ModelRefused
from decomposer.model.answer import SCHEMA, Answer, AnsweredParam, AnsweredStep, read_answer
from tests.model_server import answer, step


def test_answer_is_read_plain_fenced_and_with_prose_around_it() -> None:
    plain = answer(step("Look"))

    for text in (plain, f"```json\n{plain}\n```", f"Here you are:\n{plain}\nAnything else?"):
        assert read_answer(text).steps[0].title == "Look"


def test_what_a_model_has_no_say_in_is_passed_over() -> None:
    found = read_answer(
        answer(step(agent_id="agent_x", timeout_hours=1e9, retry_policy={"max_attempts": 99}))
    )

    assert set(AnsweredStep.__struct_fields__).isdisjoint({"agent_id", "timeout_hours"})
    assert found.steps[0].title


@pytest.mark.parametrize(
    "text",
    ["I'm sorry, but I can't help with that.", "I can\u2019t do this.", "Sorry, no.", "As an AI I"],
)
def test_refusal_in_words_is_told_from_prose(text: str) -> None:
    with pytest.raises(ModelRefused):
        read_answer(text)


@pytest.mark.parametrize("text", ["", "First, call Carol. Then sign.", "none", "}"])
def test_prose_is_told(text: str) -> None:
    with pytest.raises(BadAnswer, match="prose"):
        read_answer(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (answer(step())[:-40] + "}", "no whole JSON|another shape"),
        ("{" * 100_000 + "}", "no whole JSON"),
        ('{"steps": [', "cut off"),
        ('{"tasks": [{"name": "x"}]}', "steps"),
        (answer(), "length >= 1"),
        (answer(*[step()] * 500), "length <= 50"),
        (answer(step(title=" ")), "title"),
        (answer(step(title="x" * 301)), "length <= 300"),
        (answer(step(description="x" * 4001)), "length <= 4000"),
        (answer(step(action="")), "action"),
        (answer(step(action=None)), "action"),
        (answer(step(performed_by="me")), "performed_by"),
        (answer(step(params=[{"name": "n", "value": {"a": 1}}])), "value"),
        (answer(step(params=[{"name": "n", "value": 10**30}])), "value"),
        (answer(step(params=[{"name": "n", "value": "x"}] * 31)), "length <= 30"),
        (answer(step(success_criteria=["x"] * 11)), "length <= 10"),
        (answer(step(), confidence=7), "confidence"),
        (answer(step(title="a\0b")), "null character"),
    ],
)
def test_what_cannot_be_used_says_why(text: str, told: str) -> None:
    with pytest.raises(BadAnswer, match=told):
        read_answer(text)


def test_params_may_be_text_numbers_truths_and_lists() -> None:
    values: list[Any] = ["x", 3, 2.5, True, ["a", "b"]]
    params = [{"name": f"p{place}", "value": one} for place, one in enumerate(values)]

    found = read_answer(answer(step(params=params)))

    assert [one.value for one in found.steps[0].params] == values


def test_schema_that_is_sent_names_what_is_read() -> None:
    steps = SCHEMA["properties"]["steps"]["items"]

    assert set(SCHEMA["properties"]) == set(Answer.__struct_fields__)
    assert set(steps["properties"]) == set(AnsweredStep.__struct_fields__)
    assert set(steps["properties"]["params"]["items"]["properties"]) == set(
        AnsweredParam.__struct_fields__
    )
    for part in (SCHEMA, steps):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
    assert json.dumps(SCHEMA)
