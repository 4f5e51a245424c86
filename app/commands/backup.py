"""``planexe-ax backup``: copy everything into one file, also while processes serve."""

import argparse

from app.bootstrap import build
from app.commands.options import path
from app.commands.reach import reach
from app.embedded.errors import StartError
from app.record import migrate
from app.services.errors import BackupError
from config.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument("file", type=path, help="file to write; one that is there is replaced")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do what the options ask for."""
    with reach(settings) as reached:
        if migrate.current(reached.database_url or "") != migrate.newest():
            raise StartError("The database is of another version. Run `planexe-ax prepare` first.")
        try:
            manifest = build(reached).backup.create(options.file)
        except BackupError as error:
            raise StartError(str(error)) from error
    executions, events = manifest.rows("executions"), manifest.rows("execution_events")
    size = options.file.stat().st_size
    print(f"{options.file}: {executions} executions, {events} events, {size} bytes.")
    return 0
