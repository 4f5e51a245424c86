"""``planexe-ax restore``: replace everything by a backup, while no process serves."""

import argparse
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from app.bootstrap import build
from app.commands.options import path
from app.commands.recover import line_of, summary
from app.domain.errors import DomainError
from app.embedded.data_folder import write_private
from app.embedded.errors import StartError
from app.embedded.servers import running_servers
from app.record.copies import Copies
from app.record.engine import connect
from app.record.errors import RecordError
from app.services.backup import Restored
from app.services.errors import BackupError
from app.services.identity import Identity
from config.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument("file", type=path, help="what `planexe-ax backup` wrote")
    parser.add_argument(
        "--discard-live",
        action="store_true",
        help="drop what Redis knows instead of catching the backup up from it",
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print what was brought back; the code is 1 where a chain does not hold."""
    with _stopped(settings) as reached:
        services = build(reached)
        try:
            restored = services.backup.restore(options.file, discard_live=options.discard_live)
        except (BackupError, RecordError, DomainError) as error:
            raise StartError(f"Nothing was restored. {error}") from error
        _tell(restored)
        _ensure_key(services.identity, reached)
    return int(bool(restored.walk.broken))


@contextmanager
def _stopped(settings: Settings) -> Generator[Settings]:
    """Give the servers' addresses, once it is sure that nobody else uses them.

    Raises:
        StartError: Processes serve; stop them first.
    """
    if not (settings.database_url and settings.redis_url):
        # The lock of the data folder is held by every process of a run.
        with running_servers(settings.data_dir, settings.database_url, settings.redis_url) as urls:
            yield replace(settings, database_url=urls.database_url, redis_url=urls.redis_url)
        return
    engine = connect(settings.database_url, pool_size=1)
    try:
        others = Copies(engine).others()
    finally:
        engine.dispose()
    if others:
        raise StartError(
            f"{others} connections of PlanExe-AX use this database. Stop all processes first."
        )
    yield settings


def _tell(restored: Restored) -> None:
    manifest, walk = restored.manifest, restored.walk
    print(f"Restored the backup of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC.")
    for finding in restored.findings:
        print(line_of(finding))
    print(summary(list(restored.findings)))
    for execution_id, seq in walk.broken.items():
        print(f"{execution_id}  the chain breaks at event {seq}")
    told = "all hold" if not walk.broken else f"{len(walk.broken)} are broken"
    print(f"Chains of {walk.executions} executions with {walk.events} events: {told}.")


def _ensure_key(identity: Identity, settings: Settings) -> None:
    """Keep a key that opens what was restored: the backup holds only hashes."""
    file = settings.data_dir / "user_key"
    if file.exists() and identity.authenticate(file.read_text().strip()):
        return
    if key := identity.new_owner_key():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        write_private(file, key)
        print(f"The first user has one more key, shown once and kept in {file}:\n{key}")
