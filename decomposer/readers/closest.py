"""Which known id a dangling one may have meant."""

import difflib
from collections.abc import Mapping

from decomposer.readers.ids import key_of

# A lost or changed character leaves either the beginning or the end of an id whole; looking only
# there, and only so often, keeps a file of nothing but dangling ids cheap.
_SHARED = 4
_MOST_CANDIDATES = 500
_MOST_SUGGESTIONS = 100
_CUTOFF = 0.85


class Closest:
    """Suggests ids. ``known`` maps normalised ids, or titles, to the ids to suggest."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._left = _MOST_SUGGESTIONS
        self._ends: dict[str, list[str]] | None = None

    def to(self, value: object) -> str | None:
        """Suggest the one id that is close; None where none is, or several are equally."""
        self._left -= 1
        if self._left < 0:
            return None
        key = key_of(value)
        candidates = dict.fromkeys(self._sharing(key))
        matches = difflib.get_close_matches(key, list(candidates), n=2, cutoff=_CUTOFF)
        ratios = [difflib.SequenceMatcher(None, match, key).ratio() for match in matches]
        clear = len(matches) == 1 or (len(matches) > 1 and ratios[0] > ratios[1])
        return self._known[matches[0]] if clear else None

    def _sharing(self, key: str) -> list[str]:
        ends = self._ends = self._ends if self._ends is not None else self._index()
        starting = ends.get("^" + key[:_SHARED], [])
        return (starting + ends.get("$" + key[-_SHARED:], []))[:_MOST_CANDIDATES]

    def _index(self) -> dict[str, list[str]]:
        ends: dict[str, list[str]] = {}
        for key in self._known:
            ends.setdefault("^" + key[:_SHARED], []).append(key)
            ends.setdefault("$" + key[-_SHARED:], []).append(key)
        return ends
