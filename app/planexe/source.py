"""What a source of plans can do, and how a PlanExe server of either kind is recognised."""

import enum
import threading
from typing import Protocol

import msgspec


class Stage(enum.Enum):
    """Where a plan stands on the server. Only a completed one is taken."""

    WORKING = enum.auto()
    COMPLETED = enum.auto()
    FAILED = enum.auto()


class Progress(msgspec.Struct, frozen=True):
    """Where a plan stands, and a few words about it."""

    stage: Stage
    told: str = ""


class PlanSource(Protocol):
    """A server that writes plans. Every call raises ``SourceError``."""

    def begin(self, prompt: str) -> str:
        """Have a plan written; give the id it goes by."""
        ...

    def progress(self, run_id: str) -> Progress:
        """Tell how far a plan is."""
        ...

    def archive(self, run_id: str, limit: int) -> bytes:
        """Fetch the zip of a completed plan, of at most ``limit`` bytes."""
        ...


class RecognisedServer:
    """A server whose kind is found out at first use: only the cloud answers for its tools."""

    def __init__(self, cloud: PlanSource, worker: PlanSource, probe: "Probe") -> None:
        self._kinds = {True: cloud, False: worker}
        self._probe = probe
        self._found: PlanSource | None = None
        self._lock = threading.Lock()

    @property
    def _server(self) -> PlanSource:
        with self._lock:
            self._found = self._found or self._kinds[self._probe()]
            return self._found

    def begin(self, prompt: str) -> str:
        """Have a plan written; give the id it goes by."""
        return self._server.begin(prompt)

    def progress(self, run_id: str) -> Progress:
        """Tell how far a plan is."""
        return self._server.progress(run_id)

    def archive(self, run_id: str, limit: int) -> bytes:
        """Fetch the zip of a completed plan, of at most ``limit`` bytes."""
        return self._server.archive(run_id, limit)


class Probe(Protocol):
    """Tells whether a server is the cloud's kind."""

    def __call__(self) -> bool: ...  # noqa: D102 the class says it
