"""``planexe-ax prepare``: check the servers, bring the database up to date, recover."""

import argparse

from app.bootstrap import build, ensure_owner
from app.commands.reach import reach
from app.commands.recover import line_of
from app.embedded.check import check_servers
from app.embedded.data_folder import write_private
from app.record.migrate import upgrade
from config.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Offer nothing: the settings say it all."""


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Do what the command is for, also where the servers have to be started for it."""
    with reach(settings) as reached:
        return prepare(reached)


def prepare(settings: Settings) -> int:
    """Make both servers ready for the processes; repeating it changes nothing.

    The first user's key is shown once and kept in ``<data_dir>/user_key``. Where Redis and the
    record differ, it is told what was done about it.

    Raises:
        StartError: A server cannot be used.
    """
    database_url, redis_url = settings.database_url or "", settings.redis_url or ""
    check_servers(database_url, redis_url)
    upgrade(database_url)
    if key := ensure_owner(settings):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        path = settings.data_dir / "user_key"
        write_private(path, key)
        print(f"The key of the first user, shown once and kept in {path}:\n{key}")
    for finding in build(settings).recovery.recover():
        print(line_of(finding))
    return 0
