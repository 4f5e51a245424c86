"""Reconciling live executions with their record, in both directions (``docs/recovery.md``)."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from app.domain.errors import DomainError
from app.domain.execution import Execution, Header
from app.domain.states import ExecutionStatus
from app.live.executions import LiveExecutions
from app.live.inventory import Found, Inventory
from app.record.batches import Batch, BatchWriter
from app.record.errors import RecordError, RecordUnavailable
from app.record.mending import Mending
from app.services.cases import PERSON, Case, Cases, Finding
from app.services.clock import Clock
from app.services.survey import Survey

__all__ = ["PERSON", "Finding", "RecoveryService"]

logger = logging.getLogger(__name__)

_UNFINISHED: Final = frozenset(status for status in ExecutionStatus if not status.ended)


class RecoveryService:
    """Compares Redis with PostgreSQL and mends the one that is behind from the other.

    Works while everything runs: what moves on meanwhile is left alone. Doing it again, or twice
    at once, changes nothing.
    """

    def __init__(
        self,
        live: LiveExecutions,
        inventory: Inventory,
        mending: Mending,
        writer: BatchWriter,
        clock: Clock,
    ) -> None:
        self._live = live
        self._inventory = inventory
        self._mending = mending
        self._writer = writer
        self._survey = Survey(inventory, mending, clock)
        self._cases = Cases(live, inventory, mending, clock)

    def recover(self, *, dry_run: bool = False) -> list[Finding]:
        """Compare every execution that is not over; give what differed and what became of it.

        Args:
            dry_run: Only tell; nothing is changed in either store.
        """
        suspects = _by_workspace(self._mending.suspects())
        found = self._inventory.find()
        findings: list[Finding] = []
        for workspace_id in sorted({*found, *suspects}):
            here = found.get(workspace_id) or Found()
            troubled = self._survey.troubled(workspace_id, here, suspects.get(workspace_id, []))
            findings += self._mend_all(workspace_id, sorted(troubled), dry_run=dry_run)
        return findings

    def revive(self) -> list[Finding]:
        """Bring back unfinished executions that Redis does not hold; cheap where there are none."""
        findings: list[Finding] = []
        for workspace_id, execution_ids in _by_workspace(self._mending.unfinished()).items():
            live = self._inventory.headers(workspace_id, execution_ids)
            missing = [one for one in execution_ids if one not in live]
            findings += self._mend_all(workspace_id, missing, dry_run=False)
        return findings

    def _mend_all(
        self, workspace_id: str, execution_ids: Sequence[str], *, dry_run: bool
    ) -> list[Finding]:
        findings: list[Finding] = []
        for cases in self._cases.of(workspace_id, execution_ids):
            if not dry_run:
                self._set_rows([case for case in cases if case.has_wrong_rows])
            for case in cases:
                findings += self._mend_one(case, dry_run=dry_run)
        return findings

    def _set_rows(self, cases: Sequence[Case]) -> None:
        """Set the record of many to the fold of their logs, where it has not moved on.

        Before agents find them: from then on the rows move.
        """
        try:
            self._write(cases)
        except RecordUnavailable:
            raise
        except (RecordError, DomainError):
            # One of them is refused. Each for itself, to find out which.
            for case in cases:
                with case.guarded():
                    self._write([case])

    def _write(self, cases: Sequence[Case]) -> None:
        if news := [event for case in cases for event in case.missing_events()]:
            self._writer.write(Batch(events=news))
        wholes = [(case.end, case.whole(case.state)) for case in cases if case.state]
        done = self._mending.reset(wholes)
        for case in cases:
            case.is_set = case.execution_id in done

    def _mend_one(self, case: Case, *, dry_run: bool) -> list[Finding]:
        findings: list[Finding] = []
        if case.trouble is None:
            with case.guarded():
                findings = list(self._mend(case, dry_run=dry_run))
        if case.trouble is not None:
            findings = [case.trouble]
        for one in findings:
            level = logging.ERROR if one.action == PERSON else logging.WARNING
            told = msgspec.structs.asdict(one)
            logger.log(level, "recovery: %s", one.what, extra=told)
        return findings

    def _mend(self, case: Case, *, dry_run: bool) -> Iterator[Finding]:
        if case.fork is not None:
            yield case.finding("fork", f"two histories from event {case.fork} on", "", PERSON)
            return
        for first, last in case.merged.gaps:
            yield case.finding("gap", f"events {first} to {last} are nowhere", "", PERSON)
        header, execution = case.copy.header, case.copy.execution
        if case.state is not None:
            yield from self._mend_redis(case, case.state, dry_run=dry_run)
        elif header is None:
            yield from self._mend_unknown(case, dry_run=dry_run)
        elif execution is None:
            yield case.finding("incomplete", f"states missing at {header.seq}", "", PERSON)
        else:
            yield from self._mend_record(case, execution, dry_run=dry_run)
            yield from self._mend_order(case, execution, dry_run=dry_run)

    def _mend_redis(self, case: Case, state: Execution, *, dry_run: bool) -> Iterator[Finding]:
        """Bring Redis up to the log; clear up after an execution that has ended."""
        end, told = case.end, f"{state.header.status} at {state.header.seq}"
        if case.is_set or (dry_run and case.has_wrong_rows):
            was = f"{end.status} at {end.seq}" if end.status else "not in the record"
            yield case.finding("rows", was, told, _did("mended", dry_run=dry_run))
        header = case.copy.header
        if header is None and state.header.status.ended:
            if case.leftovers:
                yield from self._forget(case, dry_run=dry_run)
        elif dry_run or self._live.rebuild(
            state,
            header.seq if header else None,
            case.at,
            receipts=case.receipts,
            strays=case.copy.strays,
        ):
            yield _rebuilt(case, header, state, _did("rebuilt", dry_run=dry_run))

    def _mend_unknown(self, case: Case, *, dry_run: bool) -> Iterator[Finding]:
        """Clear up after an execution without any event, which is over or never was."""
        if case.merged.gaps:
            return
        if case.end.seq and case.end.status in _UNFINISHED:
            yield case.finding("lost", "its events are nowhere", "", PERSON)
        elif case.leftovers:
            yield from self._forget(case, dry_run=dry_run)

    def _mend_record(self, case: Case, execution: Execution, *, dry_run: bool) -> Iterator[Finding]:
        """Write into the record what only Redis has, where the log will not bring it by itself."""
        end, header = case.end, execution.header
        if not case.news and end.seq >= end.last and end.status:
            return
        if end.status and not case.lacks:
            return
        if not dry_run:
            self._writer.write(Batch(events=case.missing_events()))
            self._mending.complete(case.whole(execution))
        was = f"record at {end.last}" if end.status else "not in the record"
        action = _did("caught up", dry_run=dry_run)
        yield case.finding("ahead", was, f"at {header.seq}", action)

    def _mend_order(self, case: Case, execution: Execution, *, dry_run: bool) -> Iterator[Finding]:
        """Set places, timers and lists anew from the live state."""
        differences = case.copy.differences
        if not differences:
            return
        version = execution.header.seq
        if dry_run or self._live.rebuild(execution, version, case.at, strays=case.copy.strays):
            kinds = ", ".join(sorted({kind for kind, *_ in differences}))
            told = f"{len(differences)} differ: {kinds}"
            action = _did("rebuilt", dry_run=dry_run)
            yield case.finding("disorder", told, f"as at {version}", action)

    def _forget(self, case: Case, *, dry_run: bool) -> Iterator[Finding]:
        workspace_id, strays = case.workspace_id, case.copy.strays
        if dry_run or self._live.forget(workspace_id, case.execution_id, strays):
            action = _did("removed", dry_run=dry_run)
            yield case.finding("orphan", "keys of no live execution", "none", action)


def _by_workspace(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for workspace_id, execution_id in pairs:
        found[workspace_id].append(execution_id)
    return found


def _did(action: str, *, dry_run: bool) -> str:
    return f"would be {action}" if dry_run else action


def _rebuilt(case: Case, header: Header | None, state: Execution, action: str) -> Finding:
    now = state.header
    if header is None:
        return case.finding("missing", "not in Redis", f"{now.status} at {now.seq}", action)
    what = "behind" if header.seq < now.seq else "incomplete"
    return case.finding(what, f"Redis at {header.seq}", f"at {now.seq}", action)
