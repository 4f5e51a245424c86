"""Who can do what: subtasks of a graph against the actions agents perform."""

from collections.abc import Collection, Mapping

from app.domain.execution import Execution
from app.domain.plan import Assignee


def unmatched(
    execution: Execution, actions_of: Mapping[str, Collection[str]], agent_id: str = ""
) -> dict[str, str]:
    """Say, by subtask, why no agent it would go to performs it; those that match are left out.

    Args:
        execution: With all its subtasks loaded, or none of them before its creation.
        actions_of: By agent, the actions it performs; ``*`` among them means any.
        agent_id: The agent of the execution, where it is about to change.
    """
    found: dict[str, str] = {}
    for subtask_id, node in execution.graph.subtasks.items():
        state = execution.subtasks.get(subtask_id)
        if node.assignee is Assignee.HUMAN or (state and state.status.ended):
            continue
        given = state.assigned_to if state else None
        own = execution.graph.tasks[node.task_id].agent_id
        taker = given or own or agent_id or execution.header.agent_id
        found |= {subtask_id: told} if (told := mismatch(node.action, taker, actions_of)) else {}
    return found


def mismatch(action: str, agent_id: str, actions_of: Mapping[str, Collection[str]]) -> str:
    """Say why an agent does not perform an action; empty where it does."""
    actions = actions_of.get(agent_id)
    if actions is None:
        return f"There is no agent {agent_id!r}."
    if action in actions or "*" in actions:
        return ""
    return f"{agent_id} does not perform {action!r}."
