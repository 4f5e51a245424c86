"""What an agent can do, and how its ends are told."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Callable, Union, cast

from planexe_agent.errors import InvalidParams, NeedsHuman, Permanent, Stopped, Wait
from planexe_agent.wire import as_told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planexe_agent.task import Lease

_log = logging.getLogger(__name__)
_LONGEST_NAME = 100

ANY = "*"
"""The name of the action that performs whatever no other one does."""

Params = Union["Mapping[str, Any]", "Sequence[str]"]
"""Names, names with their types (``{"to": "string"}``), or a JSON Schema object."""


@dataclass(frozen=True)
class Action:
    """One action: its name, the function behind it, and how it is announced."""

    name: str
    function: Callable[..., Any]
    params: dict[str, Any] | list[str]
    description: str

    @classmethod
    def of(
        cls, function: Callable[..., Any], name: str, params: Params | None, description: str | None
    ) -> Action:
        """Describe a function; what is not given comes from its signature and docstring.

        Raises:
            ValueError: It does not take the task.
        """
        if not inspect.signature(function).parameters:
            raise ValueError(f"{name}: needs a function that takes the task first")
        first_line, *_ = (inspect.getdoc(function) or "").splitlines() or [""]
        text = first_line if description is None else description
        return cls(name, function, _announced(function, params), text)

    def capability(self) -> dict[str, Any]:
        """Give the form in which it is registered."""
        return {"action": self.name, "params": self.params, "description": self.description}

    def call(self, task: Lease) -> Any:
        """Call the function with the params it asks for; give what it gives.

        Raises:
            InvalidParams: A param is missing.
        """
        return self.function(task, **self._arguments(task))

    @cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.function).parameters.values())

    def _arguments(self, task: Lease) -> dict[str, Any]:
        first, *rest = self._parameters
        missing = [each.name for each in rest if _required(each) and each.name not in task.params]
        if missing:
            raise InvalidParams(f"{self.name} needs {', '.join(missing)}")
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in rest):
            return {name: value for name, value in task.params.items() if name != first.name}
        return {each.name: task.params[each.name] for each in rest if each.name in task.params}


def perform(actions: Mapping[str, Action], task: Lease) -> dict[str, Any] | None:
    """Perform a task; give the event that tells how it ended, None where nobody is to know."""
    try:
        action = _chosen(actions, task)
        return _completed(task, action.call(task))
    # The edge between this package and the author's code: whatever it raises is reported, also
    # what is no Exception. It would end the slot unseen, with the lease kept alive.
    except BaseException as error:  # noqa: BLE001
        return _ended(task, error)


async def perform_async(actions: Mapping[str, Action], task: Lease) -> dict[str, Any] | None:
    """Perform a task with an async function, as ``perform`` does with a plain one."""
    # In an asyncio task of its own: a cancellation from within the action is told from one of ours.
    performing = asyncio.ensure_future(_perform_async(actions, task))
    try:
        await asyncio.wait({performing})
    except asyncio.CancelledError:
        performing.cancel()
        await asyncio.wait({performing})
        if performing.cancelled():
            raise
    if performing.cancelled():
        return _failed(task, RuntimeError("the action cancelled itself"))
    return performing.result()


async def _perform_async(actions: Mapping[str, Action], task: Lease) -> dict[str, Any] | None:
    try:
        action = _chosen(actions, task)
        return _completed(task, await action.call(task))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
        return _ended(task, error)


def _completed(task: Lease, result: object) -> dict[str, Any]:
    return _checked(task, task.closing_event("task_complete", output_data=_output(result)))


def _ended(task: Lease, error: BaseException) -> dict[str, Any] | None:
    if isinstance(error, Stopped) and task.should_stop:
        _log.info("stopped: task=%s reason=%s", task.task_id, task.stop_reason)
        return None
    return _failed(task, error)


def _chosen(actions: Mapping[str, Action], task: Lease) -> Action:
    action = actions.get(task.action) or actions.get(ANY)
    if action is None:
        raise Permanent(f"this agent has no action {task.action!r}")
    return action


def _failed(task: Lease, error: BaseException) -> dict[str, Any]:
    planned = isinstance(error, (Wait, NeedsHuman, Permanent))
    _log.log(
        logging.INFO if planned else logging.WARNING,
        "not done: task=%s action=%s error=%s: %s",
        task.task_id,
        task.action,
        type(error).__name__,
        _text(error),
        exc_info=None if planned else error,
    )
    return _checked(task, task.closing_event(**_told(error)))


def _told(error: BaseException) -> dict[str, Any]:
    text = as_told(_text(error))
    if isinstance(error, Wait):
        return {
            "event_type": "task_blocked",
            "message": text,
            "retry_after_seconds": error.retry_after_seconds,
            "max_wait_seconds": error.max_wait_seconds,
        }
    failed = {"event_type": "task_error", "error_message": text}
    if isinstance(error, NeedsHuman):
        asked = {"human_review_required": True, "suggestions": error.suggestions}
        return {**failed, "error_type": "human_review_required", **asked}
    if isinstance(error, Permanent):
        return {**failed, "error_type": error.error_type}
    return {**failed, "error_type": as_told(type(error).__name__, _LONGEST_NAME)}


def _text(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an error of the author's that cannot even be told
        return type(error).__name__


def _output(result: object) -> dict[str, Any]:
    if result is None:
        return {}
    return cast("dict[str, Any]", result) if isinstance(result, dict) else {"result": result}


def _checked(task: Lease, event: dict[str, Any]) -> dict[str, Any]:
    """Give a copy as JSON has it, which the action cannot change any more; else say why not."""
    try:
        return json.loads(json.dumps(event, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        told = f"what {task.action} ended with is no JSON: {error}"
        return task.event("task_error", error_type="permanent", error_message=as_told(told))


def _announced(function: Callable[..., Any], params: Params | None) -> dict[str, Any] | list[str]:
    rest = list(inspect.signature(function).parameters.values())[1:]
    if params is None:
        return [each.name for each in rest if _by_name(each)]
    if not hasattr(params, "items"):
        return list(params)
    given = dict(cast("Mapping[str, Any]", params))
    if isinstance(given.get("properties"), dict):
        return given
    optional = {each.name for each in rest if not _required(each)}
    return {
        "type": "object",
        "properties": {
            name: {"type": kind} if isinstance(kind, str) else kind for name, kind in given.items()
        },
        "required": [name for name in given if name not in optional],
    }


def _by_name(parameter: inspect.Parameter) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return parameter.kind in kinds


def _required(parameter: inspect.Parameter) -> bool:
    return _by_name(parameter) and parameter.default is inspect.Parameter.empty
