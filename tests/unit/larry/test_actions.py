"""What Larry's actions do, with people who are simulated."""

import csv
import inspect
import tomllib
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar
from larry.actions import all_actions
from larry.ports import Refused
from planexe_agent import NeedsHuman, Wait

from config.settings import PROJECT
from tests.unit.larry.stage import Larry

CAROL, MARIE, JOHN = "carol@cloud.example", "marie@llamas.example", "john@goats.example"


def told(message: str, resolution: str = "provide_input") -> dict[str, Any]:
    """Give the context of a task that a person was asked about."""
    return {"resolution": {"resolution": resolution, "message": message}}


def test_letter_goes_to_the_person_the_table_knows(larry: Larry) -> None:
    larry.find_everybody()
    result = larry.do("send_email", recipient="Carol", purpose="A new website for {business}")
    [letter] = larry.town.letters
    assert letter.to == CAROL
    assert letter.subject == "A new website for Cloud Alpacas"
    assert letter.body.startswith("Hello Carol Campion,")
    assert result["sent"][0]["message_id"] == letter.message_id


def test_repeated_task_writes_no_second_letter(larry: Larry) -> None:
    larry.find_everybody()
    for _ in range(2):
        larry.do("send_email", task_id="same", recipient="everybody", purpose="Hello")
        larry.stop()
        larry.start()
    assert sorted(letter.to for letter in larry.town.letters) == sorted([CAROL, MARIE, JOHN])


def test_two_tasks_write_two_letters_of_one_thread(larry: Larry) -> None:
    for _ in range(2):
        larry.do("send_email", recipient="Carol", to=CAROL, purpose="Hello")
    first, second = larry.town.letters
    assert first.message_id != second.message_id
    assert second.in_reply_to == first.message_id


def test_unknown_recipient_is_asked_of_a_person_whose_answer_is_used(larry: Larry) -> None:
    with pytest.raises(NeedsHuman, match="Which address has James"):
        larry.do("send_email", recipient="James", purpose="Hello")
    larry.do("send_email", context=told("james@farm.example"), recipient="James", purpose="Hello")
    assert [letter.to for letter in larry.town.letters] == ["james@farm.example"]


def test_message_that_was_drafted_before_is_sent(larry: Larry) -> None:
    larry.find_everybody()
    larry.do("draft_document", subject="Message: {offer}", body="Dear {name} of {town}: hello.")
    larry.do("send_email", recipient="Carol", purpose="The offer")
    assert larry.town.letters[0].body.startswith("Dear Carol Campion of Bend: hello.")


def test_quote_and_wireframes_go_along_with_the_letter(larry: Larry) -> None:
    larry.find_everybody()
    larry.do("build_quote", recipient="Carol Campion", items="Website", amount="$8,000")
    larry.do("create_wireframes", subject="Website", screens=2)
    larry.do("send_email", recipient="Carol", purpose="The quote")
    kinds = [one.content_type for one in larry.town.letters[0].attachments]
    assert sorted(kinds) == ["application/pdf", "image/svg+xml", "image/svg+xml"]


def test_reply_is_waited_for_until_it_is_there(larry: Larry) -> None:
    larry.town.answers[CAROL] = "Thursday 2 PM?\n\nOn Monday, Larry wrote:\n> Hello"
    larry.find_everybody()
    larry.do("send_email", recipient="Carol", purpose="Hello")
    with pytest.raises(Wait, match="No answer yet from Carol Campion") as wait:
        larry.do("wait_for_reply", **{"from": "Carol"})
    assert wait.value.retry_after_seconds == 30
    assert wait.value.max_wait_seconds == 48 * 360

    larry.stop()
    larry.start()
    larry.now += 60
    result = larry.do("wait_for_reply", **{"from": "Carol"})
    [reply] = result["replies"]
    assert (reply["text"], reply["interested"]) == ("Thursday 2 PM?", "yes")
    [carol] = [row for row in larry.rows() if row["email"] == CAROL]
    assert (carol["reply"], carol["interested"]) == ("Thursday 2 PM?", "yes")


def test_all_who_were_written_to_have_to_answer_unless_fewer_are_enough(larry: Larry) -> None:
    larry.town.answers[CAROL] = "Yes, let's talk."
    larry.find_everybody()
    larry.do("send_email", recipient="everybody", purpose="Hello")
    larry.now += 60
    with pytest.raises(Wait, match=r"\(1 of 3 have answered\)"):
        larry.do("wait_for_reply", **{"from": "those written to"})
    result = larry.do("wait_for_reply", enough=1, **{"from": "those written to"})
    assert sorted(result["silent"]) == ["John Fox", "Marie Dupont"]


def test_owner_ends_a_wait_by_saying_what_he_knows(larry: Larry) -> None:
    larry.find_everybody()
    larry.do("send_email", recipient="Marie", purpose="Hello")
    params = {"from": "Marie"}
    with pytest.raises(Wait):
        larry.do("wait_for_reply", context=told("look again", "retry"), **params)
    result = larry.do("wait_for_reply", context=told("She called me: no."), **params)
    assert result["told_by_owner"] == "She called me: no."
    assert result["silent"] == ["Marie Dupont"]


def test_nothing_was_sent_so_nothing_is_waited_for(larry: Larry) -> None:
    larry.find_everybody()
    with pytest.raises(NeedsHuman, match="Nothing was sent to Carol"):
        larry.do("wait_for_reply", **{"from": "Carol"})


def test_calls_are_looked_at_again_until_all_are_over(larry: Larry) -> None:
    larry.town.transcripts = {"+15550101": "Yes, tell me more.", "+15550102": "Not interested."}
    larry.find_everybody()
    with pytest.raises(Wait, match="On the telephone with Carol Campion, Marie Dupont"):
        larry.do("make_phone_call", task_id="call", person="the top two", purpose="Hello")
    larry.stop()
    larry.start()
    larry.now += 6
    result = larry.do("make_phone_call", task_id="call", person="the top two", purpose="Hello")
    assert [one["status"] for one in result["calls"]] == ["completed", "completed"]
    assert result["interested"] == ["Carol Campion"]
    assert result["metrics"] == {"calls": 2, "reached": 2, "interested": 1}
    assert len(larry.town.scripts) == 2
    assert [row.get("interested") for row in larry.rows()] == ["yes", "no", ""]


def test_call_of_somebody_without_a_number_is_asked_of_a_person(larry: Larry) -> None:
    with pytest.raises(NeedsHuman, match="Which number has the bank"):
        larry.do("make_phone_call", person="the bank", purpose="Hello")


def test_searches_are_joined_and_no_row_stands_twice(larry: Larry) -> None:
    larry.do("search_places", query="alpacas", locations=["Bend", "Salem", "Bend"])
    result = larry.do("manage_csv", content="prospects", file="PROSPECTS.csv", rows=50)
    assert (result["rows"], result["wanted"], result["missing"]) == (3, 50, 47)
    again = larry.do("manage_csv", content="prospects", file="PROSPECTS.csv")
    assert again["rows"] == 3
    assert {row["contact"] for row in larry.rows()} == {"Carol Campion", "Marie Dupont", "John Fox"}


def test_table_is_sorted_by_number_and_cut(larry: Larry) -> None:
    rows = [{"name": name, "score": score} for name, score in (("a", 9), ("b", 100), ("c", ""))]
    params = {"content": "t", "file": "T.csv", "sort_by": "score"}
    larry.do("manage_csv", rows=rows, **params)
    assert [row["name"] for row in larry.rows("T.csv")] == ["b", "a", "c"]
    larry.do("manage_csv", top=1, **params)
    assert [row["name"] for row in larry.rows("T.csv")] == ["b"]


def test_web_search_gives_pages(larry: Larry) -> None:
    result = larry.do("web_search", query="breeders", queries=["llamas"])
    assert [hit["url"] for hit in result["hits"]] == ["https://breeders.example/"]


def test_website_of_a_private_address_does_not_hold_up_the_others(larry: Larry) -> None:
    rows = [{"name": "a", "website": "http://127.0.0.1/"}, {"name": "b", "website": "nowhere"}]
    larry.do("manage_csv", content="sites", file="S.csv", rows=rows)
    larry.do("analyze_website")
    assert [row["website_score"] for row in larry.rows("S.csv")] == ["0", "0"]
    assert "no public address" in larry.rows("S.csv")[0]["website_notes"]
    with pytest.raises(Refused):
        larry.do("analyze_website", url="http://127.0.0.1/")


def test_invitation_takes_the_time_that_the_reply_proposes(larry: Larry) -> None:
    larry.town.answers[CAROL] = "Thursday 2 PM?"
    larry.find_everybody()
    larry.do("send_email", recipient="Carol", purpose="Hello")
    larry.now += 60
    larry.do("wait_for_reply", **{"from": "Carol"})
    params = {"event": "Demonstration", "attendees": "Carol"}
    larry.do("schedule_calendar_event", task_id="meet", **params)
    larry.do("schedule_calendar_event", task_id="meet", **params)
    _, invitation = larry.town.letters
    [attached] = invitation.attachments
    assert "method=REQUEST" in attached.content_type
    [event] = Calendar.from_ical(attached.data).walk("VEVENT")
    starts_at = event.decoded("dtstart")
    assert (starts_at.weekday(), starts_at.hour, int(event["sequence"])) == (3, 14, 0)
    assert CAROL in event["attendee"]

    moved = told("2026-12-24 09:00")
    larry.do("schedule_calendar_event", task_id="meet", context=moved, **params)
    [again] = Calendar.from_ical(larry.town.letters[-1].attachments[0].data).walk("VEVENT")
    assert (str(again["uid"]), int(again["sequence"])) == (str(event["uid"]), 1)


def test_appointment_without_a_time_is_asked_of_a_person(larry: Larry) -> None:
    larry.find_everybody()
    with pytest.raises(NeedsHuman, match="When is it"):
        larry.do("schedule_calendar_event", event="Demonstration", attendees="Carol")


def test_quote_adds_its_items_up(larry: Larry) -> None:
    items = [
        {"name": "Website", "unit_price": "7,500.50"},
        {"name": "Photos | prints", "quantity": 3, "unit_price": 100},
    ]
    result = larry.do("build_quote", recipient="Carol", items=items)
    assert (result["total"], result["currency"]) == (7800.5, "USD")
    text = larry.file(result["evidence"][0]["name"]).read_text()
    assert "**Total: 7,800.50 USD**" in text
    assert larry.file(result["evidence"][1]["name"]).read_bytes().startswith(b"%PDF")


def test_quote_without_a_price_is_asked_of_a_person(larry: Larry) -> None:
    with pytest.raises(NeedsHuman, match="What is the price of Website"):
        larry.do("build_quote", recipient="Carol", items="Website")
    result = larry.do(
        "build_quote", context=told("8,000 dollars"), recipient="Carol", items="Website"
    )
    assert result["total"] == 8000


def test_findings_hold_what_came_before(larry: Larry) -> None:
    larry.find_everybody()
    result = larry.do("document_findings", topic="Breeders | near Bend", person="Carol")
    text = larry.file(result["file"]).read_text()
    assert text.startswith("# Breeders | near Bend (Carol)\n")
    assert "| Cloud Alpacas | Bend | +15550101 |" in text


def test_draft_holds_purpose_and_criteria(larry: Larry) -> None:
    context = {"plan_goal": "Win ten clients", "success_criteria": ["It is short"]}
    result = larry.do("draft_document", context=context, subject="Proposal", audience="Carol")
    text = larry.file(result["file"]).read_text()
    assert "For Carol." in text
    assert "Win ten clients" in text
    assert "- It is short" in text


@pytest.mark.parametrize(
    "text",
    [
        "日本語 and Ünï",
        "![x](http://127.0.0.1:1/a.png)",
        "<img src='/etc/passwd'>",
        "|a|\n|-|",
        "#",
        f"|{'a|' * 120}\n|{'---|' * 120}\n|{'bbbb|' * 120}",
        f"|a|\n|---|\n|{'words ' * 3000}|",
        "|a|\n|---|\n|`code` [link](http://a.example)|",
        "nothing\0 and &#0;",
    ],
)
def test_any_text_becomes_a_pdf_and_fetches_nothing(larry: Larry, text: str) -> None:
    result = larry.do("document_findings", topic="Findings", text=text)
    assert larry.file(result["evidence"][1]["name"]).read_bytes().startswith(b"%PDF")


def test_wireframes_are_drawings_whatever_they_are_called(larry: Larry) -> None:
    screens = ["Home", "<script>alert(1)</script>", "Con\x00tact & more"]
    result = larry.do("create_wireframes", subject="Herd & <b>book</b>", screens=screens)
    for link in result["evidence"]:
        drawing = ET.parse(larry.file(link["name"])).getroot()
        assert drawing.tag.endswith("svg")
        assert not list(drawing.iter("{http://www.w3.org/2000/svg}script"))


def test_interview_is_held_by_a_person_and_kept(larry: Larry) -> None:
    params: dict[str, Any] = {"person": "Carol", "topic": "Herd books", "questions": 4}
    with pytest.raises(NeedsHuman, match="4\\. ") as asked:
        larry.do("conduct_interview", **params)
    assert "5. " not in str(asked.value)
    result = larry.do("conduct_interview", context=told("She would love to try it."), **params)
    assert (result["transcript"], result["interested"]) == ("She would love to try it.", "yes")
    assert "She would love to try it." in larry.file("interview-carol.md").read_text()


@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "a/b.csv", "..", ".hidden.csv"])
def test_file_outside_of_the_work_folder_is_refused(larry: Larry, name: str) -> None:
    for action, params in (
        ("manage_csv", {"content": "x", "file": name}),
        ("document_findings", {"topic": "x", "file": name}),
        ("send_email", {"recipient": "C", "to": CAROL, "attachments": [name]}),
    ):
        with pytest.raises(Refused):
            larry.do(action, **params)
    assert larry.town.letters == []


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("+1 (555) 010-01", "+1 (555) 010-01"),
        ("-3.5", "-3.5"),
        ("'quoted", "'quoted"),
        ('a,"b"\nc', 'a,"b"\nc'),
    ],
)
def test_formula_is_a_text_in_the_table_and_itself_for_larry(
    larry: Larry, value: str, written: str
) -> None:
    larry.do("manage_csv", content="t", file="T.csv", rows=[{"name": value}])
    with larry.file("T.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [written]
    assert [row["name"] for row in larry.rows("T.csv")] == [value]


def test_formula_at_the_head_of_a_column_is_a_text_too(larry: Larry) -> None:
    larry.do("manage_csv", content="t", file="T.csv", rows=[{"=cmd()": "x", "name": "Carol"}])
    assert larry.file("T.csv").read_text().startswith("'=cmd(),")
    assert larry.rows("T.csv") == [{"=cmd()": "x", "name": "Carol"}]


def test_long_text_in_a_table_can_be_read_again(larry: Larry) -> None:
    larry.do("manage_csv", content="t", file="T.csv", rows=[{"name": "x" * 200_000}])
    assert len(larry.rows("T.csv")[0]["name"]) == 200_000


def test_numbers_and_lists_may_come_as_texts(larry: Larry) -> None:
    quote = larry.do("build_quote", recipient="Carol", amount="8", valid_days="7", terms="Cash.")
    assert "- Cash." in larry.file(quote["evidence"][0]["name"]).read_text()
    found = larry.do("search_places", queries="goat farms", locations="Austin")
    assert found["metrics"]["searches"] == 1
    with pytest.raises(Refused, match=r"brochure\.pdf"):
        larry.do("send_email", recipient="C", to=CAROL, attachments="brochure.pdf")


def test_actions_are_spelled_as_the_catalogue_spells_them(larry: Larry) -> None:
    catalogue = tomllib.loads((PROJECT / "decomposer" / "data" / "actions.toml").read_text())
    for name, function in all_actions(larry.tools).items():
        parameters = inspect.signature(function).parameters
        takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        assert takes_any or set(catalogue[name]["params"]) <= set(parameters), name
