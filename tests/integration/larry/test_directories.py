"""Each directory of places and each search engine keeps the promises of its port."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from larry.connectors import BraveSearch, FilePlaces, FileSearch, GooglePlaces
from larry.ports import Hit, Place, Places, Refused, Unreachable, WebSearch
from larry.simulated import SimulatedPlaces, SimulatedWebSearch

from .conftest import Town
from .provider import Asked, Provider, Said

KEY = "k" * 39
KNOWN = [
    Place(f"p{number}", f"Alpaca farm {number}", f"{number} Lane, Bend", "Bend", "+1555010", "")
    for number in range(25)
] + [Place("p99", "Alpacas of the coast", "1 Quay, Newport", "Newport")]
PAGES = [Hit(f"Alpacas {n}", f"https://farm{n}.example/", "About alpacas") for n in range(25)]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def google(asked: Asked) -> Said:
    """Answer as the Places API (New) does, by pages of at most 20."""
    if asked.headers.get("x-goog-api-key") != KEY:
        return Said(403, {"error": {"code": 403, "message": "API key not valid."}})
    assert asked.path == "/v1/places:searchText"
    assert "places.id" in asked.headers["x-goog-fieldmask"]
    query = asked.body["textQuery"]
    found = [one for one in KNOWN if " in " not in query or query.endswith(f" in {one.town}")]
    first = int(asked.body.get("pageToken", 0))
    after = first + asked.body["pageSize"]
    token = {"nextPageToken": str(after)} if after < len(found) else {}
    return Said(200, {"places": [_google_place(one) for one in found[first:after]], **token})


def _google_place(place: Place) -> dict[str, Any]:
    return {
        "id": place.place_id,
        "displayName": {"text": place.name, "languageCode": "en"},
        "formattedAddress": place.address,
        "addressComponents": [{"longText": place.town, "types": ["locality", "political"]}],
        "internationalPhoneNumber": place.phone,
    }


def brave(asked: Asked) -> Said:
    """Answer as the Brave Search API does, by pages of at most 20."""
    if asked.headers.get("x-subscription-token") != KEY:
        return Said(422, {"error": {"code": "SUBSCRIPTION_TOKEN_INVALID"}})
    assert asked.path == "/res/v1/web/search"
    count, offset = int(asked.query["count"]), int(asked.query["offset"])
    found = PAGES[offset * 20 : offset * 20 + count]
    results = [
        {"title": h.title, "url": h.url, "description": "About <strong>alpacas</strong>"}
        for h in found
    ]
    more = offset * 20 + count < len(PAGES)
    return Said(200, {"query": {"more_results_available": more}, "web": {"results": results}})


@pytest.fixture(params=["simulated", "google", "file"])
def places(
    request: pytest.FixtureRequest, town: Town, provider: Provider, tmp_path: Path
) -> Places:
    if request.param == "simulated":
        town.known_places = KNOWN
        return SimulatedPlaces(town)
    if request.param == "google":
        provider.answer = google
        return GooglePlaces(provider.url, KEY)
    rows = [{k: v for k, v in asdict(one).items() if k != "extra"} for one in KNOWN]
    return FilePlaces(write(tmp_path / "places.csv", rows))


class TestPlaces:
    def test_places_near_a_town_are_found(self, places: Places) -> None:
        [found] = places.search("alpaca breeders", near="Newport")
        assert (found.name, found.town) == ("Alpacas of the coast", "Newport")
        assert found.address == "1 Quay, Newport"

    def test_no_more_are_given_than_wanted(self, places: Places) -> None:
        assert len(places.search("alpaca", near="Bend", limit=3)) == 3

    def test_more_than_a_page_is_given_without_doubles(self, places: Places) -> None:
        found = places.search("alpaca", near="Bend", limit=60)
        assert len({one.place_id for one in found}) == len(found) == 25

    def test_nothing_there_is_an_empty_answer(self, places: Places) -> None:
        assert list(places.search("alpaca", near="Atlantis")) == []


@pytest.fixture(params=["simulated", "brave", "file"])
def engine(
    request: pytest.FixtureRequest, town: Town, provider: Provider, tmp_path: Path
) -> WebSearch:
    if request.param == "simulated":
        town.known_pages = PAGES
        return SimulatedWebSearch(town)
    if request.param == "brave":
        provider.answer = brave
        return BraveSearch(provider.url, KEY)
    return FileSearch(write(tmp_path / "pages.csv", [asdict(one) for one in PAGES]))


class TestWebSearch:
    def test_pages_come_with_title_address_and_snippet(self, engine: WebSearch) -> None:
        assert engine.search("alpacas", limit=1)[0] == PAGES[0]

    def test_no_more_are_given_than_wanted(self, engine: WebSearch) -> None:
        assert len(engine.search("alpacas", limit=7)) == 7

    def test_more_than_a_page_is_given_without_doubles(self, engine: WebSearch) -> None:
        found = engine.search("alpacas", limit=23)
        assert len({one.url for one in found}) == len(found) == 23


Search = Callable[[], Sequence[Any]]


@pytest.fixture(params=["google", "brave"])
def search(request: pytest.FixtureRequest, provider: Provider) -> Search:
    """Search by key."""
    if request.param == "google":
        return lambda: GooglePlaces(provider.url, "wrong").search("alpaca")
    return lambda: BraveSearch(provider.url, "wrong").search("alpaca")


def test_wrong_key_is_refused_and_not_shown(search: Search, provider: Provider) -> None:
    provider.answer = lambda asked: (google if asked.method == "POST" else brave)(asked)
    with pytest.raises(Refused) as refused:
        search()
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize("fault", [None, Said(500, {}), Said(429, {}), Said(200, b"[]")])
def test_fault_is_worth_another_attempt(
    search: Search, provider: Provider, fault: Said | None
) -> None:
    provider.faults = [fault]
    with pytest.raises(Unreachable):
        search()


def test_key_does_not_follow_a_redirect(search: Search, provider: Provider) -> None:
    provider.answer = lambda _: Said(302, {}, {"Location": f"{provider.url}/elsewhere"})
    with pytest.raises(Refused):
        search()
    assert len(provider.asked) == 1


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b'name\n"open\x00'])
def test_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "places.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused, match=r"places\.csv cannot be read"):
        FilePlaces(path).search("alpaca")


def test_columns_of_a_file_that_no_place_has_are_kept(tmp_path: Path) -> None:
    rows = [{"name": "Farm", "town": "Bend", "animals": "alpaca", "rating": "4.5"}]
    [found] = FilePlaces(write(tmp_path / "p.csv", rows)).search("alpaca", near="Bend")
    assert (found.extra, found.rating) == ({"animals": "alpaca"}, 4.5)
