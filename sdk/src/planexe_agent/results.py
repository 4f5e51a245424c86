"""From the end of an action to the server's word on its result."""

from __future__ import annotations

import functools
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from planexe_agent.errors import Conflict, Invalid, NotFound, OutboxError, Unavailable
from planexe_agent.kept import Kept
from planexe_agent.steps import OnDisk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planexe_agent.outbox import Outbox
    from planexe_agent.reports import Reports
    from planexe_agent.steps import Steps
    from planexe_agent.task import Lease
    from planexe_agent.wire import Answer

_log = logging.getLogger(__name__)


class Results:
    """Keeps results until the server has said what became of them.

    Args:
        agent_id: Whose they are.
        reports: Sends them.
        outbox: Where they are kept; None keeps them in memory, until they are sent.
    """

    def __init__(self, agent_id: str, reports: Reports, outbox: Outbox | None) -> None:
        self._agent_id = agent_id
        self._reports = reports
        self._outbox = outbox
        self._unsent = deque(outbox.unsent(agent_id) if outbox is not None else ())

    def known(self, task: Lease) -> Steps[Kept | None]:
        """Give the result of a task that was performed already; None where it is to be performed.

        That is the result of this lease, or the success of an earlier attempt that came too late.
        """
        kept = self._outbox.find(self._agent_id, task) if self._outbox is not None else None
        if kept is None or not (kept.is_of_lease(task) or kept.serves(task)):
            return None
        _log.info("performed before, result sent: task=%s attempt=%d", task.task_id, task.attempt)
        if kept.is_of_lease(task):
            return kept
        return (yield from self._kept(kept.moved_to(task)))

    def keep(self, task: Lease, event: Mapping[str, Any]) -> Steps[Kept]:
        """Keep the event that ends a task; where the disk fails it is sent all the same."""
        return (yield from self._kept(Kept.of(self._agent_id, task, event)))

    def next_unsent(self) -> Kept | None:
        """Take one of the results that an earlier run has left; None where there is none."""
        try:
            return self._unsent.popleft()
        except IndexError:
            return None

    def deliver_late(self, kept: Kept, claim: Mapping[str, str] | None) -> Steps[Answer | None]:
        """Send a result of an earlier run once; it is put back where it does not arrive."""
        try:
            return (yield from self.deliver(kept, claim, patient=False))
        except Unavailable as error:
            _log.warning("result not sent yet: task=%s error=%s", kept.task_id, error)
            self._unsent.append(kept)
        except Invalid as refusal:
            _log.error("error refused by the server: task=%s error=%s", kept.task_id, refusal)
            self._settle(kept, str(refusal))
        return None

    def deliver(
        self, kept: Kept, claim: Mapping[str, str] | None, *, patient: bool = True
    ) -> Steps[Answer | None]:
        """Send a result and note what became of it.

        Args:
            kept: The result.
            claim: The poll to answer along with it, where more work is wanted.
            patient: Whether to re-send until it is answered.

        Returns:
            The answer, None where the result does not count any more.

        Raises:
            Invalid: The server refuses the result, and the error in its place.
            Unavailable: The only attempt failed, where ``patient`` is false.
        """
        send = functools.partial(
            self._reports.send, kept.execution_id, claim=claim, patient=patient
        )
        try:
            answer = yield from send(kept.event)
        except (Conflict, NotFound) as refusal:
            _log.warning("result dropped by the server: task=%s error=%s", kept.task_id, refusal)
            self._settle(kept, str(refusal))
            return None
        except Invalid as refusal:
            _log.error("result refused by the server: task=%s error=%s", kept.task_id, refusal)
            # The plan's owner must see why.
            answer = yield from send(kept.as_error(refusal).event)
            self._settle(kept, str(refusal))
        else:
            self._settle(kept)
        _log.debug("reported: task=%s event=%s", kept.task_id, kept.event["event_type"])
        return answer

    def _kept(self, kept: Kept) -> Steps[Kept]:
        if self._outbox is not None:
            try:
                yield OnDisk(functools.partial(self._outbox.keep, kept))
            except OutboxError as error:
                _log.error("result not kept on disk: task=%s error=%s", kept.task_id, error)
        return kept

    def _settle(self, kept: Kept, said: str | None = None) -> None:
        if self._outbox is not None:
            self._outbox.settle(kept, said)
