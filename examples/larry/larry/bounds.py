"""Results small enough for the server, which takes 256 KiB."""

import json
from collections.abc import Mapping
from typing import Any, Final

_MOST_BYTES: Final = 240 * 1024


def bounded(result: Mapping[str, Any], most_bytes: int = _MOST_BYTES) -> dict[str, Any]:
    """Shorten the longest lists and texts of a result until it is small enough.

    ``shortened`` names them; what was left out stands in the files of the work folder.
    """
    kept = dict(result)
    cut: set[str] = set()
    while _size(kept) > most_bytes:
        name = max(kept, key=lambda one: _size(kept[one]) if _can_be_cut(kept[one]) else 0)
        if not _can_be_cut(kept[name]):
            break
        kept[name] = kept[name][: len(kept[name]) // 2]
        cut.add(name)
    return {**kept, "shortened": sorted(cut)} if cut else kept


def _can_be_cut(value: object) -> bool:
    return isinstance(value, str | list) and len(value) > 1


def _size(value: object) -> int:
    return len(json.dumps(value).encode())
