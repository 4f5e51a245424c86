"""``planexe-ax prepare``: check the servers, bring the database up to date, recover."""

import argparse

from app.bootstrap import build, ensure_owner
from app.commands.recover import line_of
from app.embedded.check import check_servers
from app.embedded.data_folder import write_private
from app.embedded.errors import StartError
from app.record.migrate import upgrade
from config.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Offer nothing: the settings say it all."""


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Do what the command is for."""
    return prepare(settings)


def prepare(settings: Settings) -> int:
    """Make both servers ready for the processes; repeating it changes nothing.

    The first user's key is shown once and kept in ``<data_dir>/user_key``. Where Redis and the
    record differ, it is told what was done about it.

    Raises:
        StartError: A server is missing or cannot be used.
    """
    if not settings.database_url or not settings.redis_url:
        raise StartError("Set DATABASE_URL and REDIS_URL, or use `planexe-ax up`.")
    check_servers(settings.database_url, settings.redis_url)
    upgrade(settings.database_url)
    if key := ensure_owner(settings):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        path = settings.data_dir / "user_key"
        write_private(path, key)
        print(f"The key of the first user, shown once and kept in {path}:\n{key}")
    for finding in build(settings).recovery.recover():
        print(line_of(finding))
    return 0
