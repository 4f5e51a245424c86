"""A small world to show what Larry does: breeders, their websites, their telephones, their letters.

Nobody and nothing in it exists. It is the same at each start: its people are written in a table,
and how much earlier or later than usual they answer is drawn with a fixed seed.
"""

from pathlib import Path

from larry.world.breeders import BreederWorld
from larry.world.people import read_breeders
from larry.world.sites import Sites

__all__ = ["BreederWorld", "hill_country"]


def hill_country() -> BreederWorld:
    """Open the world of the breeders in the Texas hill country, its websites on loopback."""
    breeders = read_breeders(Path(__file__).with_name("hill_country.toml"))
    sites = Sites(breeders)
    sites.serve()
    return BreederWorld(breeders, sites.address)
