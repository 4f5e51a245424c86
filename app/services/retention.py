"""Putting months of the log away once nobody is to add to them, and bringing them back."""

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from app.domain.errors import NotFound
from app.live.executions import LiveExecutions
from app.record.archive_files import Manifest
from app.record.archives import ArchivedMonth, Archives, Born
from app.record.errors import Damaged, NotClosed
from app.record.partitions import Month, Partitions
from app.services.clock import Clock

logger = logging.getLogger(__name__)

_NAMED_AT_MOST: Final = 3


class MonthView(msgspec.Struct, frozen=True):
    """Where a month's events are, and what keeps them in PostgreSQL."""

    month: str
    recorded: bool
    archive: ArchivedMonth | None
    kept_because: str


class RetentionService:
    """Keeps the log in PostgreSQL from growing for ever. Killed at any point, it may run again."""

    def __init__(
        self,
        archives: Archives,
        partitions: Partitions,
        live: LiveExecutions,
        retention: dt.timedelta,
        clock: Clock,
    ) -> None:
        self._archives = archives
        self._partitions = partitions
        self._live = live
        self._retention = retention
        self._clock = clock

    def put_away_due(self) -> list[Manifest]:
        """Put away every month whose time has come; give what was written.

        One that cannot be put away does not hold up the others: it is logged, and tried again.
        A role that does not own the log leaves it to the one that does.
        """
        if not self._partitions.are_ours():
            return []
        self._partitions.make_ahead(self._clock())
        with self._archives.alone() as alone:
            if not alone:
                return []
            self._archives.remove_drafts()
            return [done for month in self._partitions.months() for done in self._if_due(month)]

    def put_away(self, month: Month) -> Manifest | None:
        """Put one month away now, whatever the retention says; None where it has no events.

        Raises:
            NotFound: PostgreSQL holds nothing of this month.
            NotClosed: It may still change, or another process puts months away.
            Damaged: Its events do not prove themselves.
        """
        with self._archives.alone() as alone:
            _refuse_company(alone=alone)
            if month not in self._partitions.months():
                raise NotFound(f"PostgreSQL holds no events of {month}.")
            born = self._archives.born_in(month)
            if reason := self._kept_because(month, born, dt.timedelta()):
                raise NotClosed(f"{month} cannot be put away: {reason}.")
            return next(iter(self._put_away(month, born)), None)

    def bring_back(self, place: Month | Path) -> Manifest:
        """Read a month's archive into PostgreSQL, where it then stays for another retention.

        Raises:
            Damaged: The archive is not what it was; the message names the place.
            NotClosed: Another process puts months away.
        """
        folder = self._place(place) if isinstance(place, Month) else place
        with self._archives.alone() as alone:
            _refuse_company(alone=alone)
            manifest = self._archives.bring_back(folder, self._clock())
        logger.info("month brought back", extra={"month": manifest.month, "rows": manifest.rows})
        return manifest

    def months(self) -> list[MonthView]:
        """List every month that is in PostgreSQL, in an archive or in both."""
        archived = self._archives.all()
        recorded = {str(month): month for month in self._partitions.months()}
        return [
            MonthView(
                month=name,
                recorded=name in recorded,
                archive=archived.get(name),
                kept_because=self._reason(recorded[name]) if name in recorded else "",
            )
            for name in sorted({*archived, *recorded})
        ]

    def orphans(self) -> list[str]:
        """Name tables that look like a part of the log and are none."""
        return self._partitions.orphans()

    def _if_due(self, month: Month) -> Iterable[Manifest]:
        born = self._archives.born_in(month)
        if self._kept_because(month, born, self._retention):
            return ()
        try:
            return self._put_away(month, born)
        except (Damaged, NotClosed) as error:
            logger.error("month not put away: %s", error, extra={"month": str(month)})  # noqa: TRY400
            return ()

    def _put_away(self, month: Month, born: Sequence[Born]) -> Iterable[Manifest]:
        manifest = self._archives.put_away(month, born, self._clock())
        if manifest is None:
            return ()
        logger.info("month put away", extra={"month": str(month), "rows": manifest.rows})
        return (manifest,)

    def _place(self, month: Month) -> Path:
        known = self._archives.all().get(str(month))
        return Path(known.place) if known else self._archives.folder / str(month)

    def _reason(self, month: Month) -> str:
        return self._kept_because(month, self._archives.born_in(month), self._retention)

    def _kept_because(self, month: Month, born: Sequence[Born], age: dt.timedelta) -> str:
        """Say why a month stays in PostgreSQL; empty where nothing keeps it."""
        if month.next.start > self._clock():
            return "the month is not over"
        if unfinished := [one.execution_id for one in born if not one.ended]:
            return f"not ended: {_names(unfinished)}"
        archived = self._archives.all().get(str(month))
        since = [month.next.start, *(one.updated_at for one in born)]
        if archived and archived.restored_at:
            since.append(archived.restored_at)
        if age and (due := max(since) + age) > self._clock():
            return f"it is due on {due:%Y-%m-%d}"
        live = self._in_redis(born)
        return f"still in Redis: {_names(live)}" if live else ""

    def _in_redis(self, born: Sequence[Born]) -> list[str]:
        by_workspace = sorted(born, key=lambda one: one.workspace_id)
        return [
            execution_id
            for workspace_id, group in groupby(by_workspace, key=lambda one: one.workspace_id)
            for execution_id in self._live.headers(
                workspace_id, [one.execution_id for one in group]
            )
        ]


def _refuse_company(*, alone: bool) -> None:
    if not alone:
        raise NotClosed("Another process puts months away or brings one back; try again later.")


def _names(execution_ids: Sequence[str]) -> str:
    named = ", ".join(execution_ids[:_NAMED_AT_MOST])
    more = len(execution_ids) - _NAMED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named
