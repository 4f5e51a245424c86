"""How tests are spread over processes: ``scripts/test`` runs several."""

from typing import Any

from xdist.scheduler import LoadFileScheduling

E2E = "tests/e2e"
CHAOS = "tests/e2e/test_chaos.py"
PAGES = "pages"
AGENTS = "tests/e2e/agents"
_FIRST = (CHAOS, E2E, "tests/integration", "tests/unit")
"""What takes longest begins first, so that no process is left with it at the end."""


class ByFile(LoadFileScheduling):
    """Gives each process file after file.

    Tests of pages share one run of everything, and so all go to the same process; those of what
    authors of agents are given share another.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.startswith(AGENTS):
            return AGENTS
        return PAGES if file.startswith(E2E) and "_page" in file else file


def turn(item: Any) -> int:
    """Tell when an item's file is handed out."""
    return next(n for n, place in enumerate(_FIRST) if item.nodeid.startswith(place))
