"""What agents were told: every acknowledged event, and how long each had to wait for an answer."""

import contextlib
import dataclasses
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Ack:
    """An event that the server acknowledged with 201.

    ``seq`` is that of the last event it led to, ``at_s`` when that was told, on the monotonic
    clock.
    """

    execution_id: str
    event_id: str
    seq: int
    recorded_at: str
    at_s: float


class Journal:
    """Collects from all agents; safe to share between threads.

    Acknowledgements also go to one file per agent, for whoever looks into a failure.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self._lock = threading.Lock()
        self._asking: dict[str, float] = {}
        self._waits: list[tuple[float, float]] = []
        self._answered: dict[str, float] = {}
        self._silent: set[str] = set()
        self.acks: list[Ack] = []
        self.surprises: list[str] = []
        self.troubles: Counter[str] = Counter()

    def expects(self, agent: str) -> None:
        """Note that there is an agent, which has had no answer yet."""
        with self._lock:
            self._answered[agent] = -math.inf

    def asks(self, agent: str) -> None:
        """Note that an agent sends a request for the first time."""
        with self._lock:
            self._asking[agent] = time.monotonic()

    def is_answered(self, agent: str, allowed_s: float = 0) -> None:
        """Note the answer, and how long it took beyond what was allowed."""
        now = time.monotonic()
        with self._lock:
            started = self._asking.pop(agent)
            self._answered[agent] = started
            self._waits.append((min(started + allowed_s, now), now))

    def is_acknowledged(self, agent: str, ack: Ack) -> None:
        """Note an acknowledged event."""
        with self._lock:
            self.acks.append(ack)
        with (self._folder / f"{agent}.jsonl").open("a") as file:
            file.write(json.dumps(dataclasses.asdict(ack)) + "\n")

    def meets(self, trouble: str) -> None:
        """Count an answer that was none: the request is sent again."""
        with self._lock:
            self.troubles[trouble] += 1

    def is_surprised(self, what: str) -> None:
        """Note an answer that nothing explains."""
        with self._lock:
            self.surprises.append(what)

    @contextlib.contextmanager
    def silence(self, agent: str) -> Generator[None]:
        """Note that an agent asks for nothing while the context lasts."""
        with self._lock:
            self._silent.add(agent)
        try:
            yield
        finally:
            with self._lock:
                self._silent.discard(agent)

    def all_heard_since(self, moment_s: float) -> bool:
        """Tell whether every agent that asks got an answer to what it asked after a moment."""
        with self._lock:
            return all(
                asked > moment_s or agent in self._silent for agent, asked in self._answered.items()
            )

    def longest_wait(self, start_s: float, end_s: float) -> float:
        """Give the longest time an agent waited for an answer that came within a window."""
        with self._lock:
            waits = list(self._waits)
        return max((end - begun for begun, end in waits if start_s <= end < end_s), default=0)

    def acknowledged(self, start_s: float, end_s: float) -> list[Ack]:
        """List what was acknowledged in a window."""
        with self._lock:
            return [ack for ack in self.acks if start_s <= ack.at_s < end_s]
