"""The schedules of plans, kept as long as their graphs are in use."""

import collections
from typing import Final

from app.domain.execution import Execution
from app.domain.schedule import Schedule, make_schedule

KEPT: Final = 32


class Schedules:
    """Makes each schedule once: it depends on the graph alone, which never changes."""

    def __init__(self) -> None:
        self._kept: collections.OrderedDict[str, Schedule] = collections.OrderedDict()

    def of(self, execution: Execution) -> Schedule:
        """Give the schedule of an execution's plan."""
        graph_id = execution.header.graph_id
        found = self._kept.get(graph_id)
        if found is None:
            found = self._kept[graph_id] = make_schedule(execution.graph)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found
