"""Who is meant by the words of a plan, and what people say."""

import datetime as dt

import pytest
from larry.people import choose
from larry.reading import appointment, interest, own_words

ROWS = [
    {"name": "Cloud Alpacas", "contact": "Carol Campion", "animals": "alpaca", "interested": "yes"},
    {"name": "The Farm", "contact": "Marie Dupont", "animals": "llama", "interested": ""},
    {"name": "Goat Hill", "contact": "John Fox", "animals": "goat", "interested": "yes"},
]


@pytest.mark.parametrize(
    ("whom", "found"),
    [
        ("Carol", [0]),
        ("Carol Campion and John", [0, 2]),
        ("the alpaca owner", [0]),
        ("the top two breeders", [0, 1]),
        ("the first 2", [0, 1]),
        ("each of them", [0, 1, 2]),
        ("all prospects", [0, 1, 2]),
        ("the breeders", [0, 1, 2]),
        ("those who are interested", [0, 2]),
        ("the top one of the interested breeders", [0]),
        ("James", []),
        ("the farmer", []),
        ("Mrs Jones", []),
    ],
)
def test_words_of_a_plan_mean_rows_of_a_table(whom: str, found: list[int]) -> None:
    assert choose(whom, ROWS) == [ROWS[number] for number in found]


@pytest.mark.parametrize(
    ("text", "judged"),
    [
        ("Yes, tell me more.", "yes"),
        ("Thursday 2 PM?", "yes"),
        ("let's talk", "yes"),
        ("We are not interested, thank you.", "no"),
        ("No thanks, but it sounds good", "no"),
        ("Who is this?", "unclear"),
        ("", "unclear"),
    ],
)
def test_interest_is_read_from_what_is_said(text: str, judged: str) -> None:
    assert interest(text) == judged


SUNDAY = dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thursday 2 PM?", "2026-11-26T14:00"),
        ("How about sunday at 9:15", "2026-11-29T09:15"),
        ("Monday, 12 am", "2026-11-23T00:00"),
        ("2026-12-03 14:00", "2026-12-03T14:00"),
        ("2026-12-03", "2026-12-03T10:00"),
        ("on December 3", "2026-12-03T10:00"),
        ("3rd of Dec at 4:30 pm", "2026-12-03T16:30"),
        ("May 7", "2027-05-07T10:00"),
        ("Tuesday", "2026-11-24T10:00"),
        ("Friday 99 pm", "2026-11-27T15:00"),
    ],
)
def test_time_is_read_from_what_is_proposed(text: str, expected: str) -> None:
    found = appointment(text, SUNDAY)
    assert found is not None
    assert found.isoformat().startswith(expected)


@pytest.mark.parametrize("text", ["", "let's talk", "2026-99-99", "may I", "Maybe 7", "Feb 30"])
def test_no_time_is_read_where_none_is(text: str) -> None:
    assert appointment(text, SUNDAY) is None


def test_what_a_letter_quotes_is_not_what_it_says() -> None:
    letter = "Fine.\r\n> a line\r\nThursday.\r\n\r\nOn Sunday, Larry wrote:\r\nNot interested?\r\n"
    assert own_words(letter) == "Fine.\nThursday."
