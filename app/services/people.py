"""What people do to subtasks: retry, skip, and complete with evidence."""

from collections.abc import Callable, Sequence
from typing import Any

from app.domain import commands as c
from app.domain.errors import Conflict, Fault, Invalid
from app.domain.execution import Execution, SubtaskState
from app.domain.states import SubtaskStatus
from app.services.commands import Commands
from app.services.explainer import Explainer
from app.services.files import FileService, file_path
from app.services.identity import Principal
from app.services.views import View, execution_view, row_view
from app.services.why import subtasks_of

_RETRIABLE = (SubtaskStatus.BLOCKED, SubtaskStatus.RETRYING)


class PeopleService:
    """Carries out what a person decides about a subtask.

    Where the id is that of a task, a skip means all its subtasks that are not done, a retry those
    that are blocked or in back-off, and a completion the only one
    that is not done.
    """

    def __init__(self, commands: Commands, files: FileService, explainer: Explainer) -> None:
        self._commands = commands
        self._files = files
        self._explainer = explainer

    def retry(self, principal: Principal, execution_id: str, task_id: str, request: View) -> View:
        """Give a subtask all its attempts again, from now.

        Raises:
            NotFound: There is no such execution or task.
            Conflict: There is nothing to retry, or it waits for another answer.
        """
        execution, found = self._find(
            principal, execution_id, task_id, lambda one: one.status in _RETRIABLE
        )
        if not found:
            raise Conflict(f"Nothing of {task_id} is blocked or in back-off.")
        commands = [
            c.RetrySubtask(
                actor=principal.actor,
                subtask_id=one,
                message=request.get("message") or "",
                unmatched=self._commands.misfit(execution, one),
            )
            for one in found
        ]
        return self._carry_out(principal, execution_id, found, commands)

    def skip(self, principal: Principal, execution_id: str, task_id: str, request: View) -> View:
        """Pass over a subtask for a reason; what waits for it goes on with the substitute.

        Raises:
            NotFound: There is no such execution or task.
            Conflict: It is done already.
        """
        _, found = self._find(principal, execution_id, task_id, lambda one: not one.status.done)
        if not found:
            raise Conflict(f"All of {task_id} is done already.")
        commands = [
            c.SkipSubtask(
                actor=principal.actor,
                subtask_id=one,
                reason=request["reason"],
                output_data=request.get("output_data"),
                minutes=request.get("minutes"),
            )
            for one in found
        ]
        return self._carry_out(principal, execution_id, found, commands)

    def complete(
        self, principal: Principal, execution_id: str, task_id: str, request: View
    ) -> View:
        """Take a person's word that a subtask is done, with result and evidence.

        Raises:
            NotFound: There is no such execution or task.
            Invalid: Evidence names a file that was not uploaded.
            Conflict: It is done already, waits for others, or more than one is meant.
        """
        _, found = self._find(principal, execution_id, task_id, lambda one: not one.status.done)
        if len(found) != 1:
            told = (
                f"of {len(found)} name one: {', '.join(found)}" if found else "it is done already"
            )
            raise Conflict(f"{task_id} cannot be completed: {told}.")
        command = c.CompleteSubtask(
            actor=principal.actor,
            subtask_id=found[0],
            notes=request.get("notes") or "",
            output_data=request.get("output_data"),
            evidence=self._evidence(principal.workspace_id, request.get("evidence") or []),
            minutes=request.get("minutes"),
        )
        return self._carry_out(principal, execution_id, found, [command])

    def _find(
        self,
        principal: Principal,
        execution_id: str,
        task_id: str,
        is_meant: Callable[[SubtaskState], bool],
    ) -> tuple[Execution, Sequence[str]]:
        """Name the subtasks that are meant; one that is named itself is judged by the rules."""
        workspace_id = principal.workspace_id
        graph = self._commands.part(workspace_id, execution_id, ()).graph
        own = subtasks_of(graph, task_id)
        execution = self._commands.part(workspace_id, execution_id, own)
        if task_id in graph.subtasks:
            return execution, own
        return execution, [one for one in own if is_meant(execution.subtasks[one])]

    def _carry_out(
        self,
        principal: Principal,
        execution_id: str,
        subtask_ids: Sequence[str],
        commands: Sequence[c.Command],
    ) -> View:
        after = self._commands.carry_out(principal.workspace_id, execution_id, commands)
        return {
            "execution": execution_view(after.header),
            "subtasks": [self._row(after, one) for one in subtask_ids],
        }

    def _row(self, after: Execution, subtask_id: str) -> View:
        done = after.subtasks[subtask_id].status.done
        why = None if done else self._explainer.line(after, subtask_id)
        return row_view(after, subtask_id, why)

    def _evidence(self, workspace_id: str, given: Sequence[View]) -> list[dict[str, Any]]:
        """Make sure that each file is there, and name it."""
        file_ids = [one["file_id"] for one in given if "file_id" in one]
        names = self._files.names(workspace_id, file_ids)
        faults = [
            Fault(f"evidence.{place}.file_id", f"There is no file {one['file_id']!r}.")
            for place, one in enumerate(given)
            if "file_id" in one and one["file_id"] not in names
        ]
        if faults:
            raise Invalid("Evidence names files that were not uploaded.", faults)
        return [_named(one, names) for one in given]


def _named(evidence: View, names: dict[str, str]) -> dict[str, Any]:
    file_id = evidence.get("file_id")
    if file_id is None:
        return {"name": evidence["name"], "url": evidence["url"]}
    name = evidence.get("name") or names[file_id]
    return {"name": name, "file_id": file_id, "url": file_path(file_id)}
