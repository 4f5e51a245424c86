"""The Brave Search API as a search engine."""

import html
import re
from collections.abc import Sequence
from typing import Final

import httpx

from larry.connectors.http import Http
from larry.ports import Hit

_PATH: Final = "/res/v1/web/search"
_PER_PAGE: Final = 20
_PAGES: Final = 10
"""As many pages as Brave gives: ``offset`` is 0 to 9."""


class BraveSearch:
    """A search engine by HTTP key. https://api-dashboard.search.brave.com/app/documentation."""

    def __init__(self, url: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"X-Subscription-Token": key, "Accept": "application/json"}
        self._http = Http(url, headers, "Brave Search", transport=transport)

    def search(self, query: str, limit: int = 10) -> Sequence[Hit]:
        """Find pages, best match first."""
        hits: list[Hit] = []
        for offset in range(_PAGES):
            asked = {"q": query, "count": str(min(limit - len(hits), _PER_PAGE)), "offset": offset}
            told = self._http.json("GET", _PATH, params=asked)
            found = (told.get("web") or {}).get("results") or []
            hits += [_hit(each) for each in found]
            more = (told.get("query") or {}).get("more_results_available")
            if len(hits) >= limit or not found or not more:
                break
        return hits[:limit]


def _hit(found: dict[str, object]) -> Hit:
    # Brave marks the words of the query in its descriptions with tags.
    snippet = html.unescape(re.sub(r"<[^>]+>", "", str(found.get("description") or "")))
    return Hit(str(found.get("title") or ""), str(found.get("url") or ""), snippet)
