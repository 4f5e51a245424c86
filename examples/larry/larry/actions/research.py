"""Research: directories of places, search engines, websites."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from planexe_agent import NeedsHuman, Task

from larry.folder import Row
from larry.people import narrowed
from larry.ports import Hit, Place, Refused, Unreachable
from larry.scoring import mentions, score
from larry.tools import Result, Tools, count_of, gathered, several

_PLACES: Final = 60
_HITS: Final = 20
_SITES: Final = 100


class Research:
    """The actions that find something out."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def search_places(
        self,
        task: Task,
        query: str = "",
        location: str = "",
        count: int | None = None,
        queries: str | Sequence[str] = (),
        locations: str | Sequence[str] = (),
    ) -> Result:
        """Find businesses or places of a kind, by each query near each location.

        What a search just before has found goes along, so that a chain of searches adds up.
        """
        limit = count_of(count, _PLACES)
        asked = [
            (one, near)
            for one in several(query) + several(queries)
            for near in several(location) + several(locations) or [""]
        ]
        if not asked:
            raise NeedsHuman("What kind of place is looked for?")
        found: dict[str, Place] = {}
        for number, (one, near) in enumerate(asked):
            for place in self._tools.places.search(one, near, limit):
                found.setdefault(place.place_id, place)
            task.progress(100 * (number + 1) / len(asked), f"{len(found)} found: {one} {near}")
        before = {str(one.get("place_id")): one for one in gathered(task, "places")}
        rows = [_place_row(place) for place in found.values()]
        new = [row for row in rows if row["place_id"] not in before]
        metrics = {"searches": len(asked), "places": len(new)}
        return {"places": [*before.values(), *new], "found": len(rows), "metrics": metrics}

    def web_search(
        self,
        task: Task,
        query: str = "",
        location: str = "",
        count: int | None = None,
        queries: str | Sequence[str] = (),
    ) -> Result:
        """Search the web and give the pages that were found."""
        limit = count_of(count, _HITS)
        asked = several(query) + several(queries)
        if not asked:
            raise NeedsHuman("What is looked for?")
        found: dict[str, Hit] = {}
        for one in asked:
            words = one if not location or location.lower() in one.lower() else f"{one} {location}"
            for hit in self._tools.web_search.search(words, limit):
                found.setdefault(hit.url, hit)
        task.progress(100, f"{len(found)} pages")
        hits = [asdict(hit) for hit in found.values()]
        return {"hits": hits, "metrics": {"pages": len(hits)}}

    def analyze_website(
        self, task: Task, url: str = "", focus: str = "", among: Mapping[str, Any] | None = None
    ) -> Result:
        """Score websites from 0 to 100, with reasons: the given one, or those of a table.

        Of the given one, what it says about ``focus`` is told too.
        """
        if url:
            return self._analysis(url, focus)
        table, rows = self._sites(task, among)
        analyses: list[Result] = []
        for number, row in enumerate(rows):
            analysis = {"name": row.get("name", ""), **self._analysed(row["website"])}
            analyses.append(analysis)
            self._note(task, table, row, analysis)
            task.progress(100 * (number + 1) / len(rows), f"Looked at {row['website']}")
        return {"websites": analyses, "metrics": {"websites": len(analyses)}}

    def _sites(
        self, task: Task, among: Mapping[str, Any] | None
    ) -> tuple[str, Sequence[Mapping[str, str]]]:
        folder, asked = self._tools.folder(task), dict(among or {})
        for table in [str(asked["file"])] if asked.get("file") else folder.tables():
            rows = [row for row in narrowed(folder.rows(table), asked) if row.get("website")]
            if rows:
                return table, rows[:_SITES]
        places = [each for each in gathered(task, "places") if each.get("website")]
        if not places:
            raise NeedsHuman("Which website is meant?")
        return "", places[:_SITES]

    def _note(
        self, task: Task, table: str, row: Mapping[str, str], analysis: Mapping[str, Any]
    ) -> None:
        if table:
            noted = {"website_score": str(analysis["score"]), "website_notes": analysis["summary"]}
            where = {"name": row.get("name", ""), "website": row["website"]}
            self._tools.folder(task).amend(table, where, noted)

    def _analysed(self, url: str) -> Result:
        """Look at one of many: one that is away does not hold up the others."""
        try:
            return self._analysis(url)
        except (Refused, Unreachable) as error:
            return {"url": url, "score": 0, "summary": f"Not to be had: {error}", "checks": []}

    def _analysis(self, url: str, focus: str = "") -> Result:
        page = self._tools.websites.fetch(url)
        scored = score(page)
        found: Result = {
            "url": page.url,
            "score": scored.points,
            "summary": scored.summary,
            "checks": [asdict(check) for check in scored.checks],
        }
        return {**found, "mentions": mentions(page, focus)} if focus else found


def _place_row(place: Place) -> Row:
    known = {
        "name": place.name,
        "town": place.town,
        "address": place.address,
        "phone": place.phone,
        "email": place.email,
        "website": place.website,
        "rating": "" if place.rating is None else f"{place.rating:g}",
        **place.extra,
        "place_id": place.place_id,
    }
    return {name: str(value) for name, value in known.items()}
