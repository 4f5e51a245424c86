"""Carries out steps in the thread that calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from planexe_agent.actions import perform
from planexe_agent.steps import Attempt, Perform, Sleep

if TYPE_CHECKING:
    import threading

    from planexe_agent.client import Client
    from planexe_agent.steps import Step, Steps

_T = TypeVar("_T")


def carry_out(steps: Steps[_T]) -> _T:
    """Carry out steps to their end; give what they come to.

    Raises:
        Exception: Whatever the steps raise.
    """
    try:
        step = next(steps)
        while True:
            try:
                outcome = _do(step)
            except Exception as error:  # noqa: BLE001 - it is for the steps to judge
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as end:
        return cast("_T", end.value)


def _do(step: Step) -> Any:
    if isinstance(step, Attempt):
        return cast("Client", step.line).attempt(step.request)
    if isinstance(step, Sleep):
        return cast("threading.Event", step.alarm).wait(step.seconds)
    if isinstance(step, Perform):
        return perform(step.actions, step.task)
    return step.function()
