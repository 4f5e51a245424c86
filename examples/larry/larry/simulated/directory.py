"""The twins of the directories: they ask the world."""

from collections.abc import Sequence

from larry.ports import Hit, Place, World


class SimulatedPlaces:
    """A directory of the places of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def search(self, query: str, near: str = "", limit: int = 20) -> Sequence[Place]:
        """Find places, best match first."""
        return tuple(self._world.places(query, near))[:limit]


class SimulatedWebSearch:
    """A search engine for the pages of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def search(self, query: str, limit: int = 10) -> Sequence[Hit]:
        """Find pages, best match first."""
        return tuple(self._world.pages(query))[:limit]
