"""``planexe-ax history``: list the months of the log, put them away, bring them back."""

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec

from app.bootstrap import build
from app.commands.options import path
from app.commands.reach import reach
from app.domain.errors import DomainError, Invalid
from app.record.archive_files import Manifest
from app.record.errors import RecordError
from app.record.partitions import Month
from app.services.retention import MonthView, RetentionService
from config.logging import configure
from config.settings import Settings

_REFUSED: Final = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument(
        "action",
        choices=sorted(_ACTIONS),
        help="list the months; export those whose time has come; import one from its archive",
    )
    parser.add_argument(
        "place", metavar="MONTH|FOLDER", nargs="?", help="what to import: 2026-06, or a folder"
    )
    parser.add_argument(
        "--month", help="export this one, without waiting for the retention: 2026-06"
    )
    parser.add_argument("--json", action="store_true", help="list for programs")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do what the options ask for; returns 1 where it is refused."""
    configure(settings)
    with reach(settings) as reached:
        retention = build(reached).retention
        try:
            _ACTIONS[options.action](retention, options)
        except (DomainError, RecordError, OSError) as error:
            print(error, file=sys.stderr)
            return _REFUSED
    return 0


def _list(retention: RetentionService, options: argparse.Namespace) -> None:
    months, orphans = retention.months(), retention.orphans()
    if options.json:
        document = {"months": months, "orphans": orphans}
        print(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    for month in months:
        print(f"{month.month}  {_described(month)}")
    for orphan in orphans:
        print(f"{orphan}  is a table that no month has; look at it, then drop it")


def _described(month: MonthView) -> str:
    if month.archive is None:
        return f"in PostgreSQL; {month.kept_because or 'to be put away'}"
    where = f"{month.archive.rows} events in {month.archive.place}"
    if not month.recorded:
        return f"archived: {where}"
    return f"archived and in PostgreSQL; {month.kept_because or 'to be put away'}; {where}"


def _export(retention: RetentionService, options: argparse.Namespace) -> None:
    if options.month:
        manifest = retention.put_away(Month.parse(options.month))
        done = [manifest] if manifest else []
    else:
        done = retention.put_away_due()
    for manifest in done:
        print(f"{manifest.month}: put away {_counted(manifest)}.")
    if not done:
        print("There was nothing to put away.")


def _import(retention: RetentionService, options: argparse.Namespace) -> None:
    if not options.place:
        raise Invalid("Name what to import: a month such as 2026-06, or a folder.")
    manifest = retention.bring_back(_place(options.place))
    print(f"{manifest.month}: brought back {_counted(manifest)}.")


def _place(text: str) -> Month | Path:
    try:
        return Month.parse(text)
    except DomainError:
        return path(text)


def _counted(manifest: Manifest) -> str:
    return f"{manifest.rows} events of {manifest.executions} executions"


_ACTIONS: Final = {"list": _list, "export": _export, "import": _import}
