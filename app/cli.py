"""The command ``planexe-ax``."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, Protocol, cast

from app.commands.options import path
from app.embedded.errors import StartError
from config.settings import PROJECT, Settings, SettingsError
from decomposer.errors import RulesError

COMMANDS: Final = {
    "up": "start everything and carry out a plan",
    "prepare": "check the servers and bring the database up to date",
    "recover": "reconcile Redis with the record",
    "backup": "copy everything into one file",
    "restore": "replace everything by a backup",
    "worker": "handle the messages of the queue",
    "history": "list, put away and bring back months of the log",
    "execute": "carry out a plan on a running server",
    "calibrate": "compare the confidence of breakdowns with what became of them",
    "verify": "prove from their logs that executions are stored as they happened",
    "replay": "show an execution as it was at any event of its log",
}
"""What each module of ``app.commands`` that is a command does."""

_CANNOT_START: Final = 2


class Command(Protocol):
    """What a command's module offers."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Say what the command may be asked for."""
        ...

    def run(self, settings: Settings, options: argparse.Namespace) -> int:
        """Do what the options ask for; returns the exit code."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that is named; returns its exit code.

    Wrong settings and everything that cannot be started are told in a sentence, with code 2.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    # Only what is asked for is imported: the runner serves for months and shall stay small.
    command = _command(words[0]) if words and words[0] in COMMANDS else None
    options = parser_of(words[0] if words else "", command).parse_args(words)
    if command is None:
        raise AssertionError("The parser takes no other words.")
    try:
        settings = Settings.load({**os.environ, **_overrides(options)}, PROJECT / ".env")
        return command.run(settings, options)
    except (SettingsError, StartError, RulesError) as error:
        print(error, file=sys.stderr)
        return _CANNOT_START


def parser_of(name: str, command: Command | None) -> argparse.ArgumentParser:
    """Build the parser, with the options of one command."""
    parser = argparse.ArgumentParser(
        prog="planexe-ax", description="Carries out plans with autonomous agents."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for one, summary in COMMANDS.items():
        of_one = commands.add_parser(
            one, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        if one == name and command:
            command.add_options(of_one)
            of_one.add_argument(
                "--data-dir", type=path, help="folder of the servers' data and the keys"
            )
    return parser


def _overrides(options: argparse.Namespace) -> dict[str, str]:
    """Spell the options that stand for settings as their variables."""
    named = {"PLANEXE_PORT": "port", "PLANEXE_DATA_DIR": "data_dir"}
    found = {name: getattr(options, option, None) for name, option in named.items()}
    return {name: str(value) for name, value in found.items() if value is not None}


def _command(name: str) -> Command:
    return cast("Command", import_module(f"app.commands.{name}"))


if __name__ == "__main__":
    sys.exit(main())
