"""What a person has to look at, however sure all else is."""

from collections.abc import Mapping, Sequence

from app.domain.matching import Fit
from app.domain.plan import PlanWarning, Subtask, Task
from decomposer.instructions import warnings_of
from decomposer.rules.catalogue import Catalogue


def doubts_of(
    task: Task, subtasks: Sequence[Subtask], fits: Mapping[str, Fit], catalogue: Catalogue
) -> list[PlanWarning]:
    """Tell of text that speaks to its reader, and of actions that nobody knows by name.

    An action that the plan itself brought for a step is its author's business.
    """
    brought = {item.subtask_id: item.action for item in task.written_subtasks}
    unknown = [
        PlanWarning(
            "unknown-action",
            "No agent declares this action, and the catalogue does not have it.",
            f"subtasks.{subtask.subtask_id}.action",
            subtask.action,
        )
        for subtask in subtasks
        if (found := fits.get(subtask.subtask_id))
        and found.how in ("any", "none", "unknown")
        and catalogue.get(subtask.action) is None
        and brought.get(subtask.subtask_id) != subtask.action
    ]
    return [*warnings_of(task), *unknown]
