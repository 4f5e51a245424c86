"""Actions that work over the rows of a table: who is meant, in which order, and what is counted."""

from dataclasses import replace

import pytest
from larry.actions import all_actions
from planexe_agent import Wait

from tests.unit.larry.stage import CAROL, JOHN, MARIE, Larry


def test_chain_of_searches_adds_up_and_counts_each_find_once(larry: Larry) -> None:
    larry.do("search_places", query="breeders", location="Bend")
    second = larry.do("search_places", query="breeders")
    assert [place["name"] for place in second["places"]] == [
        CAROL.name,
        MARIE.name,
        JOHN.name,
    ]
    assert second["metrics"] == {"searches": 1, "places": 1}


def test_table_counts_the_rows_it_gains_once_also_where_the_task_is_repeated(larry: Larry) -> None:
    larry.do("search_places", query="breeders")
    for _ in range(2):
        kept = larry.do("manage_csv", task_id="keep", content="breeders", file="PROSPECTS.csv")
        assert kept["metrics"] == {"prospects": 3}
    again = larry.do("manage_csv", content="breeders", file="PROSPECTS.csv")
    assert again["metrics"] == {"prospects": 0}


def test_scores_rank_the_table_and_the_top_of_it_becomes_a_table(larry: Larry) -> None:
    larry.find_everybody()
    larry.do("manage_csv", rows=[{"name": JOHN.name, "rating": "4.9", "reviews": "50"}])
    larry.results.clear()
    scored = larry.do("analyze_data", question="who fits")
    assert scored["best"] == []
    assert {row["name"]: row["points"] for row in scored["rows"]} == {
        CAROL.name: "2",
        MARIE.name: "2",
        JOHN.name: "4",
    }
    larry.do("manage_csv", content="the breeders from 1 to 5", file="PROSPECTS.csv")
    larry.results.clear()
    best = larry.do("manage_csv", content="the top two breeders", file="QUALIFIED.csv")
    assert best["first"] == ["John Fox", "Carol Campion"]
    assert best["metrics"] == {"qualified": 2}


def test_each_gets_a_quote_of_their_own_and_no_other(larry: Larry) -> None:
    larry.find_everybody()
    larry.results.clear()
    quoted = larry.do("build_quote", recipient="everybody", items="A herd book", amount="$9,000")
    assert [one["for"] for one in quoted["quotes"]] == [
        "Carol Campion",
        "Marie Dupont",
        "John Fox",
    ]
    assert len({one["quote"] for one in quoted["quotes"]}) == 3
    larry.do("send_email", recipient="everybody", purpose="The quote")
    enclosed = {
        letter.to: [one.name for one in letter.attachments] for letter in larry.town.letters
    }
    assert all(len(names) == 1 for names in enclosed.values())
    assert enclosed[CAROL.email][0].startswith("quote-carol-campion")


def test_each_is_invited_at_the_time_they_proposed(larry: Larry) -> None:
    larry.find_everybody()
    larry.results.clear()
    larry.town.answers = {CAROL.email: "Thursday 2 PM?", MARIE.email: "Friday 10 AM suits me."}
    larry.do("send_email", recipient="Carol and Marie", purpose="Hello")
    larry.now += 600
    larry.do("wait_for_reply", **{"from": "Carol and Marie"})
    made = larry.do("schedule_calendar_event", event="Talk", attendees="those who answered")
    times = {one["invited"][0]: one["starts_at"][11:16] for one in made["appointments"]}
    assert times == {CAROL.email: "14:00", MARIE.email: "10:00"}
    assert len({one["uid"] for one in made["appointments"]}) == 2


def test_people_of_the_simulated_world_are_interviewed_where_that_is_chosen(larry: Larry) -> None:
    larry.find_everybody()
    chosen = replace(larry.tools.settings, interviewer="simulated")
    larry.actions = all_actions(replace(larry.tools, settings=chosen))
    larry.town.transcripts[CAROL.phone] = "All of it is on paper."
    with pytest.raises(Wait, match="Talking to Carol Campion"):
        larry.do("conduct_interview", task_id="talk", person="Carol", topic="her work")
    larry.now += 60
    told = larry.do("conduct_interview", task_id="talk", person="Carol", topic="her work")
    assert told["transcript"] == "Carol Campion says: All of it is on paper."
    assert told["metrics"] == {"interviews": 1}
    assert larry.town.scripts == ["Interview about her work"]


def test_reply_that_closes_a_deal_is_told_with_its_sum(larry: Larry) -> None:
    larry.find_everybody()
    larry.town.answers = {CAROL.email: "Agreed, and signed: 8,000 dollars in trade."}
    larry.do("send_email", recipient="Carol", purpose="The contract")
    larry.now += 600
    told = larry.do("wait_for_reply", **{"from": "Carol"})
    assert told["replies"][0]["deal"] == 8000
    assert told["metrics"]["closed"] == 1
    assert told["metrics"]["revenue"] == 8000
