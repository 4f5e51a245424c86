"""``planexe-ax verify``: fold logs anew and name the first event where something differs."""

import argparse
import sys
from collections.abc import Iterator

import msgspec

from app.bootstrap import build
from app.commands.reach import reach, told
from app.services.verification import VerificationService, Verified, proof_view, sentence
from config.settings import Settings

_DIFFERS = 1
_EVERY = 100


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument(
        "executions",
        nargs="*",
        metavar="EXECUTION",
        help="which (default: those that have gone on since they were verified)",
    )
    parser.add_argument("--all", action="store_true", help="every execution of all workspaces")
    parser.add_argument("--json", action="store_true", help="print one JSON document a line")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Verify; returns 1 where anything differs.

    Raises:
        StartError: A server cannot be reached, or what is named does not exist or is archived.
    """
    with reach(settings) as reached, told():
        service = build(reached).verification
        count, bad = 0, 0
        for one in _verified(service, options):
            count += 1
            bad += one.proof is not None and not one.proof.ok
            _tell(one, options)
            if not options.executions and count % _EVERY == 0:
                print(f"{count} verified, {bad} with differences …", file=sys.stderr)
    if not options.json:
        print(f"{count} verified, {bad} with differences.")
    return _DIFFERS if bad else 0


def _verified(service: VerificationService, options: argparse.Namespace) -> Iterator[Verified]:
    if options.executions:
        for execution_id in options.executions:
            workspace_id = service.workspace_of(execution_id)
            yield Verified(workspace_id, execution_id, service.verify(workspace_id, execution_id))
    else:
        yield from service.verify_all(everything=options.all)


def _tell(one: Verified, options: argparse.Namespace) -> None:
    proof = one.proof
    if proof is None:
        print(f"{one.execution_id}: skipped. {one.skipped}", file=sys.stderr)
        return
    if options.json:
        print(msgspec.json.encode(proof_view(one.execution_id, proof)).decode())
        return
    if proof.ok and options.executions:
        print(f"{one.execution_id}: {proof.events} events, head {proof.head_hash}: proven")
    for difference in proof.differences:
        print(f"{one.execution_id}: {sentence(difference)}")
    if more := proof.differences_total - len(proof.differences):
        print(f"{one.execution_id}: and {more} more")
