"""The world of the breeders: who is in it, and what they do."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import larry.world
import pytest
from larry.ports import Message
from larry.scoring import score
from larry.websites import Page
from larry.world.breeders import BreederWorld
from larry.world.people import read_breeders
from larry.world.sites import Sites

BREEDERS = read_breeders(Path(larry.world.__file__).with_name("hill_country.toml"))


@pytest.fixture
def world() -> BreederWorld:
    return BreederWorld(BREEDERS, lambda one: f"http://{one.slug}.example/" if one.site else "")


@pytest.fixture
def sites() -> Iterator[Sites]:
    serving = Sites(BREEDERS)
    serving.serve()
    yield serving
    serving.close()


def written(to: str, subject: str) -> Message:
    return Message("<1@x>", "larry@example.com", to, subject, "")


def test_there_are_23_breeders_each_with_a_name_of_their_own() -> None:
    assert len({one.slug for one in BREEDERS}) == len(BREEDERS) == 23
    phones = [one.phone for one in BREEDERS if one.phone]
    assert len(set(phones)) == len(phones)


def test_places_are_found_by_kind_and_town_best_known_first(world: BreederWorld) -> None:
    found = world.places("dog breeders near Boerne", "Boerne")
    assert [place.name for place in found] == ["Campion Border Collies", "Cibolo Creek Retrievers"]
    assert found[0].extra["contact"] == "Carol Campion"
    assert len(world.places("breeders", "Boerne")) == 3
    assert world.places("dog breeders", "Paris") == []
    assert [hit.url for hit in world.pages("alpaca breeders in Boerne")] == [
        "http://sister-creek-alpacas.example/"
    ]


def test_letters_are_answered_by_what_they_are_about(world: BreederWorld) -> None:
    carol = "carol@campion-border-collies.example"
    (first,) = world.written_to(written(carol, "Following up"))
    assert first.body.startswith("Thursday 2 PM?")
    assert 3 * 3600 < first.delay_seconds < 5 * 3600
    (signed,) = world.written_to(written(carol, "the contract"))
    assert "8,000 dollars in trade" in signed.body
    assert world.written_to(written(carol, "Invitation: Interview")) == ()
    assert world.written_to(written("marie@guadalupe-dachshunds.example", "Following up")) == ()
    assert world.written_to(written("nobody@x.example", "Following up")) == ()


def test_same_questions_get_the_same_answers(world: BreederWorld) -> None:
    again = BreederWorld(BREEDERS, lambda _: "")
    letter = written("ray@sister-creek-alpacas.example", "the quote")
    assert world.written_to(letter) == again.written_to(letter)
    assert world.called("+18305550101", "herd book") == again.called("+18305550101", "herd book")


def test_calls_end_as_people_are(world: BreederWorld) -> None:
    assert "interested" in world.called("+18305550101", "a herd book").transcript
    assert "notebooks" in world.called("+18305550101", "Interview about it").transcript
    assert world.called("+18305550109", "a herd book").status == "no-answer"
    assert world.called("+10000000000", "a herd book").status == "no-answer"


def test_websites_are_served_and_those_of_their_own_score_best(sites: Sites) -> None:
    scores = {one.site: scored(sites.address(one)) for one in BREEDERS if one.site}
    assert scores.keys() == {"own", "builder", "old"}
    assert max(scores["builder"], scores["old"]) < 50 < scores["own"]
    assert sites.address(next(one for one in BREEDERS if not one.site)) == ""


def test_page_that_is_not_there_is_told(sites: Sites) -> None:
    address = sites.address(BREEDERS[0])
    assert httpx.get(f"{address}nothing", trust_env=False).status_code == 404


def scored(address: str) -> int:
    answer = httpx.get(address, trust_env=False)
    return score(Page(url=address, status=answer.status_code, html=answer.text, seconds=0.1)).points
