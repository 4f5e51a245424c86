"""What a probe comes to.

A probe returns what it saw, which is ``ok``, or raises:

Judgement
├── Doubt    works, but somebody should look at it
├── Wrong    the contract is not kept
└── Skipped  could not be looked at
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

OK: Final = "ok"


@dataclass(frozen=True)
class Verdict:
    """One line of the answer.

    Attributes:
        probe: The name of what was looked at.
        state: ``ok``, ``doubt``, ``wrong`` or ``skipped``.
        said: What was seen.
        to_do: What the reader should do about it; empty where nothing is to do.
    """

    probe: str
    state: str
    said: str
    to_do: str = ""

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        return asdict(self)


class Judgement(Exception):
    """A probe's end other than ok.

    Args:
        said: What was seen.
        to_do: What the reader should do about it.
        final: Whether nothing behind it can be looked at.
    """

    state: ClassVar[str]

    def __init__(self, said: str, to_do: str = "", *, final: bool = False) -> None:
        super().__init__(said)
        self.said, self.to_do, self.final = said, to_do, final


class Doubt(Judgement):
    """It works, but somebody should look at it."""

    state = "doubt"


class Wrong(Judgement):
    """The contract is not kept."""

    state = "wrong"


class Skipped(Judgement):
    """It could not be looked at."""

    state = "skipped"
