"""The world as the simulated twins, and the servers that tests start, ask it."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

from larry.ports import Answer, Call, Hit, Message, Place
from larry.world.people import Breeder

_SEED: Final = 2026
_SPREAD: Final = 0.2
_HOUR_SECONDS: Final = 3600
_RING_SECONDS: Final = 40


class BreederWorld:
    """Breeders who can be found, called and written to.

    Args:
        breeders: Everybody there is.
        address: Gives the address of somebody's website, empty where there is none.
        seed: The same seed makes everybody as quick or slow as before.
    """

    def __init__(
        self, breeders: Sequence[Breeder], address: Callable[[Breeder], str], seed: int = _SEED
    ) -> None:
        self._breeders = breeders
        self._address = address
        self._seed = seed

    def written_to(self, message: Message) -> Sequence[Answer]:
        """Give what the addressee writes back, if anything; the subject says what it is about."""
        found = next((one for one in self._breeders if one.email == message.to), None)
        reply = found.reply(message.subject) if found else None
        if found is None or reply is None:
            return ()
        seconds = reply.hours * _HOUR_SECONDS * self._mood(found, message.subject)
        return (Answer(reply.body, seconds),)

    def called(self, to: str, script: str) -> Call:
        """Give how a call to this number ends; ``duration_seconds`` is how long it takes."""
        found = next((one for one in self._breeders if one.phone == to), None)
        talk = found.talk(script) if found else None
        if found is None or talk is None:
            return Call(call_id="", to=to, status="no-answer", duration_seconds=_RING_SECONDS)
        seconds = round(talk.minutes * 60 * self._mood(found, script))
        return Call("", to, talk.status, duration_seconds=seconds, transcript=talk.says)

    def places(self, query: str, near: str) -> Sequence[Place]:
        """Give those of the kind and the town that are asked for, the best known first."""
        words = set(re.findall(r"[a-z]+", query.lower()))
        asked = {one.kind for one in self._breeders} & words
        found = [one for one in self._breeders if _is_near(one, f"{near} {query}")]
        fitting = [one for one in found if one.kind in asked or not asked]
        return [self._place(one) for one in sorted(fitting, key=lambda one: -one.reviews)]

    def pages(self, query: str) -> Sequence[Hit]:
        """Give the websites of those who are found for the same words."""
        return [
            Hit(place.name, place.website, f"{place.name}, {place.address}")
            for place in self.places(query, "")
            if place.website
        ]

    def _place(self, one: Breeder) -> Place:
        return Place(
            place_id=one.slug,
            name=one.name,
            address=f"{one.town}, Texas",
            town=one.town,
            phone=one.phone,
            email=one.email,
            website=self._address(one),
            rating=one.rating,
            extra={"contact": one.contact, "kind": one.kind, "reviews": str(one.reviews)},
        )

    def _mood(self, one: Breeder, about: str) -> float:
        draw = random.Random(f"{self._seed}:{one.name}:{about}")  # noqa: S311 - no secret
        return draw.uniform(1 - _SPREAD, 1 + _SPREAD)


def _is_near(one: Breeder, text: str) -> bool:
    return one.town.lower() in text.lower()
