"""Brings a database to the schema of this version of the program, and back.

Each step runs in one transaction under an advisory lock: processes that start at once wait for
the first, then find nothing to do, and a step that fails leaves the database as it was.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from app.record.engine import connect, transaction
from app.record.errors import UnknownSchema

_SCRIPTS: Final = Path(__file__).parent / "migrations"
# "planexe" in ASCII: any number does that other programs on this database do not use.
_LOCK: Final = 0x706C616E657865


def upgrade(database_url: str) -> None:
    """Bring the schema to this version; does nothing where it is there already.

    Raises:
        UnknownSchema: A newer version of the program was here; use that one.
        RecordUnavailable: The database does not answer; try again.
    """
    _run(database_url, lambda config: command.upgrade(config, "head"))


def downgrade(database_url: str, revision: str = "base") -> None:
    """Take the schema back to a revision; what newer tables and columns held is lost.

    Raises:
        UnknownSchema: The revision, or the one the database is at, is not known here.
    """
    _run(database_url, lambda config: command.downgrade(config, revision))


def build_anew(
    database_url: str,
    revision: str,
    empty: Callable[[Connection], None],
    fill: Callable[[Connection], None],
) -> None:
    """Empty the database, build the schema of a revision, fill it, and upgrade: all or nothing.

    Raises:
        UnknownSchema: A newer version of the program was here; use that one.
    """
    with _locked(database_url) as connection:
        config = _config()
        config.attributes["connection"] = connection
        try:
            # Known or not is found out before anything is emptied.
            command.upgrade(config, "head")
            empty(connection)
            command.downgrade(config, "base")
            command.upgrade(config, revision)
            fill(connection)
            command.upgrade(config, "head")
        except CommandError as error:
            raise UnknownSchema(str(error)) from error


def is_known(revision: str) -> bool:
    """Tell whether this version of the program can bring a schema of this revision up to date."""
    scripts = ScriptDirectory.from_config(_config())
    return any(script.revision == revision for script in scripts.walk_revisions())


def current(database_url: str) -> str | None:
    """Name the revision the database is at, None where it is empty."""
    with _locked(database_url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Name the revision that this version of the program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _run(database_url: str, step: Callable[[Config], None]) -> None:
    with _locked(database_url) as connection:
        config = _config()
        config.attributes["connection"] = connection
        try:
            step(config)
        except CommandError as error:
            raise UnknownSchema(str(error)) from error


@contextmanager
def _locked(database_url: str) -> Generator[Connection]:
    engine = connect(database_url, pool_size=1, max_overflow=0)
    try:
        with transaction(engine) as connection:
            # Freed by the end of the transaction, so also right behind a pooler.
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
