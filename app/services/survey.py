"""Which executions differ between Redis and the record: a first look at all of them."""

from collections.abc import Iterable, Mapping

from app.live.inventory import Found, Inventory
from app.record.mending import Mending, RecordedEnd
from app.services.clock import Clock
from app.services.comparison import Look, is_linked, needs_mending


class Survey:
    """Compares every execution that is not over, cheaply."""

    def __init__(self, inventory: Inventory, mending: Mending, clock: Clock) -> None:
        self._inventory = inventory
        self._mending = mending
        self._clock = clock

    def troubled(self, workspace_id: str, found: Found, suspects: Iterable[str]) -> set[str]:
        """Name the executions that differ, so that only those are looked at event by event.

        The order of the reads matters: Redis, then what waits in its log, then the record. So an
        event which Redis had, and neither of the others has, is missing and not merely late.
        """
        looks = self._looks(workspace_id, found, suspects)
        waiting = self._inventory.unrecorded(workspace_id)
        ends = self._mending.ends(sorted(looks))
        troubled = {
            one
            for one, look in looks.items()
            if needs_mending(look, ends.get(one), waiting.get(one))
        }
        troubled |= self._unlinked(workspace_id, looks, ends)
        return troubled | self._disordered(workspace_id, looks)

    def _looks(self, workspace_id: str, found: Found, suspects: Iterable[str]) -> dict[str, Look]:
        named = {*found.executions, *suspects, *self._inventory.listed(workspace_id, found)}
        copies = self._inventory.copies(workspace_id, found, named, self._clock())
        return {one.execution_id: Look.of(one) for one in copies}

    def _unlinked(
        self, workspace_id: str, looks: Mapping[str, Look], ends: Mapping[str, RecordedEnd]
    ) -> set[str]:
        """Name those whose log in Redis does not go on from where the record ends."""
        ahead = {
            one: end
            for one, end in ends.items()
            if end.last and (looks[one].version or 0) > end.last
        }
        links = self._inventory.links(workspace_id, {one: end.last for one, end in ahead.items()})
        return {one for one, end in ahead.items() if not is_linked(end, links[one])}

    def _disordered(self, workspace_id: str, looks: Mapping[str, Look]) -> set[str]:
        """Name those whose places, timers or lists differ, at the same version, a second time."""
        seen = {one: look.version for one, look in looks.items() if look.differs}
        if not seen:
            return set()
        found = self._inventory.find().get(workspace_id) or Found()
        copies = self._inventory.copies(workspace_id, found, seen, self._clock())
        return {
            one.execution_id
            for one in copies
            if one.differences and one.version == seen[one.execution_id]
        }
