"""How sure one can be that a breakdown is executable as it stands.

The sum of six named parts, each a share from 0 to 1 times its weight:

=========  ======  ============================================================================
part       weight  share
=========  ======  ============================================================================
written    0.40    1 where the plan's author wrote the steps, 0 where a step was made up
described  0.20    mean over the steps of words in the description, 30 words counting as full
sized      0.15    24 h, the time a step is given by default, divided by its estimated hours,
                   at most 1; half where there is no estimate. Weeks are rarely one step
resources  0.10    steps that name what they need
distinct   0.10    different names among all names
action     0.05    steps whose action the plan names; else it is guessed
=========  ======  ============================================================================

So a breakdown by rules stays at 0.95 or below, and a task without written steps at 0.45 or below.
"""

from collections.abc import Callable, Sequence
from typing import Final

from app.domain.plan import Task, WrittenSubtask

Steps = Sequence[WrittenSubtask]

FULL_WORDS: Final = 30
STEP_HOURS: Final = 24.0


def confidence_of(task: Task, steps: Steps, *, written: bool) -> tuple[float, list[str]]:
    """Answer the confidence, rounded to hundredths, and one reason for each of its parts.

    Args:
        task: The task that is broken down.
        steps: Its steps, at least one.
        written: Whether the plan's author wrote them.
    """
    total, reasons = 0.0, [_written(steps, written=written)]
    total += 0.40 * written
    for name, weight, share_of in _PARTS:
        share, explanation = share_of(task, steps)
        total += weight * share
        reasons.append(f"{name}: {explanation} (+{weight * share:.2f} of {weight:.2f})")
    return round(total, 2), reasons


def _written(steps: Steps, *, written: bool) -> str:
    if written:
        return f"written: {len(steps)} steps by the plan's author (+0.40 of 0.40)"
    return "written: the plan has no steps, the task stands as one (+0.00 of 0.40)"


def _described(_task: Task, steps: Steps) -> tuple[float, str]:
    words = [len(step.description.split()) for step in steps]
    share = sum(min(count / FULL_WORDS, 1.0) for count in words) / len(words)
    return share, f"{sum(words) / len(words):.0f} words of description a step"


def _sized(task: Task, steps: Steps) -> tuple[float, str]:
    hours = task.estimate.realistic_hours
    if hours is None:
        return 0.5, "no estimate"
    each = hours / len(steps)
    return min(1.0, STEP_HOURS / each) if each else 1.0, f"{each:.0f} hours a step"


def _resourced(_task: Task, steps: Steps) -> tuple[float, str]:
    count = sum(bool(step.resources) for step in steps)
    return count / len(steps), f"{count} of {len(steps)} steps name what they need"


def _distinct(_task: Task, steps: Steps) -> tuple[float, str]:
    count = len({step.title.strip().casefold() for step in steps})
    return count / len(steps), f"{count} different names for {len(steps)} steps"


def _action(_task: Task, steps: Steps) -> tuple[float, str]:
    count = sum(step.action is not None for step in steps)
    return count / len(steps), f"{count} of {len(steps)} steps name their action"


_PARTS: Final[tuple[tuple[str, float, Callable[[Task, Steps], tuple[float, str]]], ...]] = (
    ("described", 0.20, _described),
    ("sized", 0.15, _sized),
    ("resources", 0.10, _resourced),
    ("distinct", 0.10, _distinct),
    ("action", 0.05, _action),
)
