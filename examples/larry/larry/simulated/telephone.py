"""The twin of the telephone: calls to people of the world."""

import threading
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Final

from larry.notebook import Notebook
from larry.ports import Call, Refused, World
from larry.simulated.pace import Pace

_PAGE: Final = "simulated calls"
UNDER_WAY: Final = "in-progress"


class SimulatedTelephone:
    """Calls that are under way for as long as the world says."""

    def __init__(self, world: World, notebook: Notebook, pace: Pace) -> None:
        self._world = world
        self._notebook = notebook
        self._pace = pace
        self._lock = threading.Lock()

    def dial(self, to: str, script: str, key: str) -> Call:
        """Begin a call that speaks a script; the same ``key`` gives the same call again."""
        call_id = f"call-{sha256(key.encode()).hexdigest()[:24]}"
        with self._lock:
            if self._notebook.get(_PAGE, call_id) is None:
                end = replace(self._world.called(to, script), call_id=call_id, to=to)
                ends_at = self._pace.after(end.duration_seconds)
                self._notebook.put(_PAGE, call_id, {"ends_at": ends_at, "call": asdict(end)})
        return self.look(call_id)

    def look(self, call_id: str) -> Call:
        """Look how far a call has come.

        Raises:
            Refused: There is no such call.
        """
        kept = self._notebook.get(_PAGE, call_id)
        if kept is None:
            raise Refused(f"there is no call {call_id!r}")
        call = Call(**kept["call"])
        if self._pace.now() < kept["ends_at"]:
            return Call(call_id=call_id, to=call.to, status=UNDER_WAY)
        return call
