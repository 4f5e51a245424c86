"""The Places API (New) of Google as a directory of places."""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from larry.connectors.http import Http
from larry.ports import Place

_PATH: Final = "/v1/places:searchText"
_FIELDS: Final = (
    "id",
    "displayName",
    "formattedAddress",
    "addressComponents",
    "nationalPhoneNumber",
    "internationalPhoneNumber",
    "websiteUri",
    "rating",
)
_MASK: Final = ",".join([*(f"places.{name}" for name in _FIELDS), "nextPageToken"])
_PER_PAGE: Final = 20


class GooglePlaces:
    """Text search by HTTP key. https://developers.google.com/maps/documentation/places/web-service/text-search."""

    def __init__(self, url: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"X-Goog-Api-Key": key, "X-Goog-FieldMask": _MASK}
        self._http = Http(url, headers, "Google Places", transport=transport)

    def search(self, query: str, near: str = "", limit: int = 20) -> Sequence[Place]:
        """Find places, best match first; Google gives at most 60."""
        body: dict[str, Any] = {"textQuery": f"{query} in {near}" if near else query}
        places: list[Place] = []
        while True:
            body["pageSize"] = min(limit, _PER_PAGE)
            told = self._http.json("POST", _PATH, json=body)
            places += [_place(each) for each in told.get("places") or []]
            token = told.get("nextPageToken")
            if not token or len(places) >= limit or token == body.get("pageToken"):
                return places[:limit]
            body["pageToken"] = token


def _place(found: dict[str, Any]) -> Place:
    name = (found.get("displayName") or {}).get("text", "")
    phone = found.get("internationalPhoneNumber") or found.get("nationalPhoneNumber") or ""
    return Place(
        place_id=str(found.get("id") or name),
        name=name,
        address=found.get("formattedAddress", ""),
        town=_town(found.get("addressComponents") or []),
        phone=phone,
        website=found.get("websiteUri", ""),
        rating=found.get("rating"),
    )


def _town(components: list[dict[str, Any]]) -> str:
    for kind in ("locality", "postal_town", "administrative_area_level_2"):
        for one in components:
            if kind in (one.get("types") or []):
                return str(one.get("longText") or "")
    return ""
