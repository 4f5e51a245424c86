"""Whether the servers behind this one answer."""

from collections.abc import Callable, Mapping


class HealthService:
    """Asks each server, by name."""

    def __init__(
        self, probes: Mapping[str, Callable[[], object]], faults: tuple[type[Exception], ...]
    ) -> None:
        self._probes = probes
        self._faults = faults

    def missing(self) -> list[str]:
        """Name the servers that do not answer."""
        return [name for name, probe in self._probes.items() if not self._answers(probe)]

    def _answers(self, probe: Callable[[], object]) -> bool:
        try:
            probe()
        except self._faults:
            return False
        return True
