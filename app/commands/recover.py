"""``planexe-ax recover``: reconcile Redis with the record, or only tell what differs."""

import argparse

import msgspec

from app.bootstrap import build
from app.commands.reach import reach
from app.services.recovery import PERSON, Finding
from config.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument(
        "--dry-run", action="store_true", help="only tell what differs; change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print every finding; the code is 1 where one of them needs a person."""
    with reach(settings) as reached:
        findings = build(reached).recovery.recover(dry_run=options.dry_run)
    if options.json:
        print(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            print(line_of(finding))
        print(summary(findings))
    return int(any(finding.action == PERSON for finding in findings))


def line_of(finding: Finding) -> str:
    """Write a finding as one line."""
    change = f"{finding.was} -> {finding.now}" if finding.now else finding.was
    return f"{finding.execution_id}  {finding.what}: {change}: {finding.action}"


def summary(findings: list[Finding]) -> str:
    """Sum findings up in one line."""
    if not findings:
        return "Redis and the record tell the same."
    waiting = sum(finding.action == PERSON for finding in findings)
    return f"{len(findings)} differences, of which {waiting} need a person."
