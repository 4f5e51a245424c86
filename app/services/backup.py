"""Backup of everything into one file, and restore from it (``docs/backup.md``)."""

import datetime as dt
import hashlib
import os
import time
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from app.live.executions import LiveExecutions
from app.live.inventory import Inventory
from app.live.log import Log
from app.record import migrate
from app.record.chains import Chains, Walk
from app.record.copies import Copies, TableFile, checked
from app.services.clock import Clock
from app.services.errors import BackupError
from app.services.persistence import PersistenceService
from app.services.recovery import Finding, RecoveryService

FORMAT: Final = 1
PATIENCE: Final = dt.timedelta(minutes=5)
"""How long a backup waits for the record to have what was acknowledged before it began."""

_MANIFEST: Final = "manifest.json"
# An encrypted member is a RuntimeError, an unknown compression a NotImplementedError.
_UNREADABLE: Final = (
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    zlib.error,
    zipfile.BadZipFile,
    msgspec.MsgspecError,
)
_DRAIN: Final = dt.timedelta(milliseconds=100)


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself. ``revision`` is the schema's, ``tables`` are in load order."""

    format: int
    revision: str
    made_at: dt.datetime
    tables: list[TableFile]

    def rows(self, table: str) -> int:
        """Count the rows of a table."""
        return sum(one.rows for one in self.tables if one.table == table)


class Restored(msgspec.Struct, frozen=True):
    """What a restore brought back, what recovery did then, and whether the chains hold."""

    manifest: Manifest
    findings: Sequence[Finding]
    walk: Walk


class BackupService:
    """Makes backups and replaces everything by one."""

    def __init__(
        self,
        persistence: PersistenceService,
        log: Log,
        inventory: Inventory,
        live: LiveExecutions,
        copies: Copies,
        chains: Chains,
        recovery: RecoveryService,
        clock: Clock,
    ) -> None:
        self._persistence = persistence
        self._log = log
        self._inventory = inventory
        self._live = live
        self._copies = copies
        self._chains = chains
        self._recovery = recovery
        self._clock = clock

    def create(self, path: Path, patience: dt.timedelta = PATIENCE) -> Manifest:
        """Write everything that was acknowledged before now into one file of mode 0600.

        The file appears under its name only once it is whole, on disk, and has been read back.

        Raises:
            BackupError: The log cannot be recorded in time, or the file cannot be written.
        """
        self._await_record(patience)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            manifest = self._write(draft)
            check(draft)
            draft.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise BackupError(f"The backup {path} cannot be written: {error}") from error
        finally:
            draft.unlink(missing_ok=True)
        return manifest

    def restore(self, path: Path, *, discard_live: bool = False) -> Restored:
        """Replace the record by a backup, then reconcile Redis with it.

        Call it only while no process serves. Repeat it where it was cut short.

        Args:
            path: What ``create`` wrote.
            discard_live: Drop what Redis knows, also beyond the backup.

        Raises:
            BackupError: The file is none, or damaged; nothing was changed.
            UnknownSchema: The file or the database is of a newer version; nothing was changed.
        """
        manifest = check(path)
        with zipfile.ZipFile(path) as archive:
            self._copies.load(manifest.revision, manifest.tables, archive.open)
        if discard_live:
            self._live.discard_all()
        return Restored(manifest, self._recovery.recover(), self._chains.walk())

    def _await_record(self, patience: dt.timedelta) -> None:
        deadline = time.monotonic() + patience.total_seconds()
        positions = {one: self._log.position(one) for one in self._log.workspaces()}
        for workspace_id, position in positions.items():
            while not self._inventory.is_recorded(workspace_id, position):
                if time.monotonic() > deadline:
                    raise BackupError(
                        f"The log of workspace {workspace_id} is not in PostgreSQL after "
                        f"{patience.total_seconds():g} seconds. Look into the worker's log."
                    )
                self._persistence.drain(workspace_id, _DRAIN)

    def _write(self, draft: Path) -> Manifest:
        revision = migrate.newest() or ""
        with (
            os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
        ):

            def create(name: str) -> IO[bytes]:
                return archive.open(name, "w", force_zip64=True)

            tables = self._copies.write(create)
            manifest = Manifest(FORMAT, revision, self._clock(), tables)
            told = msgspec.json.encode(manifest)
            archive.writestr(_MANIFEST, told)
            archive.comment = seal_of(told)
            archive.close()
            file.flush()
            os.fsync(file.fileno())
        return manifest


def seal_of(manifest: bytes) -> bytes:
    """Give what stands as the comment of a backup's zip, so that the manifest is checked too."""
    return hashlib.sha256(manifest).hexdigest().encode()


def check(path: Path) -> Manifest:
    """Read a backup from its first to its last byte and give its manifest.

    Raises:
        BackupError: It is none, of another format, or not what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            told = archive.read(_MANIFEST)
            if archive.comment != seal_of(told):
                raise BackupError(f"{path} is damaged: its manifest is not as written.")
            manifest = msgspec.json.decode(told, type=Manifest)
            if manifest.format != FORMAT:
                raise BackupError(f"{path} has format {manifest.format}; this reads {FORMAT}.")
            for table in manifest.tables:
                with archive.open(table.path) as source:
                    if not checked(table, source):
                        raise BackupError(f"{path} is damaged: {table.path} is not as written.")
    except _UNREADABLE as error:
        raise BackupError(f"{path} is no backup that can be read: {error}") from error
    return manifest


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
