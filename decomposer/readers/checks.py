"""What refuses a plan as a whole."""

from collections.abc import Collection, Mapping, Sequence

from app.domain.errors import Fault, InvalidPlan
from app.domain.graph import find_cycle
from app.domain.plan import Phase
from decomposer.readers.findings import Findings
from decomposer.readers.source import ReadLimits


def check_size(phases: Sequence[Phase], limits: ReadLimits, findings: Findings) -> None:
    """Note a plan without tasks, and one of more than may be read."""
    tasks = [task for phase in phases for task in phase.tasks]
    subtasks = sum(len(task.written_subtasks) for task in tasks)
    if not tasks:
        findings.fault("phases", "the plan has no tasks")
    if len(tasks) > limits.max_tasks:
        findings.fault("phases", f"{len(tasks):,} tasks, allowed are {limits.max_tasks:,}")
    if subtasks > limits.max_subtasks:
        findings.fault("phases", f"{subtasks:,} subtasks, allowed are {limits.max_subtasks:,}")


def check_cycle(
    edges: Mapping[str, Collection[str]],
    origins: Mapping[tuple[str, str], str],
    titles: Mapping[str, str],
) -> None:
    """Refuse items that wait for one another.

    Args:
        edges: Prerequisites by item.
        origins: The place where each edge is stated.
        titles: The name of each item, for the message.

    Raises:
        InvalidPlan: The message names the items in the cycle, the faults each of its edges.
    """
    cycle = find_cycle(edges)
    if not cycle:
        return
    named = [f"{titles[item]!r} ({item})" for item in cycle]
    faults = [
        Fault(origins[item, needed], f"{name} waits for {other}: a cycle")
        for item, needed, name, other in zip(
            cycle, cycle[1:] + cycle[:1], named, named[1:] + named[:1], strict=True
        )
    ]
    path = " waits for ".join([*named, named[0]])
    raise InvalidPlan(f"The plan has a cycle: {path}.", faults)
