"""The people of the world, read from a table of theirs."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What somebody writes back. Without ``about`` it answers any letter."""

    body: str
    hours: float
    about: str = ""


@dataclass(frozen=True)
class Talk:
    """What becomes of a call. Without ``about`` it is any call."""

    minutes: float
    says: str = ""
    status: str = "completed"
    about: str = ""


@dataclass(frozen=True)
class Breeder:
    """Somebody who breeds animals."""

    name: str
    contact: str
    kind: str
    town: str
    rating: float
    reviews: int
    phone: str = ""
    email: str = ""
    site: str = ""
    calls: Sequence[Talk] = ()
    letters: Sequence[Reply] = ()

    @property
    def slug(self) -> str:
        """Name them in an address."""
        return self.name.lower().replace(" ", "-")

    def talk(self, script: str) -> Talk | None:
        """Find what becomes of a call that is about this."""
        return next((one for one in self.calls if one.about in script.lower()), None)

    def reply(self, subject: str) -> Reply | None:
        """Find what they write back to a letter that is about this."""
        return next((one for one in self.letters if one.about in subject.lower()), None)


def read_breeders(path: Path) -> list[Breeder]:
    """Read the table."""
    return [_breeder(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["breeder"]]


def _breeder(row: dict[str, Any]) -> Breeder:
    calls = [Talk(**one) for one in row.pop("calls", ())]
    letters = [Reply(**one) for one in row.pop("letters", ())]
    return Breeder(**row, calls=calls, letters=letters)
