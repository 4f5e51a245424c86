"""``planexe-ax replay``: show an execution as it was at any event of its log."""

import argparse
from pathlib import Path

import msgspec

from app.bootstrap import build
from app.commands.options import path
from app.commands.reach import reach, told
from app.documents.replay import to_html, to_text
from app.embedded.errors import StartError
from app.services.replay import Replayed, replay_view
from config.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument("execution", metavar="EXECUTION", help="which")
    parser.add_argument(
        "--until", type=int, metavar="SEQ", help="the last event to apply (default: the last)"
    )
    parser.add_argument("--json", action="store_true", help="print the whole state as JSON")
    parser.add_argument("--html", type=path, metavar="FILE", help="write a page to this file")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Fold the log and show what it gives.

    Raises:
        StartError: There is no such execution or event, or its log is broken or archived.
    """
    with reach(settings) as reached, told():
        services = build(reached)
        workspace_id = services.verification.workspace_of(options.execution)
        replayed = services.replay.replay(workspace_id, options.execution, options.until)
    if options.html:
        _write(options.html, replayed)
    elif options.json:
        print(msgspec.json.encode(replay_view(replayed)).decode())
    else:
        print(to_text(replayed))
    return 0


def _write(file: Path, replayed: Replayed) -> None:
    try:
        file.write_text(to_html(replayed))
    except OSError as error:
        raise StartError(f"{file} cannot be written: {error}") from error
    print(f"Written to {file}.")
