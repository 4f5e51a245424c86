"""Carries out steps with asyncio, and the task as an async action gets it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from planexe_agent.actions import perform_async
from planexe_agent.steps import Attempt, Perform, Sleep
from planexe_agent.task import Lease

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.line import AsyncLine
    from planexe_agent.reports import Reports
    from planexe_agent.steps import Step, Steps

_T = TypeVar("_T")


async def carry_out(steps: Steps[_T]) -> _T:
    """Carry out steps to their end; give what they come to.

    Raises:
        Exception: Whatever the steps raise.
    """
    try:
        step = next(steps)
        while True:
            try:
                outcome = await _do(step)
            except Exception as error:  # noqa: BLE001 - it is for the steps to judge
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as end:
        return cast("_T", end.value)
    finally:
        steps.close()  # where this was cancelled


async def _do(step: Step) -> Any:
    if isinstance(step, Attempt):
        return await cast("AsyncLine", step.line).attempt(step.request)
    if isinstance(step, Sleep):
        return await _sleep(cast("asyncio.Event", step.alarm), step.seconds)
    if isinstance(step, Perform):
        return await perform_async(step.actions, step.task)
    return await asyncio.get_running_loop().run_in_executor(None, step.function)


async def _sleep(alarm: asyncio.Event, seconds: float | None) -> bool:
    try:
        await asyncio.wait_for(alarm.wait(), seconds)
    except asyncio.TimeoutError:
        return alarm.is_set()
    return True


class AsyncTask(Lease):
    """The task as an async function gets it: as ``Task``, and what sends or waits is awaited."""

    def __init__(
        self,
        work: Mapping[str, Any],
        ids: Mapping[str, Any],
        reports: Reports,
        lease_seconds: float,
    ) -> None:
        self._alarm = asyncio.Event()
        super().__init__(work, ids, reports, lease_seconds, self._alarm)

    async def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than the action may go on; tell whether it should stop."""
        return await _sleep(self._alarm, seconds)

    async def progress(self, percent: float, message: str | None = None) -> None:
        """Show progress on the dashboard and extend the lease, as ``Task.progress`` does.

        Raises:
            Stopped: The result can no longer count; let it pass.
        """
        await carry_out(self.telling_progress(percent, message))

    async def note(self, message: str) -> None:
        """Write a line to the execution's log; lost where the server is away.

        Raises:
            Stopped: The result can no longer count; let it pass.
        """
        await carry_out(self.telling_note(message))
